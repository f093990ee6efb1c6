# What the room gives; each name is imported when it is first used.
from .activations import (
    Activations as Activations,
    Factors as Factors,
    Watched as Watched,
    unit_factors as unit_factors,
)
from .build import CellNetwork as CellNetwork, build as build
from .bundles import (
    Capacities as Capacities,
    EdgeRoute as EdgeRoute,
    Route as Route,
    bundled_cell as bundled_cell,
    route as route,
)
from .cells import (
    EdgeWeights as EdgeWeights,
    apply_operation as apply_operation,
    traced_cell as traced_cell,
    watched_cell as watched_cell,
)
from .initialisation import initial_variables as initial_variables
from .parts import (
    GROUPS as GROUPS,
    cell_layers as cell_layers,
    edge_layers_of as edge_layers_of,
    part_names as part_names,
)
from .skeleton import Network as Network
from .spec import Init as Init, NetworkSpec as NetworkSpec
from .taps import Taps as Taps, random_taps as random_taps
from .torch_code import torch_code as torch_code
from .torch_export import (
    export_torch_weights as export_torch_weights,
    save_torch_weights as save_torch_weights,
)
from .torch_weights import (
    LoadedWeights as LoadedWeights,
    TorchEntry as TorchEntry,
    load_torch_weights as load_torch_weights,
    torch_entries as torch_entries,
)
