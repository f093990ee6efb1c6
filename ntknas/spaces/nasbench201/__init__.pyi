# What the room gives; each name is imported when it is first used.
from .cell import Architecture as Architecture
from .drawing import draw as draw
from .layers import (
    KERNEL_SIZES as KERNEL_SIZES,
    Layer as Layer,
    LayerKind as LayerKind,
    layers as layers,
)
from .listing import (
    EDGES as EDGES,
    NUM_ARCHITECTURES as NUM_ARCHITECTURES,
    OPERATIONS as OPERATIONS,
    Ops as Ops,
)
from .neighbourhood import neighbours as neighbours
from .paths import (
    depth as depth,
    live_edges as live_edges,
    live_operations as live_operations,
    live_paths as live_paths,
    structure as structure,
)
from .picture import cell_svg as cell_svg
from .selection import (
    ArchitectureLike as ArchitectureLike,
    architecture_named as architecture_named,
    architecture_of as architecture_of,
    architectures as architectures,
)
from .size import flops as flops, num_parameters as num_parameters
from .space import NASBENCH201 as NASBENCH201, NASBench201 as NASBench201
