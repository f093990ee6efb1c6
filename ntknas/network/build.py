"""The network of one cell, which holds the weights of that cell's operations alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ntknas.network.initialisation import initial_variables
from ntknas.network.skeleton import Network
from ntknas.network.spec import NetworkSpec
from ntknas.spaces.nasbench201 import Architecture, ArchitectureLike, architecture_of

__all__ = ["CellNetwork", "build"]


@dataclass(frozen=True)
class CellNetwork:
    """A cell's network, with `init` and `apply` as a Flax module has them.

    Attributes:
        architecture: The cell.
        spec: The network around the cell.

    Example:
        >>> cell = Architecture.from_code("000300")
        >>> network = CellNetwork(cell, NetworkSpec(channels=4, cells=1))
        >>> images = jnp.zeros((2, 32, 32, 3))
        >>> variables = network.init(jax.random.key(0), images)
        >>> jax.jit(network.apply)(variables, images).shape
        (2, 10)
    """

    architecture: Architecture
    spec: NetworkSpec

    def init(self, key: Any, images: Any = None) -> dict[str, Any]:
        """Variables at initialisation, as `initial_variables` draws them.

        Args:
            key: A JAX key, whose last word is the seed, or an integer seed.
            images: Images that are not used; the spec gives their size.
        """
        del images
        seed = key if isinstance(key, Integral) else jax.random.key_data(key).reshape(-1)[-1]
        variables = initial_variables(self.spec, int(seed), self.architecture.ops)
        return jax.tree.map(jnp.asarray, variables)

    def apply(
        self, variables: Mapping[str, Any], images: Float[Array, "n h w 3"]
    ) -> Float[Array, "n k"]:
        """The logits of the images.

        Args:
            variables: Variables, as `init` makes them.
            images: Pixels in [0, 1].
        """
        return Network(self.spec).apply(variables, images, self.architecture.ops)


def build(architecture: ArchitectureLike, spec: NetworkSpec | None = None) -> CellNetwork:
    """The network of a cell.

    Args:
        architecture: The cell.
        spec: The network around the cell; None means the benchmark's network.
    """
    architecture = architecture_of(architecture)
    return CellNetwork(architecture, spec or NetworkSpec())
