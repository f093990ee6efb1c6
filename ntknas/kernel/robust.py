"""From images to the joint Gram matrices at several radii: attack, differentiate, contract.

`robust_gram` is traceable, and the engine compiles it. `kernel_blocks` computes the kernels of one
network of any kind.
"""

import operator
from dataclasses import replace
from types import NoneType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, Int, Key, PyTree

from ntknas.attack import AttackSpec, attack, check_in_kernels, check_radius
from ntknas.errors import InputError, shorten
from ntknas.images import clip_rounding
from ntknas.kernel.gram import ProbedFn, chained_gram, layers_of, probed_gram
from ntknas.kernel.jacobians import ApplyFn
from ntknas.kernel.joint import JointGram
from ntknas.kernel.names import Batch, Logits
from ntknas.kernel.parameters import check_logits, check_separate_images, split_network
from ntknas.kernel.parts import PARTS, Grams, Layers

__all__ = ["attacked_batches", "joint_batches", "kernel_blocks", "robust_gram"]


def attacked_batches(
    key: Key[Array, ""],
    apply_fn: ApplyFn,
    params: PyTree,
    images: Float[Array, "*s n h w c"],
    labels: Int[Array, "*s n"],
    *,
    rhos: Float[Array, " r"],
    spec: AttackSpec,
    twice: bool,
) -> Float[Array, "r a *s n h w c"]:
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
        Attacked images, with a = 2 if `twice` and a = 1 otherwise. Further axes in front of the n
        images are networks that are attacked side by side.

    Raises:
        InputError: If the attack leaves misclassified images as they are, as FAB and AutoAttack do.
    """
    check_in_kernels(spec)
    keys = jax.random.split(key, 2)[: 1 + twice]

    def at_radius(rho):
        def attack_once(images, key):
            images = attack(key, apply_fn, params, images, labels, spec=spec, rho=rho)
            return images, images

        return lax.scan(attack_once, images, keys)[1]

    return lax.map(at_radius, rhos)


def joint_batches(
    key: Key[Array, ""],
    attack_fn: ApplyFn,
    params: PyTree,
    images: Float[Array, "*s n h w c"],
    labels: Int[Array, "*s n"],
    *,
    rhos: Float[Array, " r"],
    batches: tuple[Batch, ...],
    spec: AttackSpec,
) -> tuple[Float[Array, "b *s n h w c"], list[tuple[int, ...]]]:
    """All batches whose Jacobians are taken, and the positions of those of each radius.

    Args:
        key: Key of the attack's random starts.
        attack_fn: The network that is attacked, `(params, images) -> logits`.
        params: Parameters of the network.
        images: Pixels in [0, 1].
        labels: Classes of the images.
        rhos: Attack radii in pixel units; they may be traced.
        batches: The batches whose Jacobians are taken. The clean batch alone runs no attack.
        spec: The attack.

    Returns:
        The b batches, the clean one first, and for each joint matrix the positions of its batches.
    """
    has_clean = Batch.CLEAN in batches
    chosen = [images[None]] if has_clean else []
    if set(batches) - {Batch.CLEAN}:
        twice = Batch.TWICE_ATTACKED in batches
        attacked = attacked_batches(
            key, attack_fn, params, images, labels, rhos=rhos, spec=spec, twice=twice
        )
        if Batch.ATTACKED not in batches:
            attacked = attacked[:, 1:]
        chosen.append(attacked.reshape(-1, *images.shape))
    joined = jnp.concatenate(chosen)
    return joined, _groups(len(joined), has_clean, len(batches) - has_clean)


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
    layers: Layers | None = None,
) -> Grams:
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
        probed_fn: The network with probes in its layers, if it takes them. The kernel is then
            formed layer by layer (`probed_gram`), unless coupled images of several batches make
            it necessary to keep the rows.
        layers: The layers of the network, needed with `probed_fn`; None means one for each module.

    Returns:
        One matrix [m, m] per radius with m = b n, symmetric up to rounding; a single matrix if the
        clean batch is the only one. `JointGram.from_grams` reads them.
    """
    joined, groups = joint_batches(
        key, attack_fn or apply_fn, params, images, labels, rhos=rhos, batches=batches, spec=spec
    )
    options: dict[str, Any] = {"coupled": coupled, "logits": logits, "layers": layers}
    if probed_fn is not None and (len(joined) == 1 or not coupled):
        return probed_gram(probed_fn, joined, groups, **options)
    return chained_gram(apply_fn, params, joined, groups, **options)


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
    apply_fn: Any,
    params: PyTree,
    images: Any,  # shapes and types are checked below, so that users get a readable error
    labels: Any,
    *,
    rho: Any = 8 / 255,
    batches: Any = tuple(Batch),
    attack: Any = None,
    coupled: bool = True,
    logits: Any = Logits.SUM,
    parts: Any = "none",
    seed: Any = 0,
) -> JointGram:
    """Clean, robust and twice-perturbed kernels of one network of any kind.

    Args:
        apply_fn: The network, `(params, images [n, h, w, c]) -> logits [n, k]`, or a Flax module.
        params: Pytree of the parameters. Of a Flax Linen variable dict, the collection "params" is
            differentiated, and others such as "batch_stats" are constants. Of an NNX module or
            state, the variables of type `nnx.Param` are differentiated. None if `apply_fn` is an
            NNX module.
        images: Pixels in [0, 1], float [n, h, w, c].
        labels: Classes 0..k-1 of the images, whole numbers [n].
        rho: Radius of the attack in pixel units, in [0, 1].
        batches: The batches whose Jacobians are taken, members of `Batch` in any order.
        attack: The attack; None means PGD of 20 steps (see `AttackSpec`).
        coupled: Whether the output on an image depends on the other images of the batch, as under
            batch normalisation. False is faster, and right for all other networks.
        logits: Convention over the logits, a member of `Logits`.
        parts: The parts of the kernel that are kept besides the sum: "none", "groups" (one for each
            outermost module) or "layers" (one for each module).
        seed: Seed of the attack's random start, a whole number of at most 32 bits.

    Returns:
        The joint Gram matrix; its `parameters` say what was differentiated.

    Raises:
        InputError: If it is not clear what the parameters are; for parameters or images that are
            not finite, or not in float32 or float64; for several radii or one outside [0, 1], no or
            unknown batches, no images, or pixels outside [0, 1]; for labels that do not fit the
            images or the logits; for a seed outside its range; for a network that does not return
            logits [n, k]; or if `coupled` is False and the logits of an image depend on the other
            images.

    Example:
        >>> apply_fn = lambda w, x: x.reshape(len(x), -1) @ w
        >>> images = jnp.linspace(0, 1, 24).reshape(2, 2, 2, 3)
        >>> labels = jnp.array([0, 1])
        >>> blocks = kernel_blocks(apply_fn, jnp.ones((12, 2)), images, labels, coupled=False)
        >>> blocks.clean.shape, blocks.mixed_robust(0.5).shape
        ((2, 2), (2, 2))
    """
    batches = _check_batches(batches)
    radius = np.asarray(rho)
    if radius.ndim:
        raise InputError(f"expected one radius rho, got {shorten(rho)}")
    check_radius(radius.item())
    key = jax.random.key(_check_seed(seed))
    if not isinstance(logits, Logits):
        raise InputError(f"expected a member of Logits, such as Logits.TRACE, got {logits!r}")
    if parts not in PARTS:
        raise InputError(f"expected parts of {', '.join(PARTS)}, got {shorten(parts)}")
    if not isinstance(attack, (AttackSpec, NoneType)):
        raise InputError(f"expected an AttackSpec, got {shorten(attack)}")
    images = _check_pixels(images)
    labels = _check_labels(labels, len(images))
    network = split_network(apply_fn, params)
    bound = network.bind(network.rest)
    classes = check_logits(bound, network.params, images)
    if not bool(jnp.all((labels >= 0) & (labels < classes))):
        raise InputError(f"labels must lie in 0..{classes - 1}, got {labels.min()}..{labels.max()}")
    if not coupled:
        check_separate_images(bound, network.params, images)

    @jax.jit
    def compute(key, params, rest, images, labels, rhos):
        return robust_gram(
            key,
            network.bind(rest),
            params,
            images,
            labels,
            rhos=rhos,
            batches=batches,
            spec=attack or AttackSpec(),
            coupled=coupled,
            logits=logits,
            layers=layers_of(params, parts),
        )

    rhos = jnp.array([rho], images.dtype)
    grams = compute(key, network.params, network.rest, images, labels, rhos)
    joint = JointGram.from_grams(grams, batches)[0]
    return replace(joint, parameters=network.description)


