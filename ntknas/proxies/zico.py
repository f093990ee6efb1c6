"""ZiCo: means of gradients over their deviations (Li et al., ZiCo, ICLR 2023).

The score is the sum over layers of the logarithm of the sum over the layer's weights of E / S. Here
E and S are mean and standard deviation of the absolute gradient of the loss over batches. There are
two, the halves of the batch of images (the last image is left out if their number is odd). S
divides by the number of batches.

* A weight whose gradient is the same in both batches (S = 0) adds nothing. That is so for weights
  without a gradient.
* A layer of which no weight adds anything is left out of the sum over layers.

For two numbers a and b, E / S is (a + b) / |a - b|, which is never below 1. So the sum of a layer
is at least the number of its weights that add anything, and the score is never below 0, that of a
network without gradients. A batch of one image has no halves, and no score.
"""

from collections.abc import Collection

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ntknas.network import NetworkSpec
from ntknas.proxies.layers import layer_weights, replace_weights
from ntknas.proxies.proxy import ProxyInputs, cross_entropy, logits_of

__all__ = ["ZICO", "Zico"]


class Zico:
    """The family of one proxy, ZiCo; see `ntknas.proxies.Proxy`."""

    names = ("zico",)
    double = False

    def device(
        self,
        network: NetworkSpec,
        ops: Int[Array, "6"],
        inputs: ProxyInputs,
        names: Collection[str],
    ) -> dict[str, Array]:
        """The sum over the weights of every layer."""
        params, images, labels = inputs.variables["params"], inputs.images, inputs.labels
        half = len(images) // 2
        if not half:
            return {"sums": jnp.full(1, jnp.nan)}
        logits = logits_of(network, ops, inputs)

        def gradients(batch):
            images, labels = batch

            def loss(weights):
                return cross_entropy(logits(replace_weights(params, weights), images), labels)

            return jax.grad(loss)([w for _, w in layer_weights(params)])

        halves = tuple(x[: 2 * half].reshape(2, half, *x.shape[1:]) for x in (images, labels))
        # One half after the other, so that the network is compiled once.
        of_halves = jax.lax.map(gradients, halves)
        return {"sums": jnp.concatenate([_sums(abs(g)) for g in of_halves])}

    def host(self, values: dict[str, np.ndarray]) -> dict[str, float]:
        """The sum of the logarithms."""
        sums = values["sums"]
        return {"zico": float(np.log(sums[sums != 0]).sum())}


def _sums(gradients: Float[Array, "2 layers ..."]) -> Float[Array, " layers"]:
    """The sum of E / S over the weights of each layer."""
    a, b = gradients
    apart = abs(a - b)
    ratio = jnp.where(apart > 0, (a + b) / jnp.where(apart > 0, apart, 1), 0)
    return ratio.reshape(len(ratio), -1).sum(-1)


ZICO = Zico()
"""The family's instance."""
