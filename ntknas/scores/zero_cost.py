"""Zero-cost proxies: the scores at initialisation that a kernel's score has to beat.

Each function names its paper and, where the released program departs from it, says which of the two
is followed. The loss is the mean cross-entropy of the batch. Operations are data, so that one
compiled program serves all architectures; what an architecture lacks, or what does not reach its
output, takes no part. For networks whose output does not depend on their input every proxy is
finite: zero where the definition gives it, and at its floor where it takes a logarithm.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int
from scipy.linalg import eigvalsh_tridiagonal

from ntknas.network import Network, NetworkSpec, Norm, initial_variables
from ntknas.scores.croze import CROZE_RHO, CROZE_STEP, croze, synflow
from ntknas.scores.layers import is_weight, layer_weights, sown
from ntknas.scores.registry import ZERO_COST_SCORES

__all__ = ["ZeroCostInputs", "zero_cost_inputs", "zero_cost_scores"]

_LANCZOS_STEPS = 10
_ZEN_STEP = 0.01  # Zen-NAS: gamma
_LOGITS = 10  # pulled back at a time
_TINY = 1e-30


class ZeroCostInputs(NamedTuple):
    """What a seed fixes for every architecture.

    Attributes:
      variables: of the network, with the weights of every operation.
      gaussian: the parameters again, weights standard normal (Zen-NAS).
      images: pixels in [0, 1].
      labels: classes.
      key: of Zen-NAS's images and of the Hessian's first direction.
    """

    variables: dict[str, Any]
    gaussian: dict[str, Any]
    images: Float[Array, "n h w c"]
    labels: Int[Array, " n"]
    key: Array


def zero_cost_inputs(
    network: NetworkSpec,
    variables: dict[str, Any],
    images: Float[Array, "n h w c"],
    labels: Int[Array, " n"],
    seed: int,
) -> ZeroCostInputs:
    """The inputs of a batch under a seed.

    Args:
      network: its specification.
      variables: with the weights of every operation.
      images: pixels in [0, 1].
      labels: classes.
      seed: of Zen-NAS's weights and images.

    >>> network = NetworkSpec(channels=2, cells=1)
    >>> variables, images = initial_variables(network, 0), jnp.zeros((2, 32, 32, 3))
    >>> inputs = zero_cost_inputs(network, variables, images, jnp.array([0, 1]), 0)
    >>> inputs.gaussian["classifier"]["kernel"].shape
    (8, 10)
    """
    rng = np.random.default_rng([seed, 0])
    params = initial_variables(replace(network, norm=Norm.BATCH), seed)["params"]
    gaussian = jax.tree_util.tree_map_with_path(
        lambda path, leaf: jnp.asarray(
            rng.normal(size=leaf.shape) if is_weight(path) else leaf, images.dtype
        ),
        params,
    )
    return ZeroCostInputs(variables, gaussian, images, labels, jax.random.key(seed))


def zero_cost_scores(
    network: NetworkSpec, ops: Int[Array, "6"], inputs: ZeroCostInputs
) -> dict[str, float]:
    """Every proxy of one architecture (formulas and sources: `ntknas.scores.SCORES`).

    Args:
      network: its specification; `norm` is used by all but SynFlow and CRoZe (none) and Zen-NAS
        (statistics of the batch).
      ops: six operation codes, as data; edges that cannot reach the output count in NASWOT and
        Zen-NAS only, so set them to none before (`ntknas.engine.program.live_operations`).
      inputs: of a seed.

    Returns:
      A score for each of `ZERO_COST_SCORES`; NaN where float arithmetic overflows.
    """
    with jax.enable_x64(True):
        double = _without_normalisation(network, ops, inputs, CROZE_STEP, CROZE_RHO)
    single = _with_normalisation(network, ops, inputs)
    found = {name: np.asarray(value, np.float64) for name, value in (single | double).items()}
    scores = {name: float(value) for name, value in found.items() if value.ndim == 0} | {
        "jacob_cov": _jacob_cov(found["jacob_cov"]),
        "naswot": _log_determinant(found["naswot"]),
        "hessian": _largest_eigenvalue(*found["hessian"]),
        "synflow": float(np.log(found["synflow"] + _TINY)),
        "zen": float(np.log(found["zen"] + _TINY) + found["zen_scale"]),
    }
    return {
        name: scores[name] if np.isfinite(scores[name]) else np.nan for name in ZERO_COST_SCORES
    }


@partial(jax.jit, static_argnums=0)
def _without_normalisation(
    network: NetworkSpec, ops, inputs: ZeroCostInputs, step: Float[Array, ""], rho: Float[Array, ""]
) -> dict[str, Array]:
    """SynFlow and CRoZe, in float64."""
    network = replace(network, norm=Norm.NONE)
    images = inputs.images.astype(jnp.float64)
    params = jax.tree.map(lambda x: abs(x.astype(jnp.float64)), inputs.variables["params"])
    return {
        "synflow": synflow(network, params, ops),
        "croze": croze(network, params, ops, images, inputs.labels, step=step, rho=rho),
    }


@partial(jax.jit, static_argnums=0)
def _with_normalisation(network: NetworkSpec, ops, inputs: ZeroCostInputs) -> dict[str, Array]:
    """The other proxies; those that end in an eigenvalue as what it is taken of."""
    module, (variables, gaussian, images, labels, key) = Network(network), inputs

    def logits(params, images):
        variables_ = {**variables, "params": params}
        return module.apply(variables_, images, ops, mutable=["intermediates"])[0]

    def loss(params, images):
        return _cross_entropy(logits(params, images), labels)

    params = variables["params"]
    key_zen, key_hessian = jax.random.split(key)
    jacobian = _input_jacobian(partial(logits, params), images)
    return {
        **_of_weights(jax.grad(loss), params, images),
        "hessian": _lanczos(jax.grad(partial(loss, params)), images, key_hessian),
        "jacobian_norm": jnp.sqrt(jnp.square(jacobian).sum((0, 2))).mean(),
        "jacob_cov": jacobian.sum(0),
        **_of_activations(module, variables, ops, images, labels),
        **_zen(network, gaussian, ops, key_zen, images),
    }


def _cross_entropy(logits, labels):
    return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()


def _of_weights(gradient: Callable, params: Any, images: Array) -> dict[str, Array]:
    """grad_norm, SNIP and GraSP, as Abdelfattah et al. (ICLR 2021) sum them over all weights.

    * grad_norm: norms of the layers' gradients g.
    * SNIP (Lee et al., ICLR 2019): |w g|; the paper divides by the sum, which here is the score.
    * GraSP (Wang et al., ICLR 2020): -w (H g), H the Hessian by the layers' weights; without the
      temperature that GraSP's own program divides logits by, as Abdelfattah et al.
    """
    g, product = jax.vjp(lambda p: gradient(p, images), params)
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


def _lanczos(gradient: Callable, images: Array, key: Array) -> Float[Array, "2 steps"]:
    """Diagonal and off-diagonal of the Hessian by the images in a Krylov basis.

    Jung et al. (ICLR 2023), after Zhao et al. (ICLR 2020): the largest eigenvalue of the Hessian of
    the loss with respect to the input. Here the input is the whole batch in pixel units.
    """
    _, product = jax.vjp(gradient, images)
    start = jax.random.normal(key, (images.size,), images.dtype)
    basis = jnp.zeros((_LANCZOS_STEPS, images.size), images.dtype)

    def step(basis, i):
        q = basis[i]
        image = product(q.reshape(images.shape))[0].reshape(-1)
        diagonal = q @ image
        for _ in range(2):  # against rounding, which lets old directions grow again
            image -= basis.T @ (basis @ image)
        length = jnp.linalg.norm(image)
        then = basis.at[i + 1].set(image / jnp.maximum(length, _TINY), mode="drop")
        return then, jnp.stack([diagonal, length])

    basis = basis.at[0].set(start / jnp.linalg.norm(start))
    return jax.lax.scan(step, basis, jnp.arange(_LANCZOS_STEPS))[1].T


def _largest_eigenvalue(diagonal: np.ndarray, off_diagonal: np.ndarray) -> float:
    """Of a symmetric tridiagonal matrix."""
    if not (np.isfinite(diagonal).all() and np.isfinite(off_diagonal).all()):
        return np.nan
    return float(eigvalsh_tridiagonal(diagonal, off_diagonal[:-1])[-1])


def _input_jacobian(logits: Callable, images: Array) -> Float[Array, "k n p"]:
    """Gradients by the images of every logit, summed over the batch.

    Jung et al. (ICLR 2023) take the mean over images of its Frobenius norm; Mellor et al. (2020,
    v1) correlate the images' sums over logits. Under batch statistics a logit of one image depends
    on the other images as well; the sum over the batch holds these terms, as in released programs.
    """
    values, pull_back = jax.vjp(logits, images)
    classes = values.shape[1]

    def gradient(logit):
        return pull_back(jnp.broadcast_to(jax.nn.one_hot(logit, classes)[None], values.shape))[0]

    gradients = jax.lax.map(gradient, jnp.arange(classes), batch_size=_LOGITS)
    return gradients.reshape(classes, len(images), -1)


def _jacob_cov(gradients: np.ndarray) -> float:
    """-sum log(s + k) + 1 / (s + k), s the spectrum of the correlations of images' gradients.

    Mellor et al., arXiv:2006.04647v1, as Abdelfattah et al. have it; k = 1e-5. Gradients that do
    not vary over pixels have no correlation; they count as equal, which is the worst there is.
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


