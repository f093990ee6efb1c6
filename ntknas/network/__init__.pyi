# What the room gives; each name is imported when it is first used.
from .activations import Activations as Activations
from .activations import Factors as Factors
from .activations import Watched as Watched
from .activations import unit_factors as unit_factors
from .build import CellNetwork as CellNetwork
from .build import build as build
from .cells import EdgeWeights as EdgeWeights
from .cells import apply_operation as apply_operation
from .cells import traced_cell as traced_cell
from .cells import watched_cell as watched_cell
from .initialisation import initial_variables as initial_variables
from .skeleton import Network as Network
from .spec import Init as Init
from .spec import NetworkSpec as NetworkSpec
from .torch_weights import LoadedWeights as LoadedWeights
from .torch_weights import load_torch_weights as load_torch_weights
