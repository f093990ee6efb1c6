"""The neighbours of a cell, which local search and mutation can move to."""

from ntknas.spaces.nasbench201.cell import Architecture
from ntknas.spaces.nasbench201.listing import OPERATIONS
from ntknas.spaces.nasbench201.selection import ArchitectureLike, architecture_of

__all__ = ["neighbours"]


def neighbours(architecture: ArchitectureLike) -> list[Architecture]:
    """The 24 cells that differ from `architecture` in the operation of exactly one edge.

    Neighbours are cells, not classes: some share the class of `architecture`.

    Args:
        architecture: Cell whose neighbours are listed.

    Returns:
        The 24 cells, ordered by edge, then by op code.

    Example:
        >>> [cell.code for cell in neighbours("code:000000")][:5]
        ['100000', '200000', '300000', '400000', '010000']
    """
    architecture = architecture_of(architecture)
    ops = architecture.ops
    return [
        Architecture((*ops[:edge], op, *ops[edge + 1 :]))
        for edge in range(len(ops))
        for op in range(len(OPERATIONS))
        if op != ops[edge]
    ]
