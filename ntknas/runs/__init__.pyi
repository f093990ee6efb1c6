# What the room gives; each name is imported when it is first used.
from .merge import merge_runs as merge_runs
from .precomputed import (
    PRECOMPUTED as PRECOMPUTED,
    Precomputed as Precomputed,
    load_precomputed as load_precomputed,
    write_precomputed as write_precomputed,
)
from .presets import PRESETS as PRESETS
from .rows import KernelRow as KernelRow, ScoreRow as ScoreRow, score_rows as score_rows
from .run import Run as Run
from .spec import (
    PARAMETERS as PARAMETERS,
    ScoringSpec as ScoringSpec,
    named_differences as named_differences,
)
from .store import Description as Description, GramRecord as GramRecord, Store as Store
