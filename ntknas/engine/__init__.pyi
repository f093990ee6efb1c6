# What the room gives; each name is imported when it is first used.
from .allocator import reused_memory as reused_memory
from .branches import (
    SeedInputs as SeedInputs,
    gram_of as gram_of,
    many_grams as many_grams,
    seed_inputs as seed_inputs,
    unstacked as unstacked,
)
from .bundles import (
    BundleProgram as BundleProgram,
    bundle_grams as bundle_grams,
    bundle_size as bundle_size,
)
from .cluster import (
    DaskWorkers as DaskWorkers,
    open_cluster as open_cluster,
    parse_cluster as parse_cluster,
)
from .cost import Cost as Cost, measured_peak as measured_peak, run_cost as run_cost
from .executors import EXECUTORS as EXECUTORS, Executor as Executor
from .futures import Workers as Workers, WorkersLost as WorkersLost
from .packing import bundle_capacities as bundle_capacities, pack as pack
from .program import (
    OF_CELLS as OF_CELLS,
    PROGRAMS as PROGRAMS,
    Program as Program,
    default_program as default_program,
)
from .remote import WorkFailed as WorkFailed
from .scorer import Scored as Scored, Scorer as Scorer, fit_spec as fit_spec
from .scoring import score as score, score_networks as score_networks
from .self_check import (
    SelfCheck as SelfCheck,
    check_machine as check_machine,
    self_check_kernels as self_check_kernels,
)
