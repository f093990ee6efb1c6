"""Taps: what a gradient becomes on its way back through one block of a network.

The blocks are the stem, the cells and the reductions. Behind each block stands a tap. It is the
identity, but backwards it swaps gradients: it sends its own value into the block, and what arrived
from the next block is its cotangent. So one backward pass multiplies the transposed Jacobian of
every block by a vector of its own.
"""

from typing import NamedTuple

import jax
from jaxtyping import Array, Float

from ntknas.network.spec import NetworkSpec

__all__ = ["Taps", "random_taps", "tapped"]


class Taps(NamedTuple):
    """One array of the shape of every block's output.

    Attributes:
        stem: Array of the stem.
        reductions: Arrays of the two reductions.
        stages: Arrays of the cells of each stage, stacked by cell.
    """

    stem: Float[Array, "n h w c"]
    reductions: tuple[Float[Array, "n h w c"], Float[Array, "n h w c"]]
    stages: tuple[Float[Array, "cells n h w c"], ...]

    def blocks(self) -> list[Float[Array, "n h w c"]]:
        """The arrays in the order of the blocks."""
        first, second, third = self.stages
        return [
            self.stem,
            *first,
            self.reductions[0],
            *second,
            self.reductions[1],
            *third,
        ]


def random_taps(spec: NetworkSpec, num_images: int, key: Array, dtype) -> Taps:
    """Taps of random signs, +1 or -1.

    Args:
        spec: The network.
        num_images: Number of images n.
        key: Key of the signs.
        dtype: Type of the arrays.

    Example:
        >>> import jax.numpy as jnp
        >>> spec = NetworkSpec(channels=2, cells=3)
        >>> taps = random_taps(spec, 1, jax.random.key(0), jnp.float32)
        >>> [block.shape[-1] for block in taps.blocks()]
        [2, 2, 2, 2, 4, 4, 4, 4, 8, 8, 8, 8]
    """
    keys = iter(jax.random.split(key, 6))

    def signs(stage: int, *leading: int) -> Array:
        size, channels = spec.image_size // 2**stage, spec.channels * 2**stage
        shape = (*leading, num_images, size, size, channels)
        return jax.random.rademacher(next(keys), shape, dtype)

    return Taps(
        signs(0), (signs(1), signs(2)), tuple(signs(stage, spec.cells) for stage in range(3))
    )


@jax.custom_vjp
def tapped(x: Array, tap: Array) -> Array:
    """The block's output as it is; see the module for what a gradient meets.

    Args:
        x: Output of a block.
        tap: Array that is sent back into the block; its cotangent is what arrived.
    """
    return x


tapped.defvjp(lambda x, tap: (x, tap), lambda tap, arrived: (tap, arrived))
