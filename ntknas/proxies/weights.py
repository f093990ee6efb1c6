"""grad_norm, SNIP and GraSP: sums over all weights, as in Abdelfattah et al. (ICLR 2021).

* grad_norm: The sum of the norms of the layers' gradients g.
* SNIP (Lee et al., ICLR 2019): The sum of `|w g|`. The paper divides by the sum, which is the score
  here.
* GraSP (Wang et al., ICLR 2020): The sum of -w (H g), where H is the Hessian by the layers'
  weights. GraSP's released program divides logits by a temperature. There is none here, as in
  Abdelfattah et al.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int

from ntknas.network import NetworkSpec
from ntknas.proxies.layers import is_weight, layer_weights
from ntknas.proxies.proxy import ProxyInputs, cross_entropy, logits_of

__all__ = ["WEIGHTS", "Weights"]


class Weights:
    """The family of proxies that sum over weights; see `ntknas.proxies.Proxy`."""

    names = ("grad_norm", "snip", "grasp")
    double = False

    def device(
        self, network: NetworkSpec, ops: Int[Array, "6"], inputs: ProxyInputs
    ) -> dict[str, Array]:
        """The three sums."""
        logits, params = logits_of(network, ops, inputs), inputs.variables["params"]

        def loss(params):
            return cross_entropy(logits(params, inputs.images), inputs.labels)

        g, product = jax.vjp(jax.grad(loss), params)
        of_layers = jax.tree_util.tree_map_with_path(
            lambda path, x: x if is_weight(path) else jnp.zeros_like(x), g
        )
        (hg,) = product(of_layers)  # the Hessian is symmetric
        w, g, hg = ([x.reshape(len(x), -1) for _, x in layer_weights(t)] for t in (params, g, hg))
        return {
            "grad_norm": sum(jnp.linalg.norm(gradient, axis=-1).sum() for gradient in g),
            "snip": sum(abs(a * b).sum() for a, b in zip(w, g, strict=True)),
            "grasp": -sum((a * b).sum() for a, b in zip(w, hg, strict=True)),
        }

    def host(self, values: dict[str, np.ndarray]) -> dict[str, float]:
        """The sums, as `device` computed them."""
        return {name: float(value) for name, value in values.items()}


WEIGHTS = Weights()
"""The family's instance."""