def _check_batches(batches: Any) -> tuple[Batch, ...]:
    """The batches in the order of `Batch`."""
    listed = isinstance(batches, (tuple, list, set, frozenset))
    if not listed or not batches or not set(batches) <= set(Batch):
        raise InputError(
            f"expected a tuple of at least one batch of {', '.join(Batch)}, got {shorten(batches)}"
        )
    return tuple(batch for batch in Batch if batch in batches)


def _check_seed(seed: Any) -> int:
    """The seed as an integer."""
    try:
        number = operator.index(seed)
    except TypeError:
        raise InputError(f"seed must be a whole number, got {shorten(seed)}") from None
    if not 0 <= number < 2**32:
        raise InputError(f"seed must be between 0 and 4294967295, got {number}")
    return number


def _check_pixels(images: Any) -> Array:
    """Images as an array; pixels that leave [0, 1] by rounding are clipped."""
    array = np.asarray(images)
    if array.ndim != 4 or 0 in array.shape:
        raise InputError(
            f"expected images [n, h, w, c] with at least one image, got {list(array.shape)}"
        )
    if array.dtype not in (np.float32, np.float64):
        raise InputError(f"pixels must be float32 or float64 in [0, 1], got {array.dtype}")
    return jnp.asarray(clip_rounding(array, "images"))


def _check_labels(labels: Any, count: int) -> Array:
    """Labels as an array, one whole number per image."""
    array = np.asarray(labels)
    if array.dtype.kind not in "iu":
        raise InputError(f"labels must be whole numbers, got {array.dtype}")
    if array.shape != (count,):
        raise InputError(f"expected one label per image, got {list(array.shape)} for {count}")
    return jnp.asarray(array.astype(np.int32))
