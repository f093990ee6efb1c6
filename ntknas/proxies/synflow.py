"""SynFlow: the synaptic flow of a network with absolute weights and no normalisation.

Its values grow with every layer and overflow float32, so it is computed in float64, and the score
is the logarithm.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ntknas.network import Network, NetworkSpec
from ntknas.proxies.layers import layer_weights
from ntknas.proxies.proxy import TINY, ProxyInputs

__all__ = ["SYNFLOW", "SynFlow", "synflow"]


class SynFlow:
    """The family of one proxy, SynFlow; see `ntknas.proxies.Proxy`."""

    names = ("synflow",)
    double = True

    def device(
        self, network: NetworkSpec, ops: Int[Array, "6"], inputs: ProxyInputs
    ) -> dict[str, Array]:
        """The flow."""
        return {"flow": synflow(network, inputs.variables["params"], ops)}

    def host(self, values: dict[str, np.ndarray]) -> dict[str, float]:
        """Its logarithm."""
        return {"synflow": float(np.log(values["flow"] + TINY))}


def synflow(network: NetworkSpec, params: Any, ops: Int[Array, "6"]) -> Float[Array, ""]:
    """Synaptic flow, sum over layers of |w| dR/d|w|, R the sum of the logits of an image of ones.

    Tanaka et al., NeurIPS 2020, as a score by Abdelfattah et al., ICLR 2021. Their program leaves
    the batch normalisation of the two reductions in place; here, as in both papers, there is none.
    The image is of ones behind the standardisation.

    Args:
        network: without normalisation.
        params: absolute values, float64.
        ops: six operation codes.

    Returns:
        The flow; 0 for a network whose output does not depend on its input.
    """
    one = jnp.asarray(network.mean, jnp.float64) + jnp.asarray(network.std, jnp.float64)
    image = jnp.broadcast_to(one, (1, network.image_size, network.image_size, 3))

    def output(params):
        logits, _ = Network(network).apply({"params": params}, image, ops, method="watch")
        return logits.sum()

    flow = jax.grad(output)(params)
    pairs = zip(layer_weights(params), layer_weights(flow), strict=True)
    return sum(((w * d).sum() for (_, w), (_, d) in pairs), jnp.zeros(()))


SYNFLOW = SynFlow()
"""The family."""
