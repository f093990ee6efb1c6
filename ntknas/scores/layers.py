"""The layers of a network whose operations are data, as the zero-cost proxies count them.

A layer is a convolution or the classifier, without its normalisation and without biases. Those of
the cells of a stage are stacked. The network holds the layers of every operation; those that the
architecture lacks have no gradient and give zeros.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ntknas.architecture import OPERATIONS

__all__ = ["is_weight", "layer_weights", "sown"]


def is_weight(path: tuple) -> bool:
    """Whether the parameter at a path is a layer's weight: no bias, no scale of a normalisation."""
    return path[-1].key in ("kernel", "shortcut")


def layer_weights(params: Any) -> list[tuple[str, Float[Array, "layers ..."]]]:
    """Module and weights of every kind of layer; the first axis is that of the cells of a stage.

    Args:
      params: parameters of `ntknas.network.Network`, or a gradient by them.

    >>> from ntknas.network import NetworkSpec, initial_variables
    >>> params = initial_variables(NetworkSpec(channels=4, cells=2), 0)["params"]
    >>> params = jax.tree.map(jnp.asarray, params)
    >>> dict(layer_weights(params))["classifier"].shape
    (1, 16, 10)
    """
    return [
        (path[0].key, leaf if path[0].key.startswith("stage_") else leaf[None])
        for path, leaf in jax.tree_util.tree_leaves_with_path(params)
        if is_weight(path)
    ]


def sown(
    tree: Any, ending: str, ops: Int[Array, "6"]
) -> list[tuple[Int[Array, " layers"], Float[Array, "layers n ..."]]]:
    """Of everything whose name ends so: which layers are there (1, or 0), and their activations.

    Args:
      tree: a collection that `ntknas.network.Network` returned, or a gradient by it.
      ending: such as "_taken".
      ops: six operation codes; an edge has a layer if its operation is a convolution.
    """
    convolution = jnp.array([name.startswith("nor_conv") for name in OPERATIONS], jnp.int32)[ops]
    found = []
    for keys, leaf in jax.tree_util.tree_leaves_with_path(tree):
        names = [key.key for key in keys if hasattr(key, "key")]  # sown values are in a tuple
        if names[-1].endswith(ending):
            if names[0].startswith("stage_"):  # [cells, edges, n, ...]
                there = jnp.tile(convolution, len(leaf))
                found.append((there, leaf.reshape(-1, *leaf.shape[2:])))
            else:
                found.append((jnp.ones(1, jnp.int32), leaf[None]))
    return found
