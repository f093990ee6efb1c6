"""What of a cell is alive: edges on a path from input to output, and the longest such path."""

from ntknas.architecture.cell import Architecture
from ntknas.architecture.space import EDGES, OPERATIONS, live

__all__ = ["depth", "live_edges"]

_CONVOLUTIONS = (OPERATIONS.index("nor_conv_1x1"), OPERATIONS.index("nor_conv_3x3"))


def live_edges(architecture: Architecture) -> tuple[bool, ...]:
    """Which of the six edges lie on a path from the cell's input to its output.

    An edge that carries `none`, that nothing reaches, or that leads nowhere is dead: it may hold
    parameters and cost FLOPs, but the output does not depend on it.

    Args:
        architecture: The cell.

    Returns:
        Six truth values in the order of `EDGES`.

    Example:
        >>> live_edges(Architecture.from_code("300030"))
        (True, False, False, False, True, False)
    """
    return live(architecture.ops)


def depth(architecture: Architecture) -> int:
    """The number of convolution edges on the longest live path; 0 for a constant cell.

    Args:
        architecture: The cell.

    Returns:
        0 to 3.

    Example:
        >>> depth(Architecture.from_code("333333")), depth(Architecture.from_code("111111"))
        (3, 0)
    """
    longest = [0, 0, 0, 0]
    alive = live_edges(architecture)
    for op, (source, target), is_live in zip(architecture.ops, EDGES, alive, strict=True):
        if is_live:
            longest[target] = max(longest[target], longest[source] + (op in _CONVOLUTIONS))
    return longest[3]
