"""`checklist`: signs that a network masks its gradients, so that attacks overrate its robustness.

Each criterion holds for a network whose gradients lead attacks where they should. Where it fails,
accuracies under gradient attacks are too high. Two attacks are compared image by image: by chance,
the weaker one may break images that the stronger one does not. It counts as better only if an exact
sign test (one-sided, 5%) says so.

References:
    Athalye et al., Obfuscated gradients give a false sense of security, ICML 2018, section 3.1.
    Carlini et al., On evaluating adversarial robustness, 2019.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy import stats

from ntknas.attack.ball import length, project, steepest
from ntknas.attack.evaluation import Apply, Evaluation, batches, evaluate, predictions
from ntknas.attack.losses import cross_entropy, is_wrong, log_odds
from ntknas.attack.spec import AttackSpec, Scalar, check_radius
from ntknas.errors import InputError, Remark

__all__ = ["Checklist", "Criterion", "checklist"]

_SIGNIFICANCE = 0.05
_ZERO_GRADIENTS = 0.01  # share of images that may have none
_UPHILL = 0.95  # share of images whose loss must rise
_SMALL_STEP = 0.1  # of the radius


@dataclass(frozen=True)
class Criterion:
    """One criterion.

    Attributes:
        name: Statement that holds for networks that do not mask their gradients.
        passed: Whether it holds; None if it was not checked.
        finding: What was found, in words.
        values: The numbers of the finding, by name.
    """

    name: str
    passed: bool | None
    finding: str
    values: Mapping[str, float | int] = field(default_factory=dict)


@dataclass(frozen=True)
class Checklist:
    """All criteria.

    Attributes:
        criteria: The criteria, in the order of the reference.
        images: Number of images that the network classifies correctly, which the attacks started
            from.
    """

    criteria: tuple[Criterion, ...]
    images: int

    @property
    def passed(self) -> bool:
        """Whether no criterion failed."""
        return not any(criterion.passed is False for criterion in self.criteria)


def checklist(
    apply_fn: Apply,
    params: Any,
    images: np.ndarray,
    labels: np.ndarray,
    *,
    rho: Scalar = 8 / 255,
    steps: int = 20,
    queries: int = 1000,
    samples: int = 100,
    surrogate: tuple[Apply, Any] | None = None,
    batch_size: int = 100,
    seed: int = 0,
    on_progress: Callable[[str, int, int], None] | None = None,
) -> Checklist:
    """Whether a network shows signs of masked gradients.

    Args:
        apply_fn: The network, `(params, images) -> logits [n, k]`, of each image by itself.
        params: Parameters of the network.
        images: Pixels in [0, 1], float [n, h, w, c].
        labels: Classes of the images.
        rho: Radius of the attacks in pixel units, above 0.
        steps: Number of steps of PGD and APGD.
        queries: Number of queries of Square.
        samples: Number of random points per image.
        surrogate: Another network, as `(apply_fn, params)`, whose attacked images are tried on this
            one; None leaves the criterion of transfer unchecked.
        batch_size: Number of images per batch.
        seed: Seed of all draws.
        on_progress: Called like that of `evaluate`.

    Returns:
        The criteria with their verdicts.

    Raises:
        InputError: If a setting is outside its range, or no image is classified correctly.
    """
    check_radius(rho)
    if rho == 0:
        raise InputError("the checklist needs a radius above 0, got 0")
    for name, value in (("queries", queries), ("samples", samples)):
        if value < 1:
            raise InputError(f"{name} must be at least 1, got {value}")
    right = evaluate(apply_fn, params, images, labels, batch_size=batch_size).clean
    if not right.any():
        raise InputError(f"the network classifies none of {len(right)} images correctly")
    images, labels = np.asarray(images, np.float32)[right], np.asarray(labels)[right]

    def attacked(rho: Scalar, *specs: AttackSpec, by: tuple[Apply, Any] = (apply_fn, params)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Remark)  # unusual radii are the point
            return evaluate(
                *by,
                images,
                labels,
                attacks=specs,
                rho=rho,
                batch_size=batch_size,
                seed=seed,
                on_progress=on_progress,
            )

    pgd = AttackSpec(steps=steps)
    at_rho = attacked(
        rho, AttackSpec("fgsm"), pgd, AttackSpec("apgd-ce", steps), AttackSpec("square", queries)
    )
    one_step, iterated, adaptive, black_box = (result.standing for result in at_rho.results)
    white_box = iterated & adaptive
    by_radius = {r: attacked(r, pgd).results[0].standing for r in _radii(rho) if r != rho}
    by_radius = dict(sorted({**by_radius, rho: iterated}.items()))
    numbers = _Numbers(apply_fn, params, images, labels, rho, batch_size, seed)
    return Checklist(
        (
            _no_better("one step does no better than many", "FGSM", one_step, "PGD", iterated),
            _no_better(
                "queries do no better than gradients",
                "Square",
                black_box,
                "PGD and APGD",
                white_box,
            ),
            _transfer(surrogate, attacked, numbers, white_box, pgd),
            _unbounded(by_radius),
            _larger_radii(by_radius),
            numbers.random_search(white_box, samples),
            numbers.gradients(),
            numbers.uphill(),
        ),
        len(images),
    )


def _radii(rho: float) -> list[float]:
    """Half of rho, and rho doubled until the whole of [0, 1]."""
    radii = [rho / 2, rho]
    while radii[-1] < 0.5:
        radii.append(2 * radii[-1])
    return [*radii, 1.0] if radii[-1] < 1 else radii


def _worse(weak: np.ndarray, strong: np.ndarray) -> tuple[bool, int, int]:
    """Whether the weaker attack broke more, beyond chance; and how many either alone broke."""
    by_weak, by_strong = int((~weak & strong).sum()), int((weak & ~strong).sum())
    if by_weak <= by_strong:
        return False, by_weak, by_strong
    test = stats.binomtest(by_weak, by_weak + by_strong, 0.5, alternative="greater")
    return bool(test.pvalue < _SIGNIFICANCE), by_weak, by_strong


def _no_better(
    name: str, weak: str, weak_stands: np.ndarray, strong: str, strong_stands: np.ndarray
) -> Criterion:
    """The comparison of two attacks, by whether each image stands."""
    failed, by_weak, by_strong = _worse(weak_stands, strong_stands)
    shares = float(weak_stands.mean()), float(strong_stands.mean())
    return Criterion(
        name,
        not failed,
        f"{weak} leaves {shares[0]:.1%}, {strong} {shares[1]:.1%}; {weak} alone breaks {by_weak}, "
        f"{strong} alone {by_strong}",
        {
            "weak": shares[0],
            "strong": shares[1],
            "by_weak_alone": by_weak,
            "by_strong_alone": by_strong,
        },
    )


def _transfer(surrogate, attacked, numbers: "_Numbers", white_box, pgd: AttackSpec) -> Criterion:
    """Whether images that were attacked on another network break more."""
    name = "transfer does no better than gradients"
    if surrogate is None:
        return Criterion(name, None, "no other network was given")
    found: Evaluation = attacked(numbers.rho, pgd, by=surrogate)
    # Images that the other network gets wrong without an attack are tried as they are.
    stands = numbers.stand(found.results[0].images)
    return _no_better(name, "transfer", stands, "PGD and APGD", white_box)


def _unbounded(by_radius: dict[float, np.ndarray]) -> Criterion:
    """Whether an attack that may change anything breaks every image."""
    left = int(by_radius[max(by_radius)].sum())
    return Criterion(
        "unbounded attacks always succeed",
        left == 0,
        f"PGD at radius 1 leaves {left} of {len(by_radius[max(by_radius)])} images",
        {"left": left},
    )


def _larger_radii(by_radius: dict[float, np.ndarray]) -> Criterion:
    """Whether no radius breaks fewer images than a smaller one."""
    radii = list(by_radius)
    failures = [
        f"{small * 255:.3g}/255 to {large * 255:.3g}/255"
        for small, large in zip(radii, radii[1:], strict=False)
        if _worse(by_radius[small], by_radius[large])[0]
    ]
    shares = {f"{r * 255:.3g}/255": float(by_radius[r].mean()) for r in radii}
    listed = ", ".join(f"{share:.1%} at {radius}" for radius, share in shares.items())
    found = f"PGD leaves {listed}"
    if failures:
        found += f"; accuracy rises from {', '.join(failures)}"
    return Criterion("a larger radius never does worse", not failures, found, shares)


@dataclass(frozen=True)
class _Numbers:
    """What is computed on images that the network classifies correctly."""

    apply_fn: Apply
    params: Any
    images: np.ndarray
    labels: np.ndarray
    rho: Scalar
    batch_size: int
    seed: int

    def stand(self, images: np.ndarray) -> np.ndarray:
        """Whether each image is classified correctly."""
        logits = predictions(self.apply_fn, self.params, images, batch_size=self.batch_size)
        return logits.argmax(1) == self.labels

    def _by_batch(self, chosen: np.ndarray, function) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The positions of chosen images and a function's values, batch by batch."""
        key = jax.random.key(self.seed)
        for number, (batch, count) in enumerate(batches(chosen, self.batch_size)):
            batch_key = jax.random.fold_in(key, number)
            values = function(
                self.params,
                batch_key,
                jnp.asarray(self.images[batch]),
                jnp.asarray(self.labels[batch]),
                self.rho,
                apply_fn=self.apply_fn,
            )
            yield batch[:count], np.asarray(values)[:count]

    def random_search(self, white_box: np.ndarray, samples: int) -> Criterion:
        """Whether random points of the ball break an image that gradients do not."""
        survivors = np.flatnonzero(white_box)
        found = sum(
            int(values.sum())
            for _, values in self._by_batch(survivors, partial(_random_points, samples=samples))
        )
        return Criterion(
            "random search finds nothing more",
            found == 0,
            f"{samples} random points each break {found} of {len(survivors)} images that stand "
            "against PGD and APGD",
            {"found": found, "survivors": len(survivors), "samples": samples},
        )

    def gradients(self) -> Criterion:
        """Whether the loss has gradients."""
        every = np.arange(len(self.images))
        missing = sum(int((v == 0).sum()) for _, v in self._by_batch(every, _gradient_lengths))
        share = missing / len(every)
        return Criterion(
            "the loss has a gradient",
            share <= _ZERO_GRADIENTS,
            f"{missing} of {len(every)} images have a gradient of 0, or none that is finite",
            {"missing": missing},
        )

    def uphill(self) -> Criterion:
        """Whether a small step along the gradient raises the loss."""
        every = np.arange(len(self.images))
        rising = sum(int(v.sum()) for _, v in self._by_batch(every, _rises))
        return Criterion(
            "a small step along the gradient raises the loss",
            rising >= _UPHILL * len(every),
            f"it does for {rising} of {len(every)} images (a step of rho/10)",
            {"rising": rising},
        )


