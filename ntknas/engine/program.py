"""Programs, which turn architectures into joint Gram matrices: their Protocol and their registry.

Three programs ship with the package. `branches` and `bundles` serve all of NAS-Bench-201 with one
compilation: `branches` is fast on CPUs, `bundles` on accelerators. `static` takes any network of
any space, and compiles each one by itself.
"""

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import jax

from ntknas.kernel import Grams
from ntknas.registry import Registry
from ntknas.spaces import NASBENCH201

__all__ = ["OF_CELLS", "PROGRAMS", "Program", "default_program"]


@runtime_checkable
class Program(Protocol):
    """A program, made once per session from settings, batches of images, and their seeds."""

    @property
    def launch_size(self) -> int:
        """The number of architectures that are computed together."""
        ...

    def grams(self, launch: Sequence[Any]) -> list[Grams]:
        """The joint Gram matrices of at most `launch_size` architectures.

        Returns:
            For each architecture, NumPy arrays [s, r, m, m] in the type of the arithmetic, for s
            seeds, r radii, and m = images times batches.
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
        "bundles": "ntknas.engine.bundles:BundleProgram",
        "static": "ntknas.engine.static:StaticProgram",
    },
)
"""Programs by name."""

OF_CELLS = ("branches", "bundles")
"""Programs of NAS-Bench-201."""


def default_program(space: str) -> str:
    """The fastest program for a space on the back end in use.

    Args:
        space: Name of the space.

    Example:
        >>> default_program("my_networks")
        'static'
    """
    if space != NASBENCH201.name:
        return "static"
    return "branches" if jax.default_backend() == "cpu" else "bundles"
