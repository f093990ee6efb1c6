"""The NAS-Bench-201 search space: operations, edges, the benchmark's list and its classes.

A cell has four nodes; each of its six edges carries one of five operations, so there are
5^6 = 15,625 cells. An architecture's id is its position in NAS-Bench-201's list, which needs no
download: all cells in lexicographic order of their op codes, shuffled by Python's generator with
seed 88. In this module a cell is the tuple of its six op codes, `ops`. The class
`ntknas.spaces.nasbench201.Architecture` wraps that tuple for users.

Two cells are in one class when their unique strings are equal. The rule is that of the benchmark's
`to_unique_str(consider_zero=True)` and gives 6,466 classes. It is not graph isomorphism: zero
terms are kept inside sums, so some cells that compute the same function are in different classes.

References:
    Dong & Yang, NAS-Bench-201, ICLR 2020.
"""

import itertools
import random
from collections import Counter
from functools import cache

__all__ = [
    "EDGES",
    "NUM_ARCHITECTURES",
    "OPERATIONS",
    "Ops",
    "class_sizes",
    "ids",
    "listing",
    "live",
    "representatives",
    "unique_string",
]

Ops = tuple[int, ...]

OPERATIONS: tuple[str, ...] = (
    "none",
    "skip_connect",
    "nor_conv_1x1",
    "nor_conv_3x3",
    "avg_pool_3x3",
)
NONE, SKIP = 0, 1

EDGES: tuple[tuple[int, int], ...] = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))

NUM_ARCHITECTURES = len(OPERATIONS) ** len(EDGES)


@cache
def listing() -> tuple[Ops, ...]:
    """NAS-Bench-201's list: the op codes of every architecture, in the order of the ids.

    Example:
        >>> listing()[0], listing()[1000]
        ((4, 2, 1, 2, 1, 1), (1, 3, 2, 0, 1, 3))
    """
    cells = list(itertools.product(range(len(OPERATIONS)), repeat=len(EDGES)))
    random.Random(88).shuffle(cells)
    return tuple(cells)


@cache
def ids() -> dict[Ops, int]:
    """The inverse of `listing`: from op codes to id."""
    return {ops: index for index, ops in enumerate(listing())}


def unique_string(ops: Ops) -> str:
    """The unique string of a cell, which names its class (`to_unique_str(consider_zero=True)`).

    A node is the sorted "+"-join of its incoming edges. An edge is "#" if its operation is
    `none` or its source is exactly "#", its source if it is a skip connection, and
    "(source)@operation" otherwise.

    Example:
        >>> unique_string((3, 0, 1, 0, 0, 2))
        '#+#+(#+(0)@nor_conv_3x3)@nor_conv_1x1'
    """
    nodes = ["0", "", "", ""]
    for target in (1, 2, 3):
        terms = []
        for op, (source, to) in zip(ops, EDGES, strict=True):
            if to != target:
                continue
            if op == NONE or nodes[source] == "#":
                terms.append("#")
            elif op == SKIP:
                terms.append(nodes[source])
            else:
                terms.append(f"({nodes[source]})@{OPERATIONS[op]}")
        nodes[target] = "+".join(sorted(terms))
    return nodes[3]


@cache
def representatives() -> tuple[int, ...]:
    """For every id, the smallest id of its class.

    Example:
        >>> len(set(representatives()))
        6466
    """
    first: dict[str, int] = {}
    return tuple(first.setdefault(unique_string(ops), index) for index, ops in enumerate(listing()))


@cache
def class_sizes() -> Counter[int]:
    """The number of cells of each class, by the id of its representative."""
    return Counter(representatives())


def live(ops: Ops) -> tuple[bool, ...]:
    """Which edges lie on a path from the input to the output that no `none` interrupts.

    Example:
        >>> live((3, 0, 1, 0, 0, 2))
        (True, False, True, False, False, True)
    """
    open_edges = [edge for op, edge in zip(ops, EDGES, strict=True) if op != NONE]
    # EDGES is sorted by target, so one pass settles reachability in each direction.
    reached = {0}
    for source, target in open_edges:
        if source in reached:
            reached.add(target)
    needed = {3}
    for source, target in reversed(open_edges):
        if target in needed:
            needed.add(source)
    return tuple(
        op != NONE and source in reached and target in needed
        for op, (source, target) in zip(ops, EDGES, strict=True)
    )
