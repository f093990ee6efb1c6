"""Training of one network: epochs, checkpoints, history.

The weights depend on the settings and the seed alone. The order of the images is drawn from seed
and epoch, augmentation and random starts from seed, epoch and step. So a training that was killed
comes to the same weights, bit for bit on the same machine, as one that was not.
"""

import contextlib
import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ntknas.errors import InputError
from ntknas.images import ImageSet
from ntknas.layers import Norm
from ntknas.network import Network, NetworkSpec, initial_variables
from ntknas.spaces.nasbench201 import Architecture, architecture_of
from ntknas.training.accuracy import Evaluator, Trial
from ntknas.training.checkpoints import Checkpoint, Checkpoints, Trained
from ntknas.training.recipe import Recipe
from ntknas.training.schedule import one_cycle
from ntknas.training.step import TrainingState, initial_state, training_step

__all__ = ["Diverged", "fit"]

SAVE_SECONDS = 60.0


class Diverged(ArithmeticError):
    """The loss or a weight became infinite or NaN; the message names the step."""


@dataclass
class _Moment:
    """Where a training stands.

    Attributes:
        state: What a step changes.
        done: Number of steps taken.
        sums: Sums of loss and hits over the images of the epoch so far, and their number.
        history: One entry per finished epoch.
        best: Largest value of an epoch so far, by which the best is chosen.
    """

    state: TrainingState
    done: int = 0
    sums: tuple[float, int, int] = (0.0, 0, 0)
    history: list[dict[str, Any]] = field(default_factory=list)
    best: float | None = None

    @classmethod
    def of(cls, checkpoint: Checkpoint) -> "_Moment":
        """The moment of a checkpoint."""
        state = TrainingState(*(jax.tree.map(jnp.array, part) for part in checkpoint.state))
        about = checkpoint.about
        return cls(state, about["step"], tuple(about["sums"]), about["history"], about["best"])

    def checkpoint(self, about: dict[str, Any]) -> Checkpoint:
        """A checkpoint of this moment."""
        names = {"step": self.done, "sums": self.sums, "history": self.history, "best": self.best}
        return Checkpoint(jax.device_get(self.state), about | names)


def fit(
    architecture: Any,
    images: ImageSet,
    *,
    recipe: Recipe,
    network: NetworkSpec,
    seed: int = 0,
    folder: str | Path | None = None,
    validation: ImageSet | None = None,
    initial: Mapping[str, Any] | None = None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    on_epoch: Callable[[list[dict[str, Any]]], None] = lambda history: None,
    save_seconds: float = SAVE_SECONDS,
) -> Trained:
    """Train a network, or go on with a training that was stopped.

    Args:
        architecture: The cell, or its id or string.
        images: Training images.
        recipe: Settings of training.
        network: The network around the cell; its normalisation must be frozen, which stands for
            running statistics.
        seed: Seed of initial weights, order, augmentation and random starts; not negative.
        folder: Folder of the checkpoints; None keeps none. A checkpoint in it is gone on from.
        validation: Images whose robust accuracy (clean accuracy for beta = 0) decides which epoch
            was the best; None means that the loss on the training images decides.
        initial: Initial weights; None means those of `initial_variables`.
        on_progress: Called after each step with the number of images seen and of all images, over
            all epochs.
        on_epoch: Called after each epoch with the history so far.
        save_seconds: Seconds between checkpoints within an epoch.

    Returns:
        The network after the last epoch. `about["history"]` has one entry per epoch.

    Raises:
        InputError: If the images do not fit the network, or the checkpoint is one of another
            training.
        Diverged: If the loss or a weight is not finite. The last checkpoint is kept.
    """
    architecture = architecture_of(architecture)
    _check(network, images, recipe, seed)
    about = {
        "architecture": architecture.id,
        "network": asdict(network),
        "recipe": asdict(recipe),
        "seed": seed,
        "images": len(images),
    }
    checkpoints = None if folder is None else Checkpoints(Path(folder))
    with contextlib.nullcontext() if checkpoints is None else contextlib.closing(checkpoints):
        moment = _start(architecture, network, seed, initial, about, checkpoints)
        evaluate = Evaluator(Network(network), architecture.ops)
        steps = _Steps(architecture, images, recipe, network, seed)
        saved_at = time.monotonic()
        while moment.done < steps.total:
            is_best = False
            if steps.take(moment):
                accuracies = {}
                if validation is not None:
                    accuracies = evaluate(moment.state.variables, validation, trials(recipe))
                is_best = _end_epoch(moment, steps, accuracies)
                on_epoch(moment.history)
            seen, epoch = moment.sums[2], moment.done // steps.per_epoch
            on_progress(epoch * len(images) + seen, recipe.epochs * len(images))
            if not seen or time.monotonic() - saved_at > save_seconds:
                steps.check_finite(moment)
                if checkpoints:
                    checkpoints.save(moment.done, moment.checkpoint(about), best=is_best)
                saved_at = time.monotonic()
    variables = jax.device_get(moment.state.variables)
    about |= {"step": moment.done, "history": moment.history}
    return Trained(architecture, network, variables, about)


def trials(recipe: Recipe) -> tuple[Trial, ...]:
    """The accuracies that are measured on validation images after an epoch; the last one decides.

    Args:
        recipe: Settings of training.
    """
    clean = (Trial("validation_clean"),)
    robust = (Trial("validation_robust", recipe.attack, recipe.rho),)
    return clean + robust if recipe.beta else clean


