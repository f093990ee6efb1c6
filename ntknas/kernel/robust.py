"""From images to the joint Gram matrices at several radii: attack, differentiate, contract.

`robust_gram` is traceable and is what the engine compiles; `kernel_blocks` is the call for one
network of any kind.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, Int, Key, PyTree

from ntknas.attack import AttackSpec, attack
from ntknas.errors import InputError
from ntknas.kernel.blocks import Batch, KernelBlocks
from ntknas.kernel.gram import Logits, ProbedFn, chained_gram, probed_gram
from ntknas.kernel.jacobian import ApplyFn

__all__ = ["attacked_batches", "joint_grams", "kernel_blocks", "robust_gram"]


def attacked_batches(
    key: Key[Array, ""],
    apply_fn: ApplyFn,
    params: PyTree,
    images: Float[Array, "n h w c"],
    labels: Int[Array, " n"],
    *,
    rhos: Float[Array, " r"],
    spec: AttackSpec,
    twice: bool,
) -> Float[Array, "r a n h w c"]:
    """A_rho(x) and, if `twice`, A_rho(A_rho(x)) at every radius.

    The second attack is the first one run again on the attacked image, in a ball around that.

    Args:
      key: of the random starts; the same draws serve every radius.
      apply_fn: the network that is attacked, `(params, images) -> logits [n, k]`.
      params: its parameters.
      images: pixels in [0, 1].
      labels: classes.
      rhos: radii in pixel units.
      spec: algorithm, steps, step size.
      twice: whether to attack the attacked images again.

    Returns:
      Images, with a = 2 if `twice` and else 1.
    """
    keys = jax.random.split(key, 2)[: 1 + twice]

    def at_radius(rho):
        def again(images, key):
            images = attack(key, apply_fn, params, images, labels, spec=spec, rho=rho)
            return images, images

        return lax.scan(again, images, keys)[1]

    return lax.map(at_radius, rhos)


def robust_gram(
    key: Key[Array, ""],
    apply_fn: ApplyFn,
    params: PyTree,
    images: Float[Array, "n h w c"],
    labels: Int[Array, " n"],
    *,
    rhos: Float[Array, " r"],
    batches: tuple[Batch, ...] = tuple(Batch),
    spec: AttackSpec,
    coupled: bool,
    logits: Logits = Logits.SUM,
    attack_fn: ApplyFn | None = None,
    probed_fn: ProbedFn | None = None,
) -> Float[Array, "b 3 n n"]:
    """Blocks of the Gram matrices of the chosen batches at every radius; `joint_grams` reads them.

    Args:
      key: of the attack's random starts.
      apply_fn: `(params, images) -> logits [n, k]`.
      params: pytree of the parameters that the kernel is taken over.
      images: pixels in [0, 1].
      labels: classes.
      rhos: radii in pixel units, traced.
      batches: whose Jacobians are taken; clean alone pays nothing for attacks.
      spec: the attack.
      coupled: whether the images of a batch interact (see `jacobian`).
      logits: convention over the logits.
      attack_fn: the network that is attacked, if in another normalisation mode than `apply_fn`.
      probed_fn: the network with a probe in its layers, if it takes one: the kernel is then formed
        layer by layer (`probed_gram`), unless the coupled images of several batches need rows
        that are kept.

    Returns:
      `chained_gram` of the clean batch, if chosen, followed by the chosen attacked ones radius by
      radius.
    """
    chosen = [images[None]] if Batch.CLEAN in batches else []
    if set(batches) - {Batch.CLEAN}:
        twice = Batch.TWICE in batches
        attacked = attacked_batches(
            key, attack_fn or apply_fn, params, images, labels, rhos=rhos, spec=spec, twice=twice
        )
        if Batch.ROBUST not in batches:
            attacked = attacked[:, 1:]
        chosen.append(attacked.reshape(-1, *images.shape))
    joined = jnp.concatenate(chosen)
    if probed_fn is not None and (len(joined) == 1 or not coupled):
        return probed_gram(probed_fn, joined, coupled=coupled, logits=logits)
    return chained_gram(apply_fn, params, joined, coupled=coupled, logits=logits)


def joint_grams(
    blocks: Float[np.ndarray, "b 3 n n"], batches: tuple[Batch, ...]
) -> Float[np.ndarray, "r m m"]:
    """The joint Gram matrix at each radius from the output of `robust_gram`.

    Args:
      blocks: output of `robust_gram`.
      batches: its batches.

    Returns:
      Float64 matrices, one a radius (one in all if the clean batch is the only one), exactly
      symmetric.
    """
    blocks = np.asarray(blocks, np.float64)
    n = blocks.shape[-1]
    has_clean = Batch.CLEAN in batches
    per_radius = len(batches) - has_clean
    radii = (len(blocks) - has_clean) // per_radius if per_radius else 1
    grams = np.empty((radii, len(batches), n, len(batches), n))
    for r in range(radii):
        # Position of every batch of this radius in `blocks`.
        where = [0] * has_clean + [has_clean + r * per_radius + a for a in range(per_radius)]
        for j, t in enumerate(where):
            grams[r, j, :, j] = (blocks[t, 2] + blocks[t, 2].T) / 2
            for i in range(j):
                # J_0 is the clean batch; batches next to each other are chained.
                block = blocks[t, 0] if has_clean and i == 0 else blocks[t, 1]
                grams[r, i, :, j], grams[r, j, :, i] = block, block.T
    return grams.reshape(radii, len(batches) * n, len(batches) * n)


def kernel_blocks(
    apply_fn: ApplyFn,
    params: PyTree,
    images: Float[Any, "n h w c"],
    labels: Int[Any, " m"],  # that m is n is checked at a user's run time too
    *,
    rho: float = 8 / 255,
    batches: tuple[Batch, ...] = tuple(Batch),
    attack: AttackSpec | None = None,
    coupled: bool = True,
    logits: Logits = Logits.SUM,
    seed: int = 0,
) -> KernelBlocks:
    """Clean, robust and twice-perturbed kernels of one network, whatever it is made of.

    Args:
      apply_fn: `(params, images [n, h, w, c]) -> logits [n, k]`.
      params: pytree of parameters.
      images: pixels in [0, 1].
      labels: classes 0..k-1.
      rho: radius of the attack in pixel units.
      batches: which Jacobians to take, in any order.
      attack: the attack; None: PGD of 20 steps (see `AttackSpec`).
      coupled: True if the output on an image depends on the other images of the batch, as under
        batch normalisation; False is faster and right for everything else.
      logits: convention over the logits.
      seed: of the attack's random start.

    Returns:
      The joint Gram matrix.

    Raises:
      InputError: for a negative rho, no or unknown batches, no images, pixels outside [0, 1], or
        labels that do not fit the images or the logits.

    >>> apply_fn = lambda w, x: x.reshape(len(x), -1) @ w
    >>> images = jnp.linspace(0, 1, 24).reshape(2, 2, 2, 3)
    >>> labels = jnp.array([0, 1])
    >>> blocks = kernel_blocks(apply_fn, jnp.ones((12, 2)), images, labels, coupled=False)
    >>> blocks.clean.shape, blocks.mixed_robust(0.5).shape
    ((2, 2), (2, 2))
    """
    images = jnp.asarray(images)
    labels = jnp.asarray(labels)
    if not batches or not set(batches) <= set(Batch):
        raise InputError(f"expected at least one batch of {', '.join(Batch)}, got {batches}")
    batches = tuple(batch for batch in Batch if batch in batches)
    if not 0 <= rho < float("inf"):
        raise InputError(f"rho must be a radius >= 0 in pixel units, got {rho}")
    if labels.shape != images.shape[:1]:
        raise InputError(f"expected one label an image, got {labels.shape} for {images.shape}")
    if len(images) == 0:
        raise InputError("expected at least one image, got none")
    if not jnp.issubdtype(images.dtype, jnp.floating):
        raise InputError(f"pixels must be floating-point numbers in [0, 1], got {images.dtype}")
    if not bool(jnp.all((images >= 0) & (images <= 1))):
        raise InputError("pixels must be finite and lie in [0, 1]")
    classes = jax.eval_shape(apply_fn, params, images).shape[-1]
    if not bool(jnp.all((labels >= 0) & (labels < classes))):
        raise InputError(f"labels must lie in 0..{classes - 1}, got {labels.tolist()}")

    @jax.jit
    def compute(key, params, images, labels, rhos):
        return robust_gram(
            key,
            apply_fn,
            params,
            images,
            labels,
            rhos=rhos,
            batches=batches,
            spec=attack or AttackSpec(),
            coupled=coupled,
            logits=logits,
        )

    rhos = jnp.array([rho], images.dtype)
    blocks = np.asarray(compute(jax.random.key(seed), params, images, labels, rhos))
    epsilon = float(np.finfo(blocks.dtype).eps)
    return KernelBlocks(joint_grams(blocks, batches)[0], batches, epsilon)
