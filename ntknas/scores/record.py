"""`Score`: the record of a score, with its name, formula, direction, source and function.

The record of a kernel score holds the function that computes it. Scores of the other kinds are
computed elsewhere, and their records only describe them: `ntknas.proxies` computes the proxies, and
a search space computes counts and sizes.
"""

import enum
import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ntknas.errors import InputError
from ntknas.scores.stack import KernelStack

__all__ = ["KernelFunction", "Score", "ScoreKind"]

KernelFunction = Callable[[KernelStack], Float[np.ndarray, "*s"]]
"""A function from a stack of kernels to one number per kernel, finite for every finite kernel."""


class ScoreKind(enum.StrEnum):
    """What a score is computed from.

    * `KERNEL`: a kernel matrix.
    * `PROXY`: a network, its weights and a batch of images (zero-cost proxies).
    * `GRAPH`: the graph of an architecture.
    * `SIZE`: the size of its network; these scores are the baselines for all others.
    * `OTHER`: something that another tool computed and a file holds.
    """

    KERNEL = "kernel"
    PROXY = "proxy"
    GRAPH = "graph"
    SIZE = "size"
    OTHER = "other"


@dataclass(frozen=True)
class Score:
    """A score of an architecture.

    Attributes:
        name: Name of the score in tables.
        formula: Formula of the score, as a text. Its symbols are the kernel matrix K of n images
            with eigenvalues l_1 <= ... <= l_n, or the batch's mean cross-entropy L and the weights
            w of layers, or the architecture's graph or size.
        direction: Direction of the score: +1 if higher values are better, -1 if lower values are.
        source: Publication that defines the score.
        kind: Kind of the score, which says what it is computed from.
        function: Function that computes the score from a kernel; None for other kinds, or if it is
            unknown.
        of_layers: Whether the function reads the layer cosine kernel, which parts of a kernel and
            runs of version 0.1 do not have.

    Raises:
        InputError: If the name contains other characters than letters, digits and underscores or
            ends in a digit and an e, or the direction is neither +1 nor -1.
    """

    name: str
    formula: str
    direction: int
    source: str
    kind: ScoreKind = ScoreKind.KERNEL
    function: KernelFunction | None = None
    of_layers: bool = False

    def __post_init__(self) -> None:
        # With an ending such as 1e, the sign in x1e-params would read as part of a number.
        if re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*(?<![0-9][eE])", self.name) is None:
            raise InputError(
                "expected a score's name of letters, digits and underscores, not ending in a digit "
                f"and an e; got {self.name!r}"
            )
        if self.direction not in (1, -1):
            raise InputError(
                f"expected a direction of +1 or -1 for score {self.name}, got {self.direction}"
            )
