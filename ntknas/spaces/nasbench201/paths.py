"""The live part of a cell: edges and paths from input to output, and their operations."""

from ntknas.spaces.nasbench201.cell import Architecture
from ntknas.spaces.nasbench201.listing import EDGES, NONE, OPERATIONS, live
from ntknas.spaces.nasbench201.selection import ArchitectureLike, architecture_of
from ntknas.spaces.nasbench201.size import num_parameters

__all__ = ["depth", "live_edges", "live_operations", "live_paths", "structure"]

_CONV_1X1, _CONV_3X3, _POOL = map(
    OPERATIONS.index, ("nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
)
_CONVOLUTIONS = (_CONV_1X1, _CONV_3X3)


def live_edges(architecture: ArchitectureLike) -> tuple[bool, ...]:
    """Which of the six edges lie on a path from the cell's input to its output.

    An edge is dead if its operation is `none`, if no path from the input reaches it, or if no path
    leads from it to the output. It may hold parameters and cost FLOPs, but the output does not
    depend on it.

    Args:
        architecture: Cell to analyse.

    Returns:
        Six truth values in the order of `EDGES`.

    Example:
        >>> live_edges(Architecture.from_code("300030"))
        (True, False, False, False, True, False)
    """
    architecture = architecture_of(architecture)
    return live(architecture.ops)


def live_operations(architecture: ArchitectureLike) -> tuple[int, ...]:
    """Op codes with every edge that cannot change a kernel set to `none`, to save time.

    An edge matters if its value reaches the output, and if it has an input or parameters of its
    own: a convolution of zeros still ends in a normalisation, whose bias has a gradient. This
    function therefore keeps more edges than `live_edges`.

    Args:
        architecture: Cell to analyse.

    Returns:
        Six op codes.

    Example:
        >>> live_operations(Architecture.from_code("003003"))
        (0, 0, 3, 0, 0, 3)
    """
    architecture = architecture_of(architecture)
    edges = list(zip(architecture.ops, EDGES, strict=True))
    filled, useful = {0}, {3}
    for op, (source, target) in edges:
        if op in _CONVOLUTIONS or (op and source in filled):
            filled.add(target)
    for op, (source, target) in reversed(edges):
        if op and target in useful:
            useful.add(source)
    return tuple(
        op if target in useful and (op in _CONVOLUTIONS or source in filled) else NONE
        for op, (source, target) in edges
    )


def live_paths(architecture: ArchitectureLike) -> list[tuple[int, ...]]:
    """Every path from the cell's input to its output that no `none` interrupts.

    Args:
        architecture: Cell to analyse.

    Returns:
        The op codes along each path, in order; at most four paths, and none for a constant cell.

    Example:
        >>> live_paths(Architecture.from_code("300130"))
        [(1,), (3, 3)]
    """
    architecture = architecture_of(architecture)
    to_node: list[list[tuple[int, ...]]] = [[()], [], [], []]
    for op, (source, target) in zip(architecture.ops, EDGES, strict=True):
        if op != NONE:
            to_node[target] += [(*path, op) for path in to_node[source]]
    return to_node[3]


def depth(architecture: ArchitectureLike) -> int:
    """The number of convolution edges on the longest live path; 0 for a constant cell.

    Args:
        architecture: Cell to analyse.

    Returns:
        A number from 0 to 3.

    Example:
        >>> depth(Architecture.from_code("333333")), depth(Architecture.from_code("111111"))
        (3, 0)
    """
    return _most(live_paths(architecture), _CONVOLUTIONS)


def structure(architecture: ArchitectureLike) -> dict[str, float]:
    """Counts of the live graph, which need no network.

    Args:
        architecture: Cell to analyse.

    Returns:
        The counts by name.

        * live_params: number of parameters of the benchmark's network (`num_parameters`) without
          dead edges
        * convolutions: number of live edges with a convolution
        * depth: number of convolutions on the live path that has the most
        * mean_depth: number of convolutions on a live path, averaged over the live paths
        * depth_3x3: number of 3x3 convolutions on the live path that has the most
        * plain_depth_3x3: the same, over paths without pooling
        * direct: 1 if an operation connects the input to the output directly, else 0
        * pools: number of live edges with a pooling
        * pool_paths: number of live paths through at least one pooling
        * skip_paths: number of live paths that consist of skips
        * linear_pool_paths: number of live paths through a pooling and no convolution
        * surplus_linear_paths: number of live paths without a convolution, less one; 0 if there is
          none

        For a constant cell all are 0, except live_params, which counts the layers around the cells.

    Example:
        >>> counts = structure(Architecture.from_code("300432"))
        >>> counts["depth"], counts["mean_depth"], counts["pool_paths"], counts["direct"]
        (2.0, 1.0, 1.0, 1.0)
    """
    architecture = architecture_of(architecture)
    paths = live_paths(architecture)
    alive = tuple(
        op if is_live else NONE
        for op, is_live in zip(architecture.ops, live_edges(architecture), strict=True)
    )
    depths = [_most([path], _CONVOLUTIONS) for path in paths]
    linear = [path for path, convolutions in zip(paths, depths, strict=True) if not convolutions]
    counts = {
        "live_params": num_parameters(Architecture(alive)),
        "convolutions": sum(op in _CONVOLUTIONS for op in alive),
        "depth": max(depths, default=0),
        "mean_depth": sum(depths) / max(len(depths), 1),
        "depth_3x3": _most(paths, (_CONV_3X3,)),
        "plain_depth_3x3": _most([path for path in paths if _POOL not in path], (_CONV_3X3,)),
        "direct": any(len(path) == 1 for path in paths),
        "pools": alive.count(_POOL),
        "pool_paths": sum(_POOL in path for path in paths),
        "skip_paths": sum(_POOL not in path for path in linear),
        "linear_pool_paths": sum(_POOL in path for path in linear),
        "surplus_linear_paths": max(len(linear) - 1, 0),
    }
    return {name: float(count) for name, count in counts.items()}


def _most(paths: list[tuple[int, ...]], ops: tuple[int, ...]) -> int:
    """Number of edges with one of these operations, on the path that has the most of them."""
    return max((sum(op in ops for op in path) for path in paths), default=0)
