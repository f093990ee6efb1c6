"""`evaluate`: how many images a network classifies correctly, clean and under attacks.

An attack is run only on the images that still stand: those that are classified correctly, and that
no earlier run of the attack has broken. Images are gathered into batches of two sizes, so that an
attack compiles at most twice, whatever the number of images that stand.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy import stats

from ntknas.attack.losses import is_wrong
from ntknas.attack.spec import ATTACKS, AttackSpec, Scalar, check_radius
from ntknas.attack.staged import StagedAttack
from ntknas.attack.state import AttackState, StateFile
from ntknas.errors import InputError, shorten

__all__ = [
    "Accuracy",
    "AttackResult",
    "Evaluation",
    "accuracy_by_class",
    "batches",
    "evaluate",
    "predictions",
]

_SMALL = 4  # the smaller batch is a quarter of the larger


@dataclass(frozen=True)
class Accuracy:
    """A share of images with its interval.

    Attributes:
        correct: Number of images that are classified correctly.
        count: Number of images.
    """

    correct: int
    count: int

    @property
    def value(self) -> float:
        """The share of the images, in [0, 1]."""
        return self.correct / self.count

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """Wilson's binomial interval of the share.

        Args:
            confidence: Probability mass inside the interval, in (0, 1).

        Example:
            >>> low, high = Accuracy(50, 100).interval()
            >>> round(low, 3), round(high, 3)
            (0.404, 0.596)
        """
        test = stats.binomtest(self.correct, self.count)
        low, high = test.proportion_ci(confidence, method="wilson")
        return float(low), float(high)


def accuracy_by_class(right: np.ndarray, labels: np.ndarray) -> dict[int, Accuracy]:
    """The accuracy on the images of each class.

    Args:
        right: Whether each image is classified correctly, bool [n].
        labels: Classes of the images, [n].

    Returns:
        One accuracy per class that has images, by label in ascending order.

    Example:
        >>> accuracy_by_class(np.array([True, False, True]), np.array([7, 2, 7]))
        {2: Accuracy(correct=0, count=1), 7: Accuracy(correct=2, count=2)}
    """
    chosen = {int(label): right[labels == label] for label in np.unique(labels)}
    return {label: Accuracy(int(part.sum()), len(part)) for label, part in chosen.items()}


@dataclass(frozen=True, eq=False)
class AttackResult:
    """What an attack did to the images.

    Attributes:
        spec: The attack.
        rho: Its radius in pixel units.
        standing: Whether each image is classified correctly, clean and attacked, bool [n].
        broken: Number of images that each component broke, by its name: one entry, or those of
            AutoAttack in their order. Images that are misclassified without an attack are not
            counted.
        images: Attacked images, float32 [n, h, w, c]; images that stand are those of the last run.
    """

    spec: AttackSpec
    rho: float
    standing: np.ndarray
    broken: dict[str, int]
    images: np.ndarray

    @property
    def accuracy(self) -> Accuracy:
        """The share of images that stand."""
        return Accuracy(int(self.standing.sum()), len(self.standing))


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What a network does on images, clean and attacked.

    Attributes:
        clean: Whether each image is classified correctly, bool [n].
        results: One result per attack, in the order of the call.
    """

    clean: np.ndarray
    results: tuple[AttackResult, ...]

    @property
    def accuracy(self) -> Accuracy:
        """The share of clean images that are classified correctly."""
        return Accuracy(int(self.clean.sum()), len(self.clean))

    @property
    def standing(self) -> np.ndarray:
        """Whether each image stands against every attack, bool [n]."""
        return np.logical_and.reduce([self.clean, *(r.standing for r in self.results)])

    @property
    def worst_case(self) -> Accuracy:
        """The share of images that stand against every attack."""
        return Accuracy(int(self.standing.sum()), len(self.clean))


Apply = Callable[[Any, Any], Any]
"""Type of a network, `(params, images [n, h, w, c]) -> logits [n, k]`."""


