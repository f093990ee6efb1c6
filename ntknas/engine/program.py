"""What a program is: it turns architectures into joint Gram matrices.

Two programs ship with the package. `branches` serves all of NAS-Bench-201 with one compilation.
`static` takes any network of any space, and compiles each one by itself.
"""

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np

from ntknas.registry import Registry

__all__ = ["PROGRAMS", "Program"]


@runtime_checkable
class Program(Protocol):
    """A program, made once per session from settings and batches of images."""

    @property
    def launch_size(self) -> int:
        """The number of architectures that are computed together."""
        ...

    def grams(self, launch: Sequence[Any]) -> list[np.ndarray]:
        """The joint Gram matrices of at most `launch_size` architectures.

        Returns:
            For each architecture [s, r, m, m] in the type of the arithmetic: s seeds, r radii,
            m = images times batches.
        """
        ...

    def proxies(self, architecture: Any) -> list[dict[str, float]]:
        """The zero-cost proxies under each seed; none if the settings ask for none."""
        ...

    def counts(self, architecture: Any) -> dict[str, float]:
        """Scores that need no kernel, such as the number of parameters."""
        ...


PROGRAMS: Registry[Any] = Registry(
    "program",
    {
        "branches": "ntknas.engine.branches:BranchProgram",
        "static": "ntknas.engine.static:StaticProgram",
    },
)
"""Programs by name."""
