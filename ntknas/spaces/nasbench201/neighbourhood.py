"""The cells one step away: the moves of local search and of mutation."""

from ntknas.spaces.nasbench201.cell import Architecture
from ntknas.spaces.nasbench201.listing import OPERATIONS

__all__ = ["neighbours"]


def neighbours(architecture: Architecture) -> list[Architecture]:
    """The 24 cells that differ from `architecture` in the operation of exactly one edge.

    Neighbours are cells, not classes: some share the class of `architecture`.

    Args:
        architecture: The cell.

    Returns:
        24 cells, by edge, then by op code.

    Example:
        >>> [cell.code for cell in neighbours(Architecture.from_code("000000"))][:5]
        ['100000', '200000', '300000', '400000', '010000']
    """
    ops = architecture.ops
    return [
        Architecture((*ops[:edge], op, *ops[edge + 1 :]))
        for edge in range(len(ops))
        for op in range(len(OPERATIONS))
        if op != ops[edge]
    ]
