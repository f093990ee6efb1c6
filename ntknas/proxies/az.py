"""AZ-NAS: expressivity, progressivity and trainability of blocks (Lee & Ham, AZ-NAS, CVPR 2024).

The blocks are the stem, the cells and the reductions, b of them. Block l gives features f_l.

* Expressivity is the sum over blocks of E_l, the entropy of the spectrum of the covariance of the
  channels of f_l over images and pixels, with eigenvalues divided by their sum. It is largest where
  all principal components have the same variance.
* Progressivity is the smallest difference E_l - E_(l-1).
* Trainability is the mean over l > 1 of 2 - s_l - 1 / s_l. It is largest, 0, where s_l = 1. Here
  s_l is the largest singular value of an estimate of the transposed Jacobian of block l: the mean
  over images and pixels of g r^T, where r has random signs (+1 or -1), and g is what r becomes on
  its way back through the block. A reduction's g has four pixels for each of r. They are stacked.

The paper's fourth part, complexity, is the number of operations, which is the score `flops`. It
combines the parts over a set of architectures, as the sum of the logarithms of their ranks
(`ntknas.ranking.log_ranks`).

The images are those of the batch, and all blocks share one pass forward and one back. Features
that do not vary have E_l = 0. A block that blocks all gradients has s_l at the floor.
"""

from collections.abc import Collection

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ntknas.network import Network, NetworkSpec, random_taps
from ntknas.proxies.proxy import TINY, Draw, ProxyInputs

__all__ = ["AZ", "Az"]


class Az:
    """The family of the three parts that need the network; see `ntknas.proxies.Proxy`."""

    names = ("az_expressivity", "az_progressivity", "az_trainability")
    double = False

    def device(
        self,
        network: NetworkSpec,
        ops: Int[Array, "6"],
        inputs: ProxyInputs,
        names: Collection[str],
    ) -> dict[str, Array]:
        """The covariance of the features of every block, and the estimates of Jacobians."""
        images = inputs.images
        key = jax.random.fold_in(inputs.key, Draw.AZ)
        sent = random_taps(network, len(images), key, images.dtype)

        def watched(taps):
            apply = Network(network).apply
            logits, activations = apply(inputs.variables, images, ops, None, taps, method="watch")
            return logits, activations.blocks

        logits, pull_back, blocks = jax.vjp(watched, sent, has_aux=True)
        # The names are sorted on their way from the device.
        values = {f"covariance_{i:03}": _covariance(block) for i, block in enumerate(blocks)}
        if "az_trainability" in names:
            # The last tap replaces the gradient of the logits, which therefore may be anything.
            arrived = pull_back(jnp.zeros_like(logits))[0].blocks()
            pairs = zip(arrived[:-1], sent.blocks()[1:], strict=True)
            values |= {f"jacobian_{i:03}": _jacobian(g, r) for i, (g, r) in enumerate(pairs)}
        return values

    def host(self, values: dict[str, np.ndarray]) -> dict[str, float]:
        """The three parts; trainability only where there are Jacobians."""
        if not all(np.isfinite(value).all() for value in values.values()):
            return dict.fromkeys(self.names, np.nan)
        entropies = [_entropy(v) for name, v in values.items() if name.startswith("covariance")]
        scores = {
            "az_expressivity": float(np.sum(entropies)),
            "az_progressivity": float(np.diff(entropies).min()),
        }
        norms = [np.linalg.norm(v, 2) for name, v in values.items() if name.startswith("jacobian")]
        if norms:
            sigma = np.maximum(norms, TINY)
            scores["az_trainability"] = float((2 - sigma - 1 / sigma).mean())
        return scores


def _covariance(features: Float[Array, "n h w c"]) -> Float[Array, "c c"]:
    """Covariance of the channels over images and pixels, times the number of both."""
    rows = features.reshape(-1, features.shape[-1])
    centred = rows - rows.mean(0, keepdims=True)
    return centred.T @ centred


def _entropy(covariance: np.ndarray) -> float:
    """The entropy of the spectrum, divided by its sum; 0 for a matrix of zeros."""
    spectrum = np.linalg.eigvalsh(covariance).clip(0)
    if not spectrum.any():
        return 0.0
    p = spectrum / spectrum.sum()
    return -float((p * np.log(np.where(p > 0, p, 1))).sum())


def _jacobian(
    arrived: Float[Array, "n h w i"], sent: Float[Array, "n p q o"]
) -> Float[Array, "j o"]:
    """The mean of products over images and pixels; the pixels of one of the output are stacked."""
    n, p, q, _ = sent.shape
    fold = arrived.shape[1] // p
    patches = arrived.reshape(n, p, fold, q, fold, -1).swapaxes(2, 3).reshape(n * p * q, -1)
    return patches.T @ sent.reshape(n * p * q, -1) / (n * p * q)


AZ = Az()
"""The family's instance."""
