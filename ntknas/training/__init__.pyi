# What the room gives; each name is imported when it is first used.
from .accuracy import (
    Evaluator as Evaluator,
    Trial as Trial,
    benchmark_trials as benchmark_trials,
)
from .adversarial import (
    Errors as Errors,
    TrainingSpec as TrainingSpec,
    measured_errors as measured_errors,
    multi_objective_loss as multi_objective_loss,
    train as train,
    trajectory as trajectory,
)
from .augment import crop_and_flip as crop_and_flip
from .checkpoints import (
    Checkpoint as Checkpoint,
    Checkpoints as Checkpoints,
    Trained as Trained,
    load_checkpoint as load_checkpoint,
)
from .folder import TrainingFolder as TrainingFolder
from .loop import Diverged as Diverged, fit as fit
from .recipe import Recipe as Recipe
from .schedule import one_cycle as one_cycle
from .session import (
    SAMPLE_PARTS as SAMPLE_PARTS,
    split_images as split_images,
    train_architectures as train_architectures,
)
from .settings import TrainingSettings as TrainingSettings
from .step import (
    StepResult as StepResult,
    TrainingState as TrainingState,
    initial_state as initial_state,
    training_step as training_step,
    update as update,
)
from .truth_table import (
    check_truth_table as check_truth_table,
    write_truth_table as write_truth_table,
)