def evaluate(
    apply_fn: Apply,
    params: Any,
    images: np.ndarray,
    labels: np.ndarray,
    *,
    attacks: Sequence[AttackSpec] = (),
    rho: Scalar = 8 / 255,
    batch_size: int = 100,
    seed: int = 0,
    state: str | os.PathLike[str] | None = None,
    on_progress: Callable[[str, int, int], None] | None = None,
) -> Evaluation:
    """Clean accuracy and the accuracy under each attack.

    The logits of an image must not depend on the other images of its batch: evaluate networks with
    running statistics (`Norm.FROZEN`).

    Args:
        apply_fn: The network, `(params, images) -> logits [n, k]`. A program is compiled for each
            function, and serves all parameters.
        params: Parameters of the network.
        images: Pixels in [0, 1], float [n, h, w, c].
        labels: Classes 0..k-1 of the images, [n].
        attacks: The attacks.
        rho: Radius in pixel units.
        batch_size: Number of images per batch.
        seed: Seed of the attacks' random draws.
        state: Path of a file that keeps what is done, after every run of an attack. The same call
            goes on from it, to the same result.
        on_progress: Called with the name of an attack, the number of images that it is done with,
            and the number of images.

    Returns:
        The evaluation.

    Raises:
        InputError: If the images are none, or of another number than the labels; if a setting is
            outside its range, or the radius is; if `state` belongs to another evaluation.

    Example:
        >>> w = jnp.array([[1.0, -1.0]])
        >>> apply_fn = lambda w, x: (x.reshape(-1, 1) - 0.5) @ w
        >>> x = np.array([0.2, 0.45, 0.9, 0.52]).reshape(4, 1, 1, 1)
        >>> spec = AttackSpec("fgsm")
        >>> found = evaluate(apply_fn, w, x, np.array([1, 1, 0, 0]), attacks=[spec], rho=0.1)
        >>> found.accuracy.value, found.results[0].accuracy.value
        (1.0, 0.5)
    """
    images, labels = np.asarray(images, np.float32), np.asarray(labels)
    if images.ndim != 4 or not len(images) or labels.shape != images.shape[:1]:
        raise InputError(
            "expected images [n, h, w, c] and labels [n] with n >= 1, got "
            f"{list(images.shape)} and {list(labels.shape)}"
        )
    if batch_size < 1:
        raise InputError(f"batch_size must be at least 1, got {batch_size}")
    for spec in attacks:
        if not isinstance(spec, AttackSpec):
            raise InputError(f"expected attacks as AttackSpec, got {shorten(spec)}")
        check_radius(rho, ball=spec.ball)
    logits = predictions(apply_fn, params, images, batch_size=batch_size)
    if labels.min() < 0 or labels.max() >= logits.shape[1]:
        raise InputError(
            f"labels must lie in 0..{logits.shape[1] - 1}, got {labels.min()}..{labels.max()}"
        )
    clean = logits.argmax(1) == labels
    file, states = None, []
    if state is not None:
        settings = {
            "attacks": [str(spec) for spec in attacks],
            "rho": float(rho),
            "batch_size": batch_size,
            "seed": seed,
            "labels": sha256(labels.astype("<i8").tobytes()).hexdigest(),
        }
        file = StateFile(state, settings, logits)
        states = file.read()
    key, results = jax.random.key(seed), []
    for number, spec in enumerate(attacks):
        if number == len(states):
            states.append(AttackState.start(images))
        current, components = states[number], spec.components
        while current.component < len(components):
            component = components[current.component]
            report = on_progress and partial(on_progress, _title(spec, component))
            work = _Work(apply_fn, params, images, labels, clean, component, rho, batch_size)
            component_key = jax.random.fold_in(key, current.component)
            for _ in work.run(component_key, current, report):
                if file is not None:
                    file.write(states)
        results.append(_result(spec, float(rho), clean, current))
    return Evaluation(clean, tuple(results))


def _result(spec: AttackSpec, rho: float, clean: np.ndarray, state: AttackState) -> AttackResult:
    """The result of an attack that is done."""
    broken = {
        component.name: int((state.broken_by == number).sum())
        for number, component in enumerate(spec.components)
    }
    return AttackResult(spec, rho, clean & (state.broken_by < 0), broken, state.images)


def _title(spec: AttackSpec, component: AttackSpec) -> str:
    """The name of a component, with that of its ensemble in front."""
    return spec.name if spec is component else f"{spec.name}: {component.name}"


@partial(jax.jit, static_argnames="apply_fn")
def _logits(params, images, *, apply_fn: Apply):
    return apply_fn(params, images)


def predictions(
    apply_fn: Apply, params: Any, images: np.ndarray, *, batch_size: int = 100
) -> np.ndarray:
    """The logits [n, k] of images.

    Args:
        apply_fn: The network, `(params, images) -> logits [n, k]`.
        params: Parameters of the network.
        images: Pixels in [0, 1], float [n, h, w, c].
        batch_size: Number of images per batch.
    """
    parts = []
    for chosen, count in batches(np.arange(len(images)), batch_size):
        pixels = jnp.asarray(images[chosen], jnp.float32)
        parts.append(np.asarray(_logits(params, pixels, apply_fn=apply_fn))[:count])
    return np.concatenate(parts)


