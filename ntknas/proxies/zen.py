"""Zen-NAS: how much a small change of an image changes the features (Lin et al., ICCV 2021).

The score is made of the mean change of the features and the sum of log scale factors (algorithm 1):

* Weights, images and the change of the images are Gaussian.
* Features are those before the pooling.
* A scale factor is the standard deviation that a normalisation divides by. It is that of the batch,
  as in the paper (the released program reads a running average after two batches).
* The paper removes residual connections. Those of a cell belong to the architecture, so they stay.
* A layer whose input is zero has no scale factor.
"""

from collections.abc import Collection
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ntknas.layers import Norm
from ntknas.network import Network, NetworkSpec, Watched
from ntknas.network.activations import lone_layer
from ntknas.proxies.proxy import TINY, ProxyInputs

__all__ = ["ZEN", "Zen"]

_STEP = 0.01  # gamma in the paper


class Zen:
    """The family of one proxy, Zen-NAS; see `ntknas.proxies.Proxy`."""

    names = ("zen",)
    double = False

    def device(
        self,
        network: NetworkSpec,
        ops: Int[Array, "6"],
        inputs: ProxyInputs,
        names: Collection[str],
    ) -> dict[str, Array]:
        """The mean change of the features, and the sum of log scale factors."""
        images = inputs.images
        module = Network(replace(network, norm=Norm.BATCH))
        mean, std = (
            jnp.asarray(v, images.dtype)[None, None, None] for v in (network.mean, network.std)
        )
        key, _ = jax.random.split(inputs.key)
        image, change = jax.random.normal(key, (2, *images.shape), images.dtype)

        def run(turn):
            x = image + turn * _STEP * change
            pixels = x * std + mean  # the network's standardisation gives x again
            variables = {"params": inputs.gaussian}
            _, activations = module.apply(variables, pixels, ops, method="watch")
            layers = (*activations.convolved, lone_layer(activations.features[3]))
            scale = jax.lax.cond(turn == 0, _scale, lambda _: jnp.zeros((), x.dtype), layers)
            return jax.nn.relu(activations.last), scale

        # One turn after the other, so that the network is compiled once.
        features, scale = jax.lax.map(run, jnp.arange(2))
        return {
            "change": abs(features[0] - features[1]).sum((1, 2, 3)).mean(),
            "scale": scale[0],
        }

    def host(self, values: dict[str, np.ndarray]) -> dict[str, float]:
        """The logarithm of the product of the change and the scale factors."""
        return {"zen": float(np.log(values["change"] + TINY) + values["scale"])}


def _scale(layers: tuple[Watched, ...]) -> Float[Array, ""]:
    """The sum of the logarithms of the layers' scale factors."""
    total = jnp.zeros((), layers[0].values.dtype)
    for present, y in layers:
        variance = y.var((1, 2, 3)).mean(-1)  # one per layer
        log = jnp.log(jnp.where(variance > 0, variance, 1)) / 2
        total += (log * present).sum()
    return total


ZEN = Zen()
"""The family's instance."""
