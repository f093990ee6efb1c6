# What the room gives; each name is imported when it is first used.
from .adversarial import Errors as Errors
from .adversarial import TrainingSpec as TrainingSpec
from .adversarial import measured_errors as measured_errors
from .adversarial import multi_objective_loss as multi_objective_loss
from .adversarial import train as train
from .adversarial import trajectory as trajectory