def _gradient(apply_fn: Apply, params, images, labels):
    """The gradients of the losses with respect to the pixels."""
    return jax.grad(lambda images: cross_entropy(apply_fn(params, images), labels).sum())(images)


@partial(jax.jit, static_argnames="apply_fn")
def _gradient_lengths(params, key, images, labels, rho, *, apply_fn: Apply):
    """The largest change of the loss per pixel of each image; 0 if a pixel's is not finite."""
    del key, rho
    found = length(_gradient(apply_fn, params, images, labels), "linf")
    return jnp.where(jnp.isfinite(found), found, 0)


@partial(jax.jit, static_argnames="apply_fn")
def _rises(params, key, images, labels, rho, *, apply_fn: Apply):
    """Whether the loss of each image rises after a small step along the sign of its gradient."""
    del key
    gradient = _gradient(apply_fn, params, images, labels)
    moved = images + _SMALL_STEP * rho * steepest(gradient, "linf")
    moved = project(images, moved, rho, "linf")
    # The loss itself may be too near to 0 to be seen rising.
    before, after = (log_odds(apply_fn(params, x), labels) for x in (images, moved))
    return after > before


@partial(jax.jit, static_argnames=("apply_fn", "samples"))
def _random_points(params, key, images, labels, rho, *, apply_fn: Apply, samples: int):
    """Whether a random point breaks each image: even turns are corners, odd ones the inside."""

    def turn(number, broken):
        noise = jax.random.uniform(
            jax.random.fold_in(key, number), images.shape, images.dtype, minval=-1, maxval=1
        )
        noise = jnp.where(number % 2, noise, jnp.sign(noise))
        points = jnp.clip(images + rho * noise, 0, 1)
        return broken | is_wrong(apply_fn(params, points), labels)

    return jax.lax.fori_loop(0, samples, turn, jnp.zeros(len(images), bool))