def _start(
    architecture: Architecture,
    network: NetworkSpec,
    seed: int,
    initial: Mapping[str, Any] | None,
    about: dict[str, Any],
    checkpoints: Checkpoints | None,
) -> _Moment:
    """Where a training goes on, or begins."""
    saved = checkpoints.last() if checkpoints else None
    if saved is None:
        if initial is None:
            initial = initial_variables(network, seed, architecture.ops)
        return _Moment(initial_state(initial))
    for name, value in json.loads(json.dumps(about)).items():
        if saved.about.get(name) != value:
            raise InputError(
                f"the checkpoint is one of another training: {name} {saved.about.get(name)}, "
                f"expected {value}"
            )
    return _Moment.of(saved)


def _end_epoch(moment: _Moment, steps: "_Steps", accuracies: dict[str, float]) -> bool:
    """Add an epoch to the history; whether it is the best so far."""
    loss, correct, images = moment.sums
    row: dict[str, Any] = {
        "epoch": moment.done // steps.per_epoch,
        "learning_rate": float(steps.rates[moment.done - 1]),
        "loss": loss / images,
        "train_accuracy": correct / images,
        **accuracies,
        "images_per_second": steps.images_per_second(),
    }
    value = list(accuracies.values())[-1] if accuracies else -row["loss"]
    is_best = moment.best is None or value > moment.best
    moment.best = value if is_best else moment.best
    moment.history = [*moment.history, row]
    moment.sums = (0.0, 0, 0)
    return is_best


def _check(network: NetworkSpec, images: ImageSet, recipe: Recipe, seed: int) -> None:
    """Raise InputError if network, images and recipe do not fit each other."""
    if network.norm is not Norm.FROZEN:
        raise InputError(f"expected a network with norm frozen to train, got norm {network.norm}")
    side, classes = images.pixels.shape[1], int(images.labels.max()) + 1
    if side != network.image_size:
        raise InputError(f"expected images of {network.image_size} pixels, got {side}")
    if classes > network.classes:
        raise InputError(
            f"expected labels 0..{network.classes - 1}, the classes of the network, "
            f"got {classes - 1} in {images.source}"
        )
    if seed < 0:
        raise InputError(f"seed must not be negative, got {seed}")
    if network.image_size == 4 and 1 in (recipe.batch_size, len(images) % recipe.batch_size):
        raise InputError("a batch of one image has no variance where the image is one pixel")


class _Steps:
    """The steps of a training, in their order."""

    def __init__(
        self,
        architecture: Architecture,
        images: ImageSet,
        recipe: Recipe,
        network: NetworkSpec,
        seed: int,
    ):
        self.per_epoch = -(-len(images) // recipe.batch_size)
        self.rates = one_cycle(recipe.epochs * self.per_epoch, peak=recipe.learning_rate)
        self.total = len(self.rates)
        self._seed, self._key = seed, jax.random.key(seed)
        self._batch_size = recipe.batch_size
        self._step = training_step(Network(network), architecture.ops, recipe)
        self._pixels = jnp.asarray(images.pixels)
        self._labels = jnp.asarray(images.labels, jnp.int32)
        self._order: dict[int, np.ndarray] = {}
        self._seconds, self._images = 0.0, 0
        self._compiled: set[int] = set()

    def take(self, moment: _Moment) -> bool:
        """Take one step; whether it was the last of an epoch."""
        epoch, position = divmod(moment.done, self.per_epoch)
        order = self._order_of(epoch)
        batch = order[position * self._batch_size : (position + 1) * self._batch_size]
        key = jax.random.fold_in(jax.random.fold_in(self._key, epoch), position)
        rate = jnp.float32(self.rates[moment.done])
        start = time.monotonic()
        moment.state, result = self._step(
            moment.state, key, self._pixels, self._labels, batch, rate
        )
        loss, correct = float(result.loss), int(result.correct)
        if len(batch) in self._compiled:  # the first step of a size may compile
            self._seconds += time.monotonic() - start
            self._images += len(batch)
        self._compiled.add(len(batch))
        if not math.isfinite(loss):
            raise Diverged(self._at(f"the loss is {loss}", moment))
        moment.done += 1
        losses, hits, images = moment.sums
        moment.sums = (losses + loss * len(batch), hits + correct, images + len(batch))
        return position + 1 == self.per_epoch

    def check_finite(self, moment: _Moment) -> None:
        """Raise Diverged if a weight is not finite."""
        if not all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves(moment.state)):
            moment.done -= 1  # the step that did it
            raise Diverged(self._at("a weight is not finite", moment))

    def images_per_second(self) -> float | None:
        """Images per second so far, compiling apart; None if every step may have compiled."""
        return self._images / self._seconds if self._seconds else None

    def _order_of(self, epoch: int) -> np.ndarray:
        """The positions of the images in the order of an epoch."""
        if epoch not in self._order:
            rng = np.random.default_rng([self._seed, epoch])
            self._order = {epoch: rng.permutation(len(self._labels)).astype(np.int32)}
        return self._order[epoch]

    def _at(self, what: str, moment: _Moment) -> str:
        """A message that names a step."""
        epoch, position = divmod(moment.done, self.per_epoch)
        return (
            f"{what} at step {position + 1} of {self.per_epoch} in epoch {epoch + 1}; the last "
            "checkpoint is kept; a lower learning rate may help"
        )
