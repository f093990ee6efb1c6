"""From images to the joint Gram matrices at several radii: attack, differentiate, contract.

`robust_gram` is traceable, and the engine compiles it. `kernel_blocks` computes the kernels of one
network of any kind.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int, Key, PyTree

from ntknas.attack import AttackSpec, attack
from ntknas.errors import InputError
from ntknas.kernel.gram import ProbedFn, chained_gram, probed_gram
from ntknas.kernel.jacobians import ApplyFn
from ntknas.kernel.joint import JointGram
from ntknas.kernel.names import Batch, Logits

__all__ = ["attacked_batches", "kernel_blocks", "robust_gram"]


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

    The second attack runs the first one again on the attacked image, in a ball around that image.

    Args:
        key: Key of the random starts; the same draws serve every radius.
        apply_fn: The network that is attacked, `(params, images) -> logits [n, k]`.
        params: Parameters of the network.
        images: Pixels in [0, 1].
        labels: Classes of the images.
        rhos: Attack radii in pixel units.
        spec: Algorithm, number of steps and step size of the attack.
        twice: Whether to attack the attacked images again.

    Returns:
        Attacked images, with a = 2 if `twice` and a = 1 otherwise.
    """
    keys = jax.random.split(key, 2)[: 1 + twice]

    def at_radius(rho):
        def attack_once(images, key):
            images = attack(key, apply_fn, params, images, labels, spec=spec, rho=rho)
            return images, images

        return lax.scan(attack_once, images, keys)[1]

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
) -> Float[Array, "g m m"]:
    """The joint Gram matrix of the chosen batches at every radius.

    Args:
        key: Key of the attack's random starts.
        apply_fn: The network, `(params, images) -> logits [n, k]`.
        params: Pytree of the parameters that the kernel is taken over.
        images: Pixels in [0, 1].
        labels: Classes of the images.
        rhos: Attack radii in pixel units; they may be traced.
        batches: The b batches whose Jacobians are taken. The clean batch alone runs no attack.
        spec: The attack.
        coupled: Whether the images of a batch interact (see `jacobian`).
        logits: Convention over the logits.
        attack_fn: The network that is attacked, if in another normalisation mode than `apply_fn`.
        probed_fn: The network with a probe in its layers, if it takes one. The kernel is then
            formed layer by layer (`probed_gram`), unless coupled images of several batches make
            it necessary to keep the rows.

    Returns:
        One matrix per radius with m = b n, symmetric up to rounding; a single matrix if the clean
        batch is the only one. `JointGram.from_array` reads them.
    """
    has_clean = Batch.CLEAN in batches
    chosen = [images[None]] if has_clean else []
    if set(batches) - {Batch.CLEAN}:
        twice = Batch.TWICE_ATTACKED in batches
        attacked = attacked_batches(
            key, attack_fn or apply_fn, params, images, labels, rhos=rhos, spec=spec, twice=twice
        )
        if Batch.ATTACKED not in batches:
            attacked = attacked[:, 1:]
        chosen.append(attacked.reshape(-1, *images.shape))
    joined = jnp.concatenate(chosen)
    groups = _groups(len(joined), has_clean, len(batches) - has_clean)
    if probed_fn is not None and (len(joined) == 1 or not coupled):
        return probed_gram(probed_fn, joined, groups, coupled=coupled, logits=logits)
    return chained_gram(apply_fn, params, joined, groups, coupled=coupled, logits=logits)


def _groups(count: int, has_clean: bool, per_radius: int) -> list[tuple[int, ...]]:
    """Positions of the batches of each radius: the clean batch, if any, and those of the radius.

    Example:
        >>> _groups(5, True, 2), _groups(2, False, 1), _groups(1, True, 0)
        ([(0, 1, 2), (0, 3, 4)], [(0,), (1,)], [(0,)])
    """
    clean = (0,) * has_clean
    if not per_radius:
        return [clean]
    return [
        (*clean, *range(start, start + per_radius)) for start in range(has_clean, count, per_radius)
    ]


def kernel_blocks(
    apply_fn: ApplyFn,
    params: PyTree,
    images: Float[Any, "n h w c"],
    labels: Int[Any, " m"],  # m = n is checked below, so that users get a readable error
    *,
    rho: float = 8 / 255,
    batches: tuple[Batch, ...] = tuple(Batch),
    attack: AttackSpec | None = None,
    coupled: bool = True,
    logits: Logits = Logits.SUM,
    seed: int = 0,
) -> JointGram:
    """Clean, robust and twice-perturbed kernels of one network of any kind.

    Args:
        apply_fn: The network, `(params, images [n, h, w, c]) -> logits [n, k]`.
        params: Pytree of the parameters.
        images: Pixels in [0, 1].
        labels: Classes 0..k-1 of the images.
        rho: Radius of the attack in pixel units.
        batches: The batches whose Jacobians are taken, in any order.
        attack: The attack; None means PGD of 20 steps (see `AttackSpec`).
        coupled: Whether the output on an image depends on the other images of the batch, as under
            batch normalisation. False is faster, and right for all other networks.
        logits: Convention over the logits.
        seed: Seed of the attack's random start.

    Returns:
        The joint Gram matrix.

    Raises:
        InputError: For a negative rho, no or unknown batches, no images, pixels outside [0, 1], or
            labels that do not fit the images or the logits.

    Example:
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
        raise InputError(f"expected one label per image, got {labels.shape} for {images.shape}")
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
    grams = compute(jax.random.key(seed), params, images, labels, rhos)
    return JointGram.from_array(grams, batches)[0]
