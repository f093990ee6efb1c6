"""Activations of a network's layers, and factors of its convolutions, for zero-cost proxies.

A watched network returns `Activations` beside its logits. The outputs of its convolutions can be
scaled by `Factors`, one number per image and channel. Derivatives by the factors give what each
channel contributes.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ntknas.network.spec import NetworkSpec
from ntknas.spaces.nasbench201 import EDGES, KERNEL_SIZES, OPERATIONS

__all__ = [
    "NO_FACTORS",
    "Activations",
    "Factors",
    "ReductionFactors",
    "Watched",
    "edge_layers",
    "lone_layer",
    "unit_factors",
]


class Watched(NamedTuple):
    """Values of l layers of one shape.

    Attributes:
        present: Mark of each layer: 1 if the architecture has it, 0 if it lacks it.
        values: Values of each layer, [l, n, ...]; those of an absent layer have no meaning.
    """

    present: Int[Array, " l"]
    values: Float[Array, "l n ..."]


class Activations(NamedTuple):
    """Inputs and outputs of a network's layers.

    Attributes:
        rectified: Inputs of the ReLUs in front of convolutions, and of the last ReLU.
        convolved: Outputs of convolutions before their normalisation; shortcuts, which have no
            normalisation, are left out.
        features: Features behind the stem, the two reductions, the last stage and the pooling.
        blocks: Outputs of the stem, of every cell and of the two reductions, in their order.
        last: Input of the last ReLU.
    """

    rectified: tuple[Watched, ...]
    convolved: tuple[Watched, ...]
    features: tuple[Array, ...]
    blocks: tuple[Array, ...]
    last: Float[Array, "n h w c"]


class ReductionFactors(NamedTuple):
    """Factors of a reduction's three convolutions."""

    conv_a: Float[Array, "n 1 1 c"]
    conv_b: Float[Array, "n 1 1 c"]
    shortcut: Float[Array, "n 1 1 c"]


class Factors(NamedTuple):
    """Factors of the output channels of every convolution, for each image.

    Attributes:
        stem: Factors of the stem.
        reductions: Factors of the two reductions.
        stages: Factors of the edges of each stage, stacked by cell and edge.
    """

    stem: Float[Array, "n 1 1 c"]
    reductions: tuple[ReductionFactors, ReductionFactors]
    stages: tuple[Float[Array, "cells 6 n 1 1 c"], ...]

    def layers(self, ops: Int[Array, "6"]) -> tuple[Watched, ...]:
        """The factors, or a gradient by them, as layers.

        Args:
            ops: Six operation codes of the cell.
        """
        reductions = tuple(lone_layer(leaf) for block in self.reductions for leaf in block)
        stages = tuple(edge_layers(leaf, ops) for leaf in self.stages)
        return (*reductions, *stages, lone_layer(self.stem))


_NONE: Any = None

NO_FACTORS = Factors(_NONE, (ReductionFactors(_NONE, _NONE, _NONE),) * 2, (_NONE,) * 3)
"""Factors of 1 by which nothing is multiplied: None in every place."""


def unit_factors(spec: NetworkSpec, num_images: int, dtype) -> Factors:
    """Factors that all equal 1.

    Args:
        spec: The network.
        num_images: Number of images n.
        dtype: Type of the factors.
    """

    def ones(channels: int, *leading: int) -> Array:
        return jnp.ones((*leading, num_images, 1, 1, channels), dtype)

    widths = [spec.channels * 2**stage for stage in range(3)]
    first, second = (ReductionFactors(ones(w), ones(w), ones(w)) for w in widths[1:])
    stages = tuple(ones(width, spec.cells, len(EDGES)) for width in widths)
    return Factors(ones(widths[0]), (first, second), stages)


def lone_layer(values: Float[Array, "n ..."]) -> Watched:
    """The values of one layer that every architecture has."""
    return Watched(jnp.ones(1, jnp.int32), values[None])


def edge_layers(values: Float[Array, "cells 6 n ..."], ops: Int[Array, "6"]) -> Watched:
    """The values of a stage's edges; an edge has a layer if its operation is a convolution."""
    convolution = jnp.array([op in KERNEL_SIZES for op in range(len(OPERATIONS))], jnp.int32)[ops]
    return Watched(jnp.tile(convolution, len(values)), values.reshape(-1, *values.shape[2:]))
