"""MeCo: smallest eigenvalues of the correlations of feature maps (Jiang et al., NeurIPS 2023).

The score is the sum over layers of the smallest eigenvalue of the Pearson correlation matrix of the
layer's channels, whose observations are the pixels of one image. As in the paper the image is
random: standard normal in the space of standardised images.

* The layers are the convolutions, before their normalisation. A normalisation scales and moves
  whole channels, which changes no correlation. The shortcuts of the two reductions are left out.
* A channel that is constant has no correlation. It counts as a row of zeros, so that the smallest
  eigenvalue of its layer is 0.
* An eigenvalue within rounding of 0 is 0. That is so for every layer that has no more pixels than
  channels, whose channels are linearly dependent once their means are taken off. With 16 channels
  and images of 32 x 32 pixels the whole last stage has 64 of both and adds nothing.
"""

from collections.abc import Collection

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ntknas.network import Network, NetworkSpec
from ntknas.proxies.proxy import Draw, ProxyInputs

__all__ = ["MECO", "Meco"]

_EPSILON = float(np.finfo(np.float32).eps)  # the coarsest arithmetic that makes the matrices


class Meco:
    """The family of one proxy, MeCo; see `ntknas.proxies.Proxy`."""

    names = ("meco",)
    double = False

    def device(
        self,
        network: NetworkSpec,
        ops: Int[Array, "6"],
        inputs: ProxyInputs,
        names: Collection[str],
    ) -> dict[str, Array]:
        """The correlation matrices of every group of layers of one shape."""
        key = jax.random.fold_in(inputs.key, Draw.MECO)
        image = jax.random.normal(key, (1, *inputs.images.shape[1:]), inputs.images.dtype)
        mean, std = (jnp.asarray(v, image.dtype) for v in (network.mean, network.std))
        pixels = image * std[None, None, None] + mean[None, None, None]
        apply = Network(network).apply
        _, activations = apply(inputs.variables, pixels, ops, method="watch")
        return {
            f"group_{number}": _correlations(x[:, 0]) * present[:, None, None]
            for number, (present, x) in enumerate(activations.convolved)
        }

    def host(self, values: dict[str, np.ndarray]) -> dict[str, float]:
        """The sum of the smallest eigenvalues; absent layers have a matrix of zeros."""
        total = 0.0
        for matrices in values.values():
            if not np.isfinite(matrices).all():
                return {"meco": np.nan}
            spectra = np.linalg.eigvalsh(matrices)
            rounding = len(matrices[0]) * _EPSILON * spectra[:, -1]
            total += float(spectra[spectra[:, 0] > rounding, 0].sum())
        return {"meco": total}


def _correlations(maps: Float[Array, "l h w c"]) -> Float[Array, "l c c"]:
    """Correlations of the channels of each layer, over pixels."""
    rows = maps.reshape(len(maps), -1, maps.shape[-1])
    centred = rows - rows.mean(1, keepdims=True)
    norms = jnp.sqrt(jnp.square(centred).sum(1, keepdims=True))
    unit = centred / jnp.where(norms > 0, norms, 1)
    return jnp.einsum("lpi,lpj->lij", unit, unit)


MECO = Meco()
"""The family's instance."""