def batches(indices: np.ndarray, batch_size: int) -> Iterator[tuple[np.ndarray, int]]:
    """Batches of two sizes that hold all indices.

    Args:
        indices: Positions of images.
        batch_size: Size of a batch. The last ones are a quarter as large where this saves images.

    Yields:
        The positions of a batch, of which the last ones may repeat the first, and the number of
        those that count.

    Example:
        >>> [(len(batch), count) for batch, count in batches(np.arange(13), 8)]
        [(8, 8), (2, 2), (2, 2), (2, 1)]
    """
    small = max(1, -(-batch_size // _SMALL))
    while len(indices):
        rest = len(indices)
        size = batch_size if -(-rest // small) * small >= batch_size else small
        chosen = indices[:size]
        filler = np.full(size - len(chosen), indices[0], indices.dtype)
        yield np.concatenate([chosen, filler]), len(chosen)
        indices = indices[size:]


@partial(jax.jit, static_argnames=("apply_fn", "spec"))
def _stage(params, key, images, labels, best, stage, rho, *, apply_fn: Apply, spec: AttackSpec):
    """The images of one run of an attack, and whether each is misclassified."""

    def logits_fn(images):
        return apply_fn(params, images)

    attack, settings = ATTACKS[spec.name], {"rho": rho, "spec": spec}
    if isinstance(attack, StagedAttack):
        new = attack.run(key, logits_fn, images, labels, best, stage=stage, **settings)
    else:
        new = attack(key, logits_fn, images, labels, **settings)
    return new, is_wrong(logits_fn(new), labels)


class _Work(NamedTuple):
    """One attack on the images that stand."""

    apply_fn: Apply
    params: Any
    images: np.ndarray
    labels: np.ndarray
    clean: np.ndarray
    spec: AttackSpec
    rho: Scalar
    batch_size: int

    def run(self, key: Any, state: AttackState, report: Any) -> Iterator[None]:
        """Run every stage on what still stands, and write down what falls.

        Args:
            key: Key of the attack.
            state: How far the attack is, changed in place.
            report: Function of the number of images that are done with and the number of images.

        Yields:
            Nothing, after each stage.
        """
        own = state.component
        first = self.clean & ((state.broken_by < 0) | (state.broken_by == own))
        total, stages = int(first.sum()), self._stages()
        if state.stage == 0:
            # Later stages go on from the images of earlier ones, and the first from clean images.
            state.images[first] = self.images[first]
        done = 0
        for stage in range(state.stage, stages):
            stage_key = jax.random.fold_in(key, stage)
            waiting = np.flatnonzero(self.clean & (state.broken_by < 0))
            if not len(waiting):
                break
            left = len(waiting)
            for number, (batch, count) in enumerate(batches(waiting, self.batch_size)):
                batch_key = jax.random.fold_in(stage_key, number)
                new, wrong = self._batch(batch_key, batch, state.images, stage)
                indices = batch[:count]
                state.images[indices] = new[:count]
                state.broken_by[indices[wrong[:count]]] = own
                left -= count
                done = (total * (stage + 1) - left) // stages
                if report:
                    report(done, total)
            last = stage + 1 == stages
            state.component, state.stage = (own + 1, 0) if last else (own, stage + 1)
            yield
        state.component, state.stage = own + 1, 0
        if report and done < total:  # all of them fell before the last stage
            report(total, total)

    def _stages(self) -> int:
        """The number of runs of the attack."""
        attack = ATTACKS[self.spec.name]
        if not isinstance(attack, StagedAttack):
            return 1
        one = jax.ShapeDtypeStruct((1, *self.images.shape[1:]), jnp.float32)
        classes = jax.eval_shape(self.apply_fn, self.params, one).shape[-1]
        return attack.stages(self.spec, classes)

    def _batch(self, key: Any, batch: np.ndarray, attacked: np.ndarray, stage: int):
        """One stage of the attack on a batch."""
        new, wrong = _stage(
            self.params,
            key,
            self.images[batch],
            self.labels[batch],
            attacked[batch],
            stage,
            self.rho,
            apply_fn=self.apply_fn,
            spec=self.spec,
        )
        return np.asarray(new), np.asarray(wrong)