def _of_activations(module, variables, ops, images, labels) -> dict[str, Array]:
    """Fisher, and the kernel of NASWOT, whose log-determinant is the score.

    * Fisher (Turner et al., ICLR 2020, as Abdelfattah et al. sum it): over the output channels of
      layers, half the mean over images of the square of sum_pixels a dL/da, a the layer's output.
      That sum is the gradient by a factor of the channel. Their program counts a channel once for
      each of its weights; the papers, followed here, once.
    * NASWOT (Mellor et al., ICML 2021): how many ReLUs are active for both images or
      for neither, over all ReLUs.
    """
    collections = ["intermediates", "perturbations"]
    _, shapes = jax.eval_shape(lambda: module.apply(variables, images, ops, mutable=collections))
    zeros = jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), shapes["perturbations"])

    def loss(perturbations):
        logits, state = module.apply(
            {**variables, "perturbations": perturbations}, images, ops, mutable=["intermediates"]
        )
        return _cross_entropy(logits, labels), (logits, state["intermediates"])

    gradients, (logits, found) = jax.grad(loss, has_aux=True)(zeros)
    of_channels = [logits * jax.grad(_cross_entropy)(logits, labels)]
    of_channels += [g.swapaxes(0, 1) for _, g in sown(gradients, "_factor", ops)]
    n = len(images)
    agreement = jnp.zeros((n, n), images.dtype)
    for there, x in sown(found, "_taken", ops):
        active = (x > 0).reshape(len(x), n, -1).astype(x.dtype)
        both = jnp.einsum("l,lip,ljp->ij", there, active, active)
        neither = jnp.einsum("l,lip,ljp->ij", there, 1 - active, 1 - active)
        agreement += both + neither
    return {
        "fisher": jnp.stack([jnp.square(g).mean(0).sum() / 2 for g in of_channels]).sum(),
        "naswot": agreement,
    }


