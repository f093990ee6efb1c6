"""VKDNW: entropy of the Fisher information's spectrum (Tybl & Neumann, VKDNW, CVPR 2025).

The Fisher information of the weights is the mean over m images of E_c [s s^T], where s is the
gradient by the weights of log p_c, the class c has the probability p_c of the network, and m = 2.
The entropy is -sum_k q_k log q_k, where q_1 to q_9 are the nine deciles of the eigenvalues, divided
by their sum. It is at most log 9. The score is the entropy plus the number of layers with weights.

* The matrix over all weights has a rank of at most m (classes - 1). Its deciles would be zeros. So
  they are those of its m (classes - 1) largest eigenvalues. These are the eigenvalues of the Gram
  matrix of the m classes vectors sqrt(p_c / m) s, which is small. As far as we know the paper takes
  a few weights, so that the matrix itself is small. Which ones could not be confirmed.
* The images are the first two of the batch, and labels are not used. Only two, because every image
  and class needs a gradient of its own: the cost grows with the square of their number under
  statistics of the batch.
* A layer is a convolution or the classifier. The network's biases and normalisations do not count.

The score is a near relative of the effective rank and the sphericity of the neural tangent kernel,
which measure how even a spectrum is, too. But the Fisher information does not see the direction
that those use, the sum of the logits: adding a constant to all logits changes no probability. The
two look at complementary parts of the same Jacobian.
"""

from collections.abc import Collection

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ntknas.network import Network, NetworkSpec
from ntknas.proxies.layers import count_layers, layer_weights, replace_weights
from ntknas.proxies.proxy import ProxyInputs

__all__ = ["VKDNW", "Vkdnw"]

_IMAGES = 2
_DECILES = np.arange(1, 10) / 10


class Vkdnw:
    """The family of the entropy and of its sum with the layers; see `ntknas.proxies.Proxy`."""

    names = ("vkdnw_entropy", "vkdnw")
    double = False

    def device(
        self,
        network: NetworkSpec,
        ops: Int[Array, "6"],
        inputs: ProxyInputs,
        names: Collection[str],
    ) -> dict[str, Array]:
        """The Gram matrix of the weighted gradients, and the number of layers."""
        params, images = inputs.variables["params"], inputs.images[:_IMAGES]

        def logits(weights):
            variables = {**inputs.variables, "params": replace_weights(params, weights)}
            return Network(network).apply(variables, images, ops, method="watch")

        values, pull_back, activations = jax.vjp(
            logits, [w for _, w in layer_weights(params)], has_aux=True
        )
        m, classes = values.shape
        p = jax.nn.softmax(values)
        # What weights the gradients of the logits in sqrt(p_c / m) d log p_c.
        of_logits = jnp.sqrt(p / m)[..., None] * (
            jnp.eye(classes, dtype=p.dtype)[None] - p[:, None]
        )

        def gradient(index):
            image, label = jnp.divmod(index, classes)
            return pull_back(jnp.zeros_like(values).at[image].set(of_logits[image, label]))[0]

        gradients = jax.lax.map(gradient, jnp.arange(m * classes), batch_size=classes)
        rows = [g.reshape(m * classes, -1) for g in gradients]
        gram = sum((row @ row.T for row in rows), jnp.zeros((m * classes,) * 2, values.dtype))
        return {
            "gram": gram,
            "rank": jnp.array(m * (classes - 1)),
            "layers": count_layers(activations),
        }

    def host(self, values: dict[str, np.ndarray]) -> dict[str, float]:
        """The entropy, and its sum with the number of layers."""
        if not np.isfinite(values["gram"]).all():
            return dict.fromkeys(self.names, np.nan)
        entropy = _entropy(np.linalg.eigvalsh(values["gram"])[-int(values["rank"]) :])
        return {"vkdnw_entropy": entropy, "vkdnw": float(values["layers"]) + entropy}


def _entropy(spectrum: Float[np.ndarray, " r"]) -> float:
    """The entropy of the deciles; 0 where all of them are 0."""
    deciles = np.quantile(spectrum.clip(0), _DECILES)
    if not deciles.any():
        return 0.0
    q = deciles / deciles.sum()
    return -float((q * np.log(np.where(q > 0, q, 1))).sum())


VKDNW = Vkdnw()
"""The family's instance."""
