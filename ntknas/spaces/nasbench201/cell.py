"""`Architecture`: one cell of the NAS-Bench-201 search space, under all of its names.

A cell has three names: the benchmark's string `|a~0|+|b~0|c~1|+|d~0|e~1|f~2|`, the six op codes in
the order of that string, and the id, its position in NAS-Bench-201's list (Dong & Yang, ICLR 2020).
"""

import operator
import re
from dataclasses import dataclass
from typing import SupportsIndex

from ntknas.errors import InputError, shorten
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
