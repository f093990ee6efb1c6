"""`Architecture`: one cell of the NAS-Bench-201 search space, under all of its names.

A cell has three names: the benchmark's string `|a~0|+|b~0|c~1|+|d~0|e~1|f~2|`, the six op codes in
the order of that string, and the id, its position in NAS-Bench-201's list (Dong & Yang, ICLR 2020).
NATS-Bench writes the same string. NASLib has a fourth name, six op indices in an order of its own.
"""

import operator
import re
from dataclasses import dataclass
from typing import Any, SupportsIndex

from ntknas.errors import InputError, shorten
from ntknas.notebook import html_facts
from ntknas.spaces.nasbench201.listing import (
    EDGES,
    NUM_ARCHITECTURES,
    OPERATIONS,
    class_sizes,
    ids,
    listing,
    live,
    representatives,
)

__all__ = ["Architecture"]

# Of NASLib, file naslib/search_spaces/nasbench201/conversions.py: its operations by index, and the
# position in `EDGES` of each of its edges 0->1, 0->2, 0->3, 1->2, 1->3, 2->3.
_NASLIB_OPERATIONS = ("skip_connect", "none", "nor_conv_3x3", "nor_conv_1x1", "avg_pool_3x3")
_NASLIB_EDGES = (0, 1, 3, 2, 4, 5)

_PATTERN = re.compile(
    r"\|([^|~+]*)~0\|\+\|([^|~+]*)~0\|([^|~+]*)~1\|\+\|([^|~+]*)~0\|([^|~+]*)~1\|([^|~+]*)~2\|"
)


