"""SynFlow: the synaptic flow of a network with absolute weights and no normalisation.

The values grow with every layer and overflow float32, so the flow is computed in float64. The score
is its logarithm.
"""

from collections.abc import Collection
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
        self,
        network: NetworkSpec,
        ops: Int[Array, "6"],
        inputs: ProxyInputs,
        names: Collection[str],
    ) -> dict[str, Array]:
        """The synaptic flow."""
        return {"flow": synflow(network, inputs.variables["params"], ops)}

    def host(self, values: dict[str, np.ndarray]) -> dict[str, float]:
        """The logarithm of the flow."""
        return {"synflow": float(np.log(values["flow"] + TINY))}


def synflow(network: NetworkSpec, params: Any, ops: Int[Array, "6"]) -> Float[Array, ""]:
    """Synaptic flow, sum over layers of `|w| dR/d|w|`, R the sum of logits of an image of ones.

    The flow is that of Tanaka et al., NeurIPS 2020, and a score by Abdelfattah et al., ICLR 2021.
    The score's released program keeps the batch normalisation of the two reductions. Here, as in
    both papers, there is none. The image consists of ones after the standardisation.

    Args:
        network: The network's specification, without normalisation.
        params: Absolute values of the parameters, float64.
        ops: Six operation codes of the cell.

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
"""The family's instance."""
