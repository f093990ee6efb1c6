"""The layers of a network whose operations are data, as the zero-cost proxies count them.

A layer is a convolution or the classifier, without its normalisation and without biases. The
layers of the cells of a stage are stacked. The network holds the layers of every operation; layers
that the architecture lacks have zero gradients.
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ntknas.network import Activations

__all__ = ["count_layers", "is_weight", "layer_weights", "replace_weights"]


def is_weight(path: tuple) -> bool:
    """Whether the parameter at a path is a weight, not a bias or the scale of a normalisation."""
    return path[-1].key in ("kernel", "shortcut")


def count_layers(activations: Activations) -> Int[Array, ""]:
    """The number of layers that the architecture has.

    Args:
        activations: Activations of the watched network, which lack the shortcuts of the two
            reductions and the classifier.
    """
    return sum((layer.present.sum() for layer in activations.convolved), jnp.array(2 + 1))


def layer_weights(params: Any) -> list[tuple[str, Float[Array, "layers ..."]]]:
    """Module and weights of every kind of layer; the first axis is that of the cells of a stage.

    Args:
        params: Parameters of `ntknas.network.Network`, or a gradient by them.

    Example:
        >>> from ntknas.network import NetworkSpec, initial_variables
        >>> params = initial_variables(NetworkSpec(channels=4, cells=2), 0)["params"]
        >>> params = jax.tree.map(jax.numpy.asarray, params)
        >>> dict(layer_weights(params))["classifier"].shape
        (1, 16, 10)
    """
    return [
        (path[0].key, leaf if path[0].key.startswith("stage_") else leaf[None])
        for path, leaf in jax.tree_util.tree_leaves_with_path(params)
        if is_weight(path)
    ]


def replace_weights(params: Any, weights: Sequence[Float[Array, "layers ..."]]) -> Any:
    """The parameters with other weights; biases and scales stay.

    Args:
        params: Parameters of `ntknas.network.Network`.
        weights: Weights in the order and the shapes of `layer_weights`.
    """
    rest = iter(weights)
    return jax.tree_util.tree_map_with_path(
        lambda path, leaf: next(rest).reshape(leaf.shape) if is_weight(path) else leaf, params
    )
