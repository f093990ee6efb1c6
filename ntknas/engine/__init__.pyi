# What the room gives; each name is imported when it is first used.
from .allocator import reused_memory as reused_memory
from .branches import SeedInputs as SeedInputs
from .branches import gram_of as gram_of
from .branches import many_grams as many_grams
from .branches import seed_inputs as seed_inputs
from .cost import Cost as Cost
from .cost import measured_peak as measured_peak
from .cost import run_cost as run_cost
from .executors import EXECUTORS as EXECUTORS
from .executors import Executor as Executor
from .program import PROGRAMS as PROGRAMS
from .program import Program as Program
from .scorer import Scored as Scored
from .scorer import Scorer as Scorer
from .scorer import fit_spec as fit_spec
from .scoring import score as score
from .scoring import score_networks as score_networks
