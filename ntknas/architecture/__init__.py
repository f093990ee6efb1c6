"""What a cell is: op codes, strings, ids, classes, size, neighbours and selections.

NumPy and the standard library only; nothing is built until it is asked for.
"""

from ntknas.architecture.cell import Architecture
from ntknas.architecture.drawing import draw
from ntknas.architecture.neighbourhood import neighbours
from ntknas.architecture.paths import depth, live_edges, live_paths, structure
from ntknas.architecture.selection import architectures
from ntknas.architecture.size import flops, num_parameters
from ntknas.architecture.space import EDGES, NUM_ARCHITECTURES, OPERATIONS

__all__ = [
    "EDGES",
    "NUM_ARCHITECTURES",
    "OPERATIONS",
    "Architecture",
    "architectures",
    "depth",
    "draw",
    "flops",
    "live_edges",
    "live_paths",
    "neighbours",
    "num_parameters",
    "structure",
]
