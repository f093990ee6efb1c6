# What the room gives; each name is imported when it is first used.
from .analytic import analytic_blocks as analytic_blocks, analytic_kernel as analytic_kernel
from .bound import (
    BoundTerms as BoundTerms,
    WeylBound as WeylBound,
    bound_terms as bound_terms,
    confidence_term as confidence_term,
    weyl_bound as weyl_bound,
)
from .dynamics import (
    Moment as Moment,
    kernel_distance as kernel_distance,
    kernel_dynamics as kernel_dynamics,
)
from .experiment import (
    TheoryResult as TheoryResult,
    TheorySpec as TheorySpec,
    theory_experiment as theory_experiment,
)
from .fully_connected import (
    Activation as Activation,
    FullyConnected as FullyConnected,
    FullyConnectedSpec as FullyConnectedSpec,
    Parametrisation as Parametrisation,
    Variances as Variances,
    unit_inputs as unit_inputs,
)
from .infinite_width import (
    Convergence as Convergence,
    InfiniteWidth as InfiniteWidth,
    convergence as convergence,
    infinite_width as infinite_width,
    kernel_regression as kernel_regression,
)
from .kernels import (
    initial_blocks as initial_blocks,
    joint_gram as joint_gram,
    layerwise_gram as layerwise_gram,
    logits_convention as logits_convention,
)
from .neural_tangents import neural_tangents as neural_tangents
from .summary import summarise_theory as summarise_theory
from .task import (
    SphereTask as SphereTask,
    Task as Task,
    image_task as image_task,
    sphere_task as sphere_task,
)
from .validation import Measurement as Measurement, measure as measure
