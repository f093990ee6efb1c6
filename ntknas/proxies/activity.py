"""Proxies of activations: Fisher, and NASWOT's kernel of ReLU activity.

* Fisher (Turner et al., ICLR 2020, as Abdelfattah et al., ICLR 2021, sum it): over the output
  channels of layers, half the mean over images of the square of sum_pixels a dL/da, a the layer's
  output. That sum is the gradient by a factor of the channel. Their program counts a channel once
  for each of its weights; the papers, followed here, once.
* NASWOT (Mellor et al., ICML 2021): the log-determinant of the kernel that counts how many ReLUs
  are active for both images or for neither, over all ReLUs.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int

from ntknas.network import Network, NetworkSpec
from ntknas.network.activations import unit_factors
from ntknas.proxies.proxy import TINY, ProxyInputs, cross_entropy

__all__ = ["ACTIVITY", "Activity"]


class Activity:
    """The family of proxies of activations; see `ntknas.proxies.Proxy`."""

    names = ("fisher", "naswot")
    double = False

    def device(
        self, network: NetworkSpec, ops: Int[Array, "6"], inputs: ProxyInputs
    ) -> dict[str, Array]:
        """Fisher's sum, and NASWOT's kernel."""
        images, labels = inputs.images, inputs.labels
        n = len(images)

        def loss(factors):
            logits, activations = Network(network).apply(
                inputs.variables, images, ops, factors, method="watch"
            )
            return cross_entropy(logits, labels), (logits, activations)

        gradients, (logits, activations) = jax.grad(loss, has_aux=True)(
            unit_factors(network, n, images.dtype)
        )
        of_channels = [logits * jax.grad(cross_entropy)(logits, labels)]
        of_channels += [layer.values.swapaxes(0, 1) for layer in gradients.layers(ops)]
        agreement = jnp.zeros((n, n), images.dtype)
        for present, x in activations.rectified:
            active = (x > 0).reshape(len(x), n, -1).astype(x.dtype)
            both = jnp.einsum("l,lip,ljp->ij", present, active, active)
            neither = jnp.einsum("l,lip,ljp->ij", present, 1 - active, 1 - active)
            agreement += both + neither
        return {
            "fisher": jnp.stack([jnp.square(g).mean(0).sum() / 2 for g in of_channels]).sum(),
            "agreement": agreement,
        }

    def host(self, values: dict[str, np.ndarray]) -> dict[str, float]:
        """Fisher's sum as it is, and the log-determinant."""
        return {
            "fisher": float(values["fisher"]),
            "naswot": _log_determinant(values["agreement"]),
        }


def _log_determinant(kernel: np.ndarray) -> float:
    """Of counts, log |det|; eigenvalues within rounding of 0 (images alike to all ReLUs) there."""
    if not np.isfinite(kernel).all():
        return np.nan
    values = abs(np.linalg.eigvalsh(kernel))
    floor = max(len(kernel) * np.finfo(float).eps * values.max(), TINY)
    return float(np.log(np.maximum(values, floor)).sum())


ACTIVITY = Activity()
"""The family."""