def _log_determinant(kernel: np.ndarray) -> float:
    """Of counts, log |det|; eigenvalues within rounding of 0 (images alike to all ReLUs) there."""
    if not np.isfinite(kernel).all():
        return np.nan
    values = abs(np.linalg.eigvalsh(kernel))
    floor = max(len(kernel) * np.finfo(float).eps * values.max(), _TINY)
    return float(np.log(np.maximum(values, floor)).sum())


def _zen(network: NetworkSpec, params, ops, key, images) -> dict[str, Array]:
    """Mean change of the features by a small change of an image, and the sum of log scale factors.

    Lin et al. (ICCV 2021, algorithm 1): weights, images and their change are Gaussian; features are
    those before the pooling; a scale factor is the standard deviation that a normalisation divides
    by. As the paper says it is that of the batch (the released program reads a running average that
    has moved by two batches). The paper takes residual connections out; those of a cell are what is
    to be scored, so they stay. A layer that nothing reaches has no scale.
    """
    module = Network(replace(network, norm=Norm.BATCH))
    mean, std = (
        jnp.asarray(v, images.dtype)[None, None, None] for v in (network.mean, network.std)
    )
    image, change = jax.random.normal(key, (2, *images.shape), images.dtype)

    def run(x):
        pixels = x * std + mean  # standardised to x
        _, state = module.apply({"params": params}, pixels, ops, mutable=["intermediates"])
        found = state["intermediates"]
        scale = jnp.zeros((), x.dtype)
        for there, y in (*sown(found, "_given", ops), *sown(found, "features_3", ops)):
            variance = y.var((1, 2, 3)).mean(-1)  # of every layer
            log = jnp.log(jnp.where(variance > 0, variance, 1)) / 2
            scale += (log * there).sum()
        return jax.nn.relu(found["head_taken"][0]), scale

    # One after the other, so that the network is compiled once.
    features, scale = jax.lax.map(run, jnp.stack([image, image + _ZEN_STEP * change]))
    return {"zen": abs(features[0] - features[1]).sum((1, 2, 3)).mean(), "zen_scale": scale[0]}
