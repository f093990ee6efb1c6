"""`Score`: the one record of a score: name, formula, direction, source, function.

A score of a kernel brings its function. The other kinds are computed elsewhere, and only their
meaning is written down: proxies by `ntknas.proxies`, counts and sizes by a search space.
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
"""From a stack of kernels to one number per kernel, finite for every finite kernel."""


class ScoreKind(enum.StrEnum):
    """What a score is computed from.

    * `KERNEL`: a kernel matrix.
    * `PROXY`: a network, its weights and a batch of images (zero-cost proxies).
    * `GRAPH`: the graph of an architecture.
    * `SIZE`: the size of its network; the baselines that every other score has to beat.
    """

    KERNEL = "kernel"
    PROXY = "proxy"
    GRAPH = "graph"
    SIZE = "size"


@dataclass(frozen=True)
class Score:
    """A score of an architecture.

    Attributes:
        name: Name in tables.
        formula: Formula, of the kernel matrix K of n images with eigenvalues l_1 <= ... <= l_n, of
            the batch's mean cross-entropy L and the weights w of layers, or of the architecture's
            graph or size.
        direction: +1 if a higher value is better, -1 if a lower one is.
        source: Publication.
        kind: What it is computed from.
        function: For a score of a kernel, the function that computes it.

    Raises:
        InputError: If the name cannot be one, or the direction is neither +1 nor -1.
    """

    name: str
    formula: str
    direction: int
    source: str
    kind: ScoreKind = ScoreKind.KERNEL
    function: KernelFunction | None = None

    def __post_init__(self) -> None:
        # An ending such as 1e would swallow the sign of a rank sum: x1e-params.
        if re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*(?<![0-9][eE])", self.name) is None:
            raise InputError(
                "expected a score's name of letters, digits and underscores, not ending in a digit "
                f"and an e; got {self.name!r}"
            )
        if self.direction not in (1, -1):
            raise InputError(
                f"expected a direction of +1 or -1 for score {self.name}, got {self.direction}"
            )