@dataclass(frozen=True)
class Architecture:
    """A cell: six op codes in the order of `EDGES`.

    Attributes:
        ops: Six op codes, each the position of an operation in `OPERATIONS`.

    Raises:
        InputError: If there are not six op codes, or one is not in 0..4.

    Example:
        >>> cell = Architecture.from_id(0)
        >>> cell.code
        '421211'
        >>> print(cell)
        |avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|
        >>> Architecture.from_string(cell.string) == Architecture.from_code("421211") == cell
        True
        >>> Architecture.from_code("000000").representative.id
        10
    """

    ops: tuple[int, ...]

    def __post_init__(self) -> None:
        try:
            ops = tuple(operator.index(op) for op in self.ops)
        except TypeError:
            ops = ()
        if len(ops) != len(EDGES) or not all(0 <= op < len(OPERATIONS) for op in ops):
            raise InputError(
                f"expected {len(EDGES)} op codes, each 0..{len(OPERATIONS) - 1}, "
                f"got {shorten(repr(self.ops))}"
            )
        object.__setattr__(self, "ops", ops)

    @classmethod
    def from_string(cls, string: str) -> "Architecture":
        """The cell that a NAS-Bench-201 string names.

        Args:
            string: A string of the form `|op~0|+|op~0|op~1|+|op~0|op~1|op~2|`.

        Raises:
            InputError: If the string has another form or names an unknown operation.
        """
        match = _PATTERN.fullmatch(string.strip())
        if match is None:
            raise InputError(
                "expected an architecture string of the form "
                f"|op~0|+|op~0|op~1|+|op~0|op~1|op~2|, got {shorten(string)!r}"
            )
        for name in match.groups():
            if name not in OPERATIONS:
                raise InputError(
                    f"unknown operation {shorten(name)!r} in {shorten(string, 100)!r}; "
                    f"known: {', '.join(OPERATIONS)}"
                )
        return cls(tuple(OPERATIONS.index(name) for name in match.groups()))

    @classmethod
    def from_id(cls, index: SupportsIndex) -> "Architecture":
        """The cell at position `index` of NAS-Bench-201's list.

        Args:
            index: Id of the cell, in 0..15624.

        Raises:
            InputError: If the id is not in 0..15624.
        """
        index = operator.index(index)
        if not 0 <= index < NUM_ARCHITECTURES:
            raise InputError(
                f"expected an architecture id in 0..{NUM_ARCHITECTURES - 1}, got {index}"
            )
        return cls(listing()[index])

    @classmethod
    def from_code(cls, code: str) -> "Architecture":
        """The cell whose six op codes are the digits of `code`.

        Args:
            code: Six digits, such as "421211".

        Raises:
            InputError: If `code` is not six digits 0..4.
        """
        if re.fullmatch(r"[0-4]{6}", code) is None:
            raise InputError(f"expected six op codes 0..4 such as 421211, got {shorten(code)!r}")
        return cls(tuple(int(digit) for digit in code))

    @classmethod
    def from_naslib(cls, op_indices: Any) -> "Architecture":
        """The cell that NASLib's op indices name.

        NASLib numbers the operations 0 skip_connect, 1 none, 2 nor_conv_3x3, 3 nor_conv_1x1,
        4 avg_pool_3x3, and lists the edges 0->1, 0->2, 0->3, 1->2, 1->3, 2->3.

        Args:
            op_indices: Six numbers, such as (4, 3, 3, 0, 0, 0), or NASLib's graph of the
                architecture, whose `get_op_indices` gives them.

        Raises:
            InputError: If there are not six numbers, or one is not in 0..4.

        Example:
            >>> Architecture.from_naslib((4, 3, 3, 0, 0, 0)).code
            '421211'
        """
        listed = getattr(op_indices, "get_op_indices", lambda: op_indices)()
        try:
            indices = [operator.index(index) for index in listed]
        except TypeError:
            indices = []
        if len(indices) != len(EDGES) or not all(0 <= i < len(OPERATIONS) for i in indices):
            raise InputError(
                f"expected {len(EDGES)} op indices of NASLib, each 0..{len(OPERATIONS) - 1}, such "
                f"as (4, 3, 3, 0, 0, 0), got {shorten(repr(listed))}"
            )
        ops = [0] * len(EDGES)
        for edge, index in zip(_NASLIB_EDGES, indices, strict=True):
            ops[edge] = OPERATIONS.index(_NASLIB_OPERATIONS[index])
        return cls(tuple(ops))

    @property
    def naslib(self) -> tuple[int, ...]:
        """NASLib's six op indices (`from_naslib`).

        Example:
            >>> Architecture.from_code("421211").naslib
            (4, 3, 3, 0, 0, 0)
        """
        return tuple(_NASLIB_OPERATIONS.index(OPERATIONS[self.ops[e]]) for e in _NASLIB_EDGES)

    @property
    def string(self) -> str:
        """The NAS-Bench-201 string."""
        terms = [
            f"{OPERATIONS[op]}~{source}" for op, (source, _) in zip(self.ops, EDGES, strict=True)
        ]
        return f"|{terms[0]}|+|{'|'.join(terms[1:3])}|+|{'|'.join(terms[3:])}|"

    @property
    def code(self) -> str:
        """The six op codes as digits."""
        return "".join(map(str, self.ops))

    @property
    def id(self) -> int:
        """The position in NAS-Bench-201's list."""
        return ids()[self.ops]

    @property
    def representative(self) -> "Architecture":
        """The cell with the smallest id of this cell's class; benchmarks trained only that one."""
        return Architecture(listing()[representatives()[self.id]])

    @property
    def is_representative(self) -> bool:
        """Whether this cell is its class's representative."""
        return representatives()[self.id] == self.id

    @property
    def class_size(self) -> int:
        """The number of cells in this cell's class."""
        return class_sizes()[representatives()[self.id]]

    @property
    def is_constant(self) -> bool:
        """Whether the output never depends on the input: no live path connects them."""
        return not any(live(self.ops))

    def __str__(self) -> str:
        return self.string

    def _repr_html_(self) -> str:
        """What a notebook shows: the drawn cell and its names."""
        from ntknas.spaces.nasbench201.paths import depth
        from ntknas.spaces.nasbench201.picture import cell_svg
        from ntknas.spaces.nasbench201.size import num_parameters

        remark = "its representative"
        if not self.is_representative:
            remark = f"represented by {self.representative.id}"
        longest = f"{depth(self)} convolutions"
        if self.is_constant:
            longest = "none: the output never depends on the input"
        facts = [
            ("string", self.string),
            ("op codes", self.code),
            ("class", f"{self.class_size} cell{'s' * (self.class_size > 1)}, {remark}"),
            ("longest live path", longest),
            ("parameters", f"{num_parameters(self):,} (16 channels, 5 cells, 10 classes)"),
        ]
        return html_facts(f"architecture {self.id}", facts, drawing=cell_svg(self))
