"""Proxies of activations: Fisher, and NASWOT's kernel of ReLU activity.

* Fisher (Turner et al., ICLR 2020, as Abdelfattah et al., ICLR 2021, sum it): The sum over the
  output channels of all layers of half the mean over images of the square of sum_pixels a dL/da,
  where a is the layer's output. The sum over pixels is the gradient by a factor of the channel. The
  released program counts a channel once for each of its weights. The papers count it once, which is
  followed here.
* NASWOT (Mellor et al., ICML 2021): The log-determinant of the kernel that counts, over all ReLUs,
  those that are active for both images or for neither.
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
        """The sum of Fisher and the kernel of NASWOT."""
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
        """The sum of Fisher and the log-determinant of NASWOT."""
        return {
            "fisher": float(values["fisher"]),
            "naswot": _log_determinant(values["agreement"]),
        }


def _log_determinant(kernel: np.ndarray) -> float:
    """The logarithm of `|det|` of a kernel of counts.

    Eigenvalues below the rounding error (images that are alike for all ReLUs) are set to it.
    """
    if not np.isfinite(kernel).all():
        return np.nan
    values = abs(np.linalg.eigvalsh(kernel))
    floor = max(len(kernel) * np.finfo(float).eps * values.max(), TINY)
    return float(np.log(np.maximum(values, floor)).sum())


ACTIVITY = Activity()
"""The family's instance."""
