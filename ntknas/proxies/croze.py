"""CRoZe: consistency of a network and its perturbed copy (Ha et al., CRoZe, NeurIPS 2023).

The network has absolute weights and no normalisation. Its values grow with every layer and overflow
float32, so it is computed in float64.
"""

from collections.abc import Collection
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, Int

from ntknas.network import Network, NetworkSpec
from ntknas.proxies.layers import is_weight, layer_weights
from ntknas.proxies.proxy import TINY, ProxyInputs, cross_entropy

__all__ = ["CROZE", "RHO", "STEP", "Croze", "croze"]

STEP, RHO = 2.0, 0.01
"""Sizes of the perturbations, as released.

Weights move by twice their norm, and pixels by 0.01.
"""


class Croze:
    """The family of one proxy, CRoZe; see `ntknas.proxies.Proxy`."""

    names = ("croze",)
    double = True

    def device(
        self,
        network: NetworkSpec,
        ops: Int[Array, "6"],
        inputs: ProxyInputs,
        names: Collection[str],
    ) -> dict[str, Array]:
        """The score."""
        params = inputs.variables["params"]
        return {"croze": croze(network, params, ops, inputs.images, inputs.labels)}

    def host(self, values: dict[str, np.ndarray]) -> dict[str, float]:
        """The score, as `device` computed it."""
        return {"croze": float(values["croze"])}


def croze(
    network: NetworkSpec,
    params: Any,
    ops: Int[Array, "6"],
    images: Float[Array, "n h w c"],
    labels: Int[Array, " n"],
    *,
    step: float | Float[Array, ""] = STEP,
    rho: float | Float[Array, ""] = RHO,
) -> Float[Array, ""]:
    """Consistency of features, weights and gradients of a network and its perturbed copy.

    The score is the sum over layers of Z P G (Ha et al., CRoZe, NeurIPS 2023):

    * P sums 1 + cos between the weights and the weights after a step up the loss.
    * G sums `|cos|` between the loss's gradient by the weights and that of the network with moved
      weights on images perturbed by FGSM.
    * Z sums 1 + cos between the features of the two networks behind the layer's stage.

    Vectors run over output channels for P and G and over images for Z.

    Step sizes, axes and places of features are those of the released program. In the following
    points the program departs from the paper, and the paper is followed here:

    * FGSM goes up the loss (released: down), in pixels (released: standardised pixels, cut to
      [0, 1]).
    * G takes the gradient on perturbed images alone (released: the gradient of the FGSM step is
      added).
    * No layer is normalised (released: the layers of the two reductions are).
    * Layers have no biases (released: the layers of a cell have).

    Args:
        network: The network's specification, without normalisation.
        params: Absolute values of the parameters, float64.
        ops: Six operation codes of the cell.
        images: Pixels in [0, 1], float64.
        labels: Classes of the images.
        step: Step of each layer's weights up the loss, as a multiple of their norm.
        rho: Radius of FGSM in pixel units.

    Returns:
        The score; layers without a gradient add nothing.
    """
    module = Network(network)

    def loss(params, images):
        logits, activations = module.apply({"params": params}, images, ops, method="watch")
        return cross_entropy(logits, labels), activations.features

    def perturb(state, turn):
        """The next weights and images, and the gradients and features of the current ones."""
        # Turn 0 is clean and moves the weights, turn 1 attacks the images under moved weights, and
        # turn 2 has both perturbed. One loop compiles the network once.
        params, images = state
        value, pull_back, features = jax.vjp(loss, params, images, has_aux=True)

        def by_params():
            return pull_back(jnp.ones_like(value))[0], jnp.zeros_like(images)

        def by_images():
            return jax.tree.map(jnp.zeros_like, params), pull_back(jnp.ones_like(value))[1]

        of_params, of_images = lax.cond(turn == 1, by_images, by_params)
        moved = jax.tree_util.tree_map_with_path(partial(_moved, step), params, of_params)
        attacked = jnp.clip(images + rho * jnp.sign(of_images), 0, 1)
        state = (_choose(turn == 0, moved, params), _choose(turn == 1, attacked, images))
        return state, (of_params, features)

    (moved, _), (gradients, features) = lax.scan(perturb, (params, images), jnp.arange(3))
    of_features = jnp.stack([(1 + _cosine(z[0], z[2], axis=0)).sum() for z in features])
    total = jnp.zeros((), images.dtype)
    of_turn = lambda turn: jax.tree.map(lambda g: g[turn], gradients)  # noqa: E731
    for (name, w), (_, v), (_, g), (_, h) in zip(
        *map(layer_weights, (params, moved, of_turn(0), of_turn(2))), strict=True
    ):
        axes = tuple(range(1, w.ndim - 1))
        of_weights = (1 + _cosine(w, v, axis=-1)).sum(axes)
        of_gradients = abs(_cosine(g, h, axis=-1)).sum(axes)
        index = jnp.array([_features_behind(name, cell, network.cells) for cell in range(len(w))])
        total += (of_weights * of_gradients * of_features[index]).sum()
    return total


def _choose(condition, first, second):
    """The first tree where the condition holds, and else the second."""
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), first, second)


def _moved(step, path, weight, ascent):
    """A layer's weights after a step up the loss whose length is a multiple of their norm."""
    if not is_weight(path):
        return weight
    axes = tuple(range(1, weight.ndim)) if path[0].key.startswith("stage_") else None

    def length(x):
        return jnp.sqrt(jnp.square(x).sum(axes, keepdims=True))

    return weight + step * ascent * length(weight) / (length(ascent) + TINY)


def _features_behind(module: str, cell: int, cells: int) -> int:
    """Position of the features that belong to a layer, as released.

    A layer of a stage has the features that go into the stage. A layer of the stage's last cell or
    of a reduction has those that go into the next stage.
    """
    if module.startswith("stage_"):
        return int(module[-1]) + (cell + 1) // cells
    if module.startswith("reduction_"):
        return int(module[-1])
    return {"stem": 0, "classifier": 4}[module]


def _cosine(a, b, *, axis):
    """Cosine between vectors along an axis; 0 where one of them vanishes."""
    norms = jnp.sqrt(jnp.square(a).sum(axis) * jnp.square(b).sum(axis))
    return (a * b).sum(axis) / jnp.maximum(norms, 1e-8)


CROZE = Croze()
"""The family's instance."""
