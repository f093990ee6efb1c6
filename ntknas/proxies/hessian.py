"""The largest eigenvalue of the loss's Hessian with respect to the images.

The proxy is that of Jung et al. (ICLR 2023), after Zhao et al. (ICLR 2020). Here the input is the
whole batch in pixel units. The Lanczos method finds the algebraically largest eigenvalue, not the
one of largest magnitude.
"""

from collections.abc import Callable, Collection
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int
from scipy.linalg import eigvalsh_tridiagonal

from ntknas.network import NetworkSpec
from ntknas.proxies.proxy import TINY, ProxyInputs, cross_entropy, logits_of

__all__ = ["HESSIAN", "Hessian"]

_STEPS = 10


class Hessian:
    """The family of one proxy, the largest eigenvalue; see `ntknas.proxies.Proxy`."""

    names = ("hessian",)
    double = False

    def device(
        self,
        network: NetworkSpec,
        ops: Int[Array, "6"],
        inputs: ProxyInputs,
        names: Collection[str],
    ) -> dict[str, Array]:
        """A tridiagonal matrix with nearly the same largest eigenvalue as the Hessian."""
        logits = partial(logits_of(network, ops, inputs), inputs.variables["params"])

        def loss(images):
            return cross_entropy(logits(images), inputs.labels)

        _, key = jax.random.split(inputs.key)
        return {"tridiagonal": _lanczos(jax.grad(loss), inputs.images, key)}

    def host(self, values: dict[str, np.ndarray]) -> dict[str, float]:
        """The largest eigenvalue of the tridiagonal matrix."""
        diagonal, off_diagonal = values["tridiagonal"]
        if not (np.isfinite(diagonal).all() and np.isfinite(off_diagonal).all()):
            return {"hessian": np.nan}
        return {"hessian": float(eigvalsh_tridiagonal(diagonal, off_diagonal[:-1])[-1])}


def _lanczos(gradient: Callable, images: Array, key: Array) -> Float[Array, "2 steps"]:
    """Diagonal and off-diagonal of the Hessian by the images in a Krylov basis."""
    _, product = jax.vjp(gradient, images)
    start = jax.random.normal(key, (images.size,), images.dtype)
    basis = jnp.zeros((_STEPS, images.size), images.dtype)

    def step(basis, i):
        q = basis[i]
        image = product(q.reshape(images.shape))[0].reshape(-1)
        diagonal = q @ image
        for _ in range(2):  # rounding lets old directions grow again, so they are removed twice
            image -= basis.T @ (basis @ image)
        length = jnp.linalg.norm(image)
        grown = basis.at[i + 1].set(image / jnp.maximum(length, TINY), mode="drop")
        return grown, jnp.stack([diagonal, length])

    basis = basis.at[0].set(start / jnp.linalg.norm(start))
    return jax.lax.scan(step, basis, jnp.arange(_STEPS))[1].T


HESSIAN = Hessian()
"""The family's instance."""
