"""Kernels of fully connected networks, layer by layer and without a Jacobian.

The gradient of an output with respect to the matrix of layer l is the outer product of the layer's
input h_l and the gradient d_l with respect to its output. The sum over layers is therefore

    K_ij = sum_l  c_l  <h_l(i), h_l(j)>  <d_l(i), d_l(j)>

with c_l the variance of the layer's weights under the NTK parametrisation, and 1 otherwise. It
takes N m L numbers in place of the Jacobian's N m^2 L. `ntknas.kernel.ntk` gives the same kernel
from Jacobians.
"""

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int, Key, PyTree

from ntknas.attack import AttackSpec, check_radius
from ntknas.kernel import Batch, JointGram, Logits, attacked_batches, logit_directions
from ntknas.theory.fully_connected import FullyConnected, FullyConnectedSpec, Parametrisation
from ntknas.theory.task import Task

__all__ = ["initial_blocks", "joint_gram", "layerwise_gram", "logits_convention"]


def logits_convention(spec: FullyConnectedSpec) -> Logits:
    """The convention over the logits that fits the network's outputs.

    Two classes have one output, the sum of the logits (0, f). With more classes the kernels of the
    outputs are averaged.

    Args:
        spec: The network.
    """
    return Logits.SUM if spec.classes == 2 else Logits.TRACE


def layerwise_gram(
    spec: FullyConnectedSpec,
    params: PyTree,
    images: Float[Array, "n h w c"],
    skips: Float[Array, " s"] | None = None,
) -> Float[Array, "n n"]:
    """The empirical kernel of a fully connected network on any number of images.

    Args:
        spec: The network.
        params: Variables of the network, as `FullyConnected(spec).init` makes them.
        images: Pixels in [0, 1].
        skips: Factors of the skips; None means those of the spec.

    Returns:
        The kernel of the output; with more than two classes the mean over the outputs' kernels.

    Example:
        >>> spec = FullyConnectedSpec(width=8)
        >>> images = jnp.linspace(0, 1, 24).reshape(2, 2, 2, 3)
        >>> params = FullyConnected(spec).init(jax.random.key(0), images)
        >>> layerwise_gram(spec, params, images).shape
        (2, 2)
    """
    network = FullyConnected(spec)
    shapes = jax.eval_shape(
        lambda params, images: network.apply(params, images, skips, mutable=["perturbations"])[1],
        params,
        images,
    )
    zeros = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes["perturbations"])

    def output(perturbations, direction):
        variables = {**params, "perturbations": perturbations}
        logits, state = network.apply(variables, images, skips, mutable=["intermediates"])
        return jnp.dot(logits, direction, precision="highest").sum(), state["intermediates"]

    def kernel(direction):
        gradients, inputs = jax.grad(output, has_aux=True)(zeros, direction)
        total = jnp.zeros((len(images), len(images)), images.dtype)
        for layer, deviation in enumerate(spec.standard_deviations, start=1):
            ntk = spec.parametrisation is Parametrisation.NTK
            h, d = inputs[f"input_{layer}"][0], gradients[f"product_{layer}"]
            total += (deviation**2 if ntk else 1.0) * _outer(h) * _outer(d)
        return total

    directions = logit_directions(logits_convention(spec), spec.classes, images.dtype)
    return lax.map(kernel, directions).mean(0)


def _outer(rows: Float[Array, "n m"]) -> Float[Array, "n n"]:
    """Products of all rows with each other."""
    return jnp.dot(rows, rows.T, precision=lax.Precision.HIGHEST)


def joint_gram(
    key: Key[Array, ""],
    spec: FullyConnectedSpec,
    params: PyTree,
    images: Float[Array, "n h w c"],
    labels: Int[Array, " n"],
    *,
    rho: float | Float[Array, ""],
    attack: AttackSpec,
    skips: Float[Array, " s"] | None = None,
) -> Float[Array, "m m"]:
    """The Gram matrix of the stacked Jacobians [J; J_rho; J_2rho]; traceable.

    Args:
        key: Key of the attack's random start.
        spec: The network.
        params: Variables of the network.
        images: Pixels in [0, 1].
        labels: Classes of the images.
        rho: Attack radius in pixel units.
        attack: The attack.
        skips: Factors of the skips; None means those of the spec.

    Returns:
        A symmetric matrix [3 n, 3 n], which `JointGram.from_array` reads.
    """

    def apply_fn(params, images):
        return FullyConnected(spec).apply(params, images, skips)

    rhos = jnp.asarray(rho, images.dtype)[None]
    attacked = attacked_batches(
        key, apply_fn, params, images, labels, rhos=rhos, spec=attack, twice=True
    )
    stacked = jnp.concatenate([images, attacked[0, 0], attacked[0, 1]])
    gram = layerwise_gram(spec, params, stacked, skips)
    return (gram + gram.T) / 2


def initial_blocks(
    spec: FullyConnectedSpec,
    task: Task,
    *,
    rho: float,
    attack: AttackSpec | None = None,
    seed: int = 0,
) -> JointGram:
    """Clean, robust and twice-perturbed kernels of a network at initialisation.

    Args:
        spec: The network.
        task: Task whose training images the kernels are taken on.
        rho: Attack radius in pixel units.
        attack: The attack; None means PGD of 20 steps.
        seed: Seed of the weights and of the attack's random start.

    Returns:
        The joint Gram matrix.
    """
    check_radius(rho)
    init, start, *_ = jax.random.split(jax.random.key(seed), 4)  # as `measure` splits a draw's key
    params = FullyConnected(spec).init(init, jnp.asarray(task.train_images[:1]))

    @jax.jit
    def compute(params, images, labels):
        return joint_gram(
            start, spec, params, images, labels, rho=rho, attack=attack or AttackSpec()
        )

    gram = compute(params, task.train_images, task.train_labels)
    return JointGram.from_array(gram, tuple(Batch))
