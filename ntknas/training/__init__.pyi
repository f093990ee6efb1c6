# What the room gives; each name is imported when it is first used.
from .adversarial import (
    Errors as Errors,
    TrainingSpec as TrainingSpec,
    measured_errors as measured_errors,
    multi_objective_loss as multi_objective_loss,
    train as train,
    trajectory as trajectory,
)
