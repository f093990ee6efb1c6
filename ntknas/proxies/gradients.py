"""grad_norm, SNIP, GraSP, Fisher, NASWOT and SWAP: one pass through the network and back.

* grad_norm (Abdelfattah et al., ICLR 2021): The sum of the norms of the layers' gradients g.
* SNIP (Lee et al., ICLR 2019): The sum of `|w g|`. The paper divides by the sum, which is the score
  here.
* GraSP (Wang et al., ICLR 2020): The sum of -w (H g), where H is the Hessian by the layers'
  weights. GraSP's released program divides logits by a temperature. There is none here, as in
  Abdelfattah et al.
* Fisher (Turner et al., ICLR 2020, as Abdelfattah et al. sum it): The sum over the output channels
  of all layers of half the mean over images of the square of sum_pixels a dL/da, where a is the
  layer's output. The released program counts a channel once for each of its weights. The papers
  count it once, which is followed here.
* NASWOT (Mellor et al., ICML 2021): The log-determinant of the kernel that counts, over all ReLUs,
  those that are active for both images or for neither.
* SWAP (Peng et al., ICLR 2024): see `ntknas.proxies.swap`.

The network's convolutions have a factor of 1 for every image and output channel. The gradient by a
channel's factor is its sum_pixels a dL/da, and the sum of all these gradients is w g, summed over
the weights. The gradient of that sum by the weights is H w + g, of which GraSP needs the product
with g.
"""

from collections.abc import Collection

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ntknas.network import Network, NetworkSpec, Watched, unit_factors
from ntknas.proxies.layers import layer_weights, replace_weights
from ntknas.proxies.proxy import TINY, ProxyInputs, cross_entropy
from ntknas.proxies.swap import activity_patterns, count_patterns

__all__ = ["GRADIENTS", "Gradients"]


class Gradients:
    """The family of proxies of the loss's gradient and of the pass before it."""

    names = ("grad_norm", "snip", "grasp", "fisher", "naswot", "swap")
    double = False

    def device(
        self,
        network: NetworkSpec,
        ops: Int[Array, "6"],
        inputs: ProxyInputs,
        names: Collection[str],
    ) -> dict[str, Array]:
        """The sums, the kernel of NASWOT and the patterns of SWAP."""
        params, images, labels = inputs.variables["params"], inputs.images, inputs.labels
        weights = [w for _, w in layer_weights(params)]

        def loss(weights, factors):
            variables = {**inputs.variables, "params": replace_weights(params, weights)}
            shown = Network(network).apply(variables, images, ops, factors, method="watch")
            return cross_entropy(shown[0], labels), shown

        def product(weights):
            """The sum of w g, and all that one pass gives."""
            ones = unit_factors(network, len(images), images.dtype)
            found, shown = jax.grad(loss, (0, 1), has_aux=True)(weights, ones)
            of_logits = jax.grad(cross_entropy)(shown[0], labels)
            unbiased = shown[0] - params["classifier"]["bias"][None]
            total = sum(leaf.sum() for leaf in jax.tree.leaves(found[1]))
            return total + (unbiased * of_logits).sum(), (*found, shown, of_logits)

        if set(names) <= {"naswot", "swap"}:
            return _of_activity(loss(weights, None)[1][1].rectified, names)
        if "grasp" in names:
            _, pull_back, passed = jax.vjp(product, weights, has_aux=True)
        else:
            _, passed = product(weights)
        g, by_factors, (logits, activations), of_logits = passed
        of_channels = [logits * of_logits]
        of_channels += [layer.values.swapaxes(0, 1) for layer in by_factors.layers(ops)]
        values = {
            "grad_norm": sum(jnp.linalg.norm(v.reshape(len(v), -1), axis=-1).sum() for v in g),
            "snip": sum(abs(w * v).sum() for w, v in zip(weights, g, strict=True)),
            "fisher": sum(jnp.square(v).mean(0).sum() / 2 for v in of_channels),
            **_of_activity(activations.rectified, names),
        }
        if "grasp" in names:
            (hw,) = pull_back(jnp.ones((), images.dtype))
            values["grasp"] = -sum(((h - v) * v).sum() for h, v in zip(hw, g, strict=True))
        return values

    def host(self, values: dict[str, np.ndarray]) -> dict[str, float]:
        """The sums, as `device` computed them, and what NASWOT and SWAP make of the activity."""
        activity = ("agreement", "patterns")
        scores = {name: float(v) for name, v in values.items() if name not in activity}
        if "agreement" in values:
            scores["naswot"] = _log_determinant(values["agreement"])
        if "patterns" in values:
            scores["swap"] = float(count_patterns(values["patterns"]))
        return scores


def _of_activity(rectified: tuple[Watched, ...], names: Collection[str]) -> dict[str, Array]:
    """What NASWOT and SWAP need, if they are asked for."""
    functions = {"naswot": ("agreement", _agreement), "swap": ("patterns", activity_patterns)}
    return {
        key: function(rectified) for name, (key, function) in functions.items() if name in names
    }


def _agreement(rectified: tuple[Watched, ...]) -> Float[Array, "n n"]:
    """How many ReLUs are active for both of two images or for neither."""
    total: Array | float = 0.0
    for present, x in rectified:
        active = (x > 0).reshape(*x.shape[:2], -1).astype(x.dtype)
        both = jnp.einsum("lip,ljp->lij", active, active)
        count = jnp.diagonal(both, axis1=1, axis2=2)
        neither = active.shape[2] - count[:, :, None] - count[:, None] + both
        total += ((both + neither) * present[:, None, None]).sum(0)
    assert not isinstance(total, float)
    return total


def _log_determinant(kernel: np.ndarray) -> float:
    """The logarithm of `|det|` of a kernel of counts.

    Eigenvalues below the rounding error (images that are alike for all ReLUs) are set to it.
    """
    if not np.isfinite(kernel).all():
        return np.nan
    values = abs(np.linalg.eigvalsh(kernel))
    floor = max(len(kernel) * np.finfo(float).eps * values.max(), TINY)
    return float(np.log(np.maximum(values, floor)).sum())


GRADIENTS = Gradients()
"""The family's instance."""
