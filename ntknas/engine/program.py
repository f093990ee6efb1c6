"""Programs, which turn architectures into joint Gram matrices: their Protocol and their registry.

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
            One array [s, r, m, m] per architecture in the type of the arithmetic, for s seeds, r
            radii, and m = images times batches.
        """
        ...

    def proxies(self, architecture: Any) -> list[dict[str, float]]:
        """The zero-cost proxies under each seed; an empty list if the settings ask for none."""
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
