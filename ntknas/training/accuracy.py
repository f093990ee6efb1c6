"""Accuracy of a trained network on clean and on attacked images."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ntknas.attack import AttackSpec, attack
from ntknas.images import ImageSet
from ntknas.network import Network
from ntknas.scores.fraction import format_decimal
from ntknas.training.step import as_floats

__all__ = ["Evaluator", "Trial", "benchmark_trials"]


class Trial(NamedTuple):
    """An accuracy to measure.

    Attributes:
        name: Name of the metric, as published tables have it: "clean", "fgsm_8", "pgd_8".
        attack: Attack on the images; None means no attack.
        rho: Radius of the attack in pixel units.
    """

    name: str
    attack: AttackSpec | None = None
    rho: float = 0.0


def benchmark_trials(*radii: float) -> tuple[Trial, ...]:
    """Clean, FGSM and PGD-20 accuracy, as in NAS-RobBench-201.

    Args:
        *radii: Radii of the attacks in pixel units. Names of metrics have them in 255ths.

    Example:
        >>> [trial.name for trial in benchmark_trials(3 / 255, 8 / 255)]
        ['clean', 'fgsm_3', 'pgd_3', 'fgsm_8', 'pgd_8']
    """
    trials = [Trial("clean")]
    for rho in radii:
        radius = format_decimal(round(rho * 255, 6))
        trials.append(Trial(f"fgsm_{radius}", AttackSpec("fgsm"), rho))
        trials.append(Trial(f"pgd_{radius}", AttackSpec(), rho))
    return tuple(trials)


class Evaluator:
    """Accuracies of one architecture's networks; each trial is compiled once.

    Args:
        network: The network, with frozen normalisation.
        ops: Six operation codes of the cell.
        batch_size: Number of images at a time; results hardly depend on it.
    """

    def __init__(self, network: Network, ops: tuple[int, ...], *, batch_size: int = 250):
        self._network, self._ops, self._batch_size = network, ops, batch_size
        self._hits: dict[AttackSpec | None, Callable[..., Any]] = {}

    def __call__(
        self,
        variables: Mapping[str, Any],
        images: ImageSet,
        trials: tuple[Trial, ...],
        *,
        seed: int = 0,
        on_progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> dict[str, float]:
        """The share of images whose largest logit is that of their class, for every trial.

        Args:
            variables: Collections `params` and `batch_stats`.
            images: Images to classify.
            trials: Accuracies to measure.
            seed: Seed of the attacks' random starts.
            on_progress: Called with the number of finished and of all images, over all trials.

        Returns:
            Accuracies in [0, 1], by the names of the trials.
        """
        size, accuracies = min(self._batch_size, len(images)), {}
        total, done = len(images) * len(trials), 0
        for trial in trials:
            if trial.attack not in self._hits:
                self._hits[trial.attack] = self._compile(trial.attack)
            hits = self._hits[trial.attack]
            counts = []
            for start in range(0, len(images), size):
                positions = np.arange(start, start + size) % len(images)
                valid = np.arange(start, start + size) < len(images)
                key = jax.random.fold_in(jax.random.key(seed), start)
                batch = (images.pixels[positions], images.labels[positions].astype(np.int32))
                counts.append(int(hits(variables, key, *batch, valid, trial.rho)))
                done += int(valid.sum())
                on_progress(done, total)
            accuracies[trial.name] = sum(counts) / len(images)
        return accuracies

    def _compile(self, spec: AttackSpec | None) -> Callable[..., Any]:
        """A function that counts the hits of a batch."""

        def logits_of(variables, images):
            return self._network.apply(variables, images, self._ops)

        @jax.jit
        def hits(variables, key, pixels, labels, valid, rho):
            images = as_floats(pixels)
            if spec is not None:
                images = attack(key, logits_of, variables, images, labels, spec=spec, rho=rho)
            correct = logits_of(variables, images).argmax(-1) == labels
            return jnp.sum(correct & valid)

        return hits
