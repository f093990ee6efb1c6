"""Proxies of the Jacobian by the images: its norm, and how the images' gradients correlate.

* jacobian_norm (Jung et al., ICLR 2023): The mean over images of the Jacobian's Frobenius norm.
* jacob_cov (Mellor et al., arXiv:2006.04647v1, as Abdelfattah et al., ICLR 2021, define it):
  -sum log(s + k) + 1 / (s + k), where s is the spectrum of the correlations of the images'
  gradients of the sum of logits, and k = 1e-5.

Under batch statistics a logit of one image depends on the other images as well. The sum over the
batch includes these terms, as in released programs.
"""

from collections.abc import Callable, Collection
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ntknas.network import NetworkSpec
from ntknas.proxies.proxy import ProxyInputs, logits_of

__all__ = ["INPUT_JACOBIAN", "InputJacobian"]

_LOGITS = 10


class InputJacobian:
    """The family of proxies of the input Jacobian; see `ntknas.proxies.Proxy`."""

    names = ("jacobian_norm", "jacob_cov")
    double = False

    def device(
        self,
        network: NetworkSpec,
        ops: Int[Array, "6"],
        inputs: ProxyInputs,
        names: Collection[str],
    ) -> dict[str, Array]:
        """The mean norm, and each image's gradient of the sum of logits."""
        logits = partial(logits_of(network, ops, inputs), inputs.variables["params"])
        jacobian = _input_jacobian(logits, inputs.images)
        return {
            "norm": jnp.sqrt(jnp.square(jacobian).sum((0, 2))).mean(),
            "gradients": jacobian.sum(0),
        }

    def host(self, values: dict[str, np.ndarray]) -> dict[str, float]:
        """The mean norm and the score of the correlations."""
        return {
            "jacobian_norm": float(values["norm"]),
            "jacob_cov": _jacob_cov(values["gradients"]),
        }


def _input_jacobian(logits: Callable, images: Array) -> Float[Array, "k n p"]:
    """Gradients of every logit by the images, where logits are summed over the batch."""
    values, pull_back = jax.vjp(logits, images)
    classes = values.shape[1]

    def gradient(logit):
        return pull_back(jnp.broadcast_to(jax.nn.one_hot(logit, classes)[None], values.shape))[0]

    gradients = jax.lax.map(gradient, jnp.arange(classes), batch_size=_LOGITS)
    return gradients.reshape(classes, len(images), -1)


def _jacob_cov(gradients: np.ndarray) -> float:
    """The score of the correlations.

    Gradients that do not vary over pixels have no correlation. They count as equal (correlation
    1), which gives the lowest score.
    """
    if not np.isfinite(gradients).all():
        return np.nan
    centred = gradients - gradients.mean(1, keepdims=True)
    norms = np.linalg.norm(centred, axis=1, keepdims=True)
    vary = (norms > 0).squeeze(1)
    unit = np.divide(centred, norms, out=np.zeros_like(centred), where=norms > 0)
    correlations = np.where(vary[:, None] | vary, unit @ unit.T, 1.0)
    values = np.maximum(np.linalg.eigvalsh(correlations), 0) + 1e-5
    return -float((np.log(values) + 1 / values).sum())


INPUT_JACOBIAN = InputJacobian()
"""The family's instance."""
