# What the room gives; each name is imported when it is first used.
from .loop import (
    SEARCHES as SEARCHES,
    Evaluation as Evaluation,
    Objective as Objective,
    Search as Search,
    search as search,
)
