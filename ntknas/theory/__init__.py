"""The theory of robust neural tangent kernel bounds, tested on fully connected networks."""

from ntknas.theory.analytic import analytic_blocks, analytic_kernel
from ntknas.theory.bound import (
    BoundTerms,
    WeylBound,
    bound_terms,
    confidence_term,
    weyl_bound,
)
from ntknas.theory.dynamics import Moment, kernel_distance, kernel_dynamics
from ntknas.theory.infinite_width import (
    Convergence,
    InfiniteWidth,
    convergence,
    infinite_width,
    kernel_regression,
)
from ntknas.theory.layers import initial_blocks, joint_gram, layerwise_gram, logits_convention
from ntknas.theory.task import SphereTask, Task, image_task, sphere_task
from ntknas.theory.training import (
    Errors,
    TrainingSpec,
    measured_errors,
    multi_objective_loss,
    train,
    trajectory,
)
from ntknas.theory.validation import Measurement, measure

__all__ = [
    "BoundTerms",
    "Convergence",
    "Errors",
    "InfiniteWidth",
    "Measurement",
    "Moment",
    "SphereTask",
    "Task",
    "TrainingSpec",
    "WeylBound",
    "analytic_blocks",
    "analytic_kernel",
    "bound_terms",
    "confidence_term",
    "convergence",
    "image_task",
    "infinite_width",
    "initial_blocks",
    "joint_gram",
    "kernel_distance",
    "kernel_dynamics",
    "kernel_regression",
    "layerwise_gram",
    "logits_convention",
    "measure",
    "measured_errors",
    "multi_objective_loss",
    "sphere_task",
    "train",
    "trajectory",
    "weyl_bound",
]
