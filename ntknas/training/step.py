"""One step of training, compiled once per network and size of a batch.

Images stay on the device as they are stored. A step takes their positions, and all that is random
in it comes from one key.
"""

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import lax
from jaxtyping import Array, Float, Int, Key, PyTree

from ntknas.attack import attack
from ntknas.network import Network
from ntknas.training.augment import crop_and_flip
from ntknas.training.recipe import Recipe

__all__ = ["StepResult", "TrainingState", "as_floats", "initial_state", "training_step", "update"]


class TrainingState(NamedTuple):
    """What a step changes.

    Attributes:
        params: Parameters of the network.
        batch_stats: Running statistics of its normalisations.
        momentum: SGD's sum of past gradients, shaped like the parameters.
    """

    params: PyTree
    batch_stats: PyTree
    momentum: PyTree

    @property
    def variables(self) -> dict[str, PyTree]:
        """The variables of the network."""
        return {"params": self.params, "batch_stats": self.batch_stats}


class StepResult(NamedTuple):
    """What a step says about its batch.

    Attributes:
        loss: The loss before the step.
        correct: Number of images, attacked ones for beta > 0, that the network before the step put
            into their class, with statistics of the batch.
    """

    loss: Float[Array, ""]
    correct: Int[Array, ""]


def initial_state(variables: Any) -> TrainingState:
    """The state before the first step.

    Args:
        variables: Collections `params` and `batch_stats` of the network.
    """
    params, statistics = (
        jax.tree.map(jnp.array, variables[name]) for name in ("params", "batch_stats")
    )
    return TrainingState(params, statistics, jax.tree.map(jnp.zeros_like, params))


def update(
    state: TrainingState,
    batches: tuple[tuple[float, Float[Array, "n h w c"]], ...],
    labels: Int[Array, " n"],
    learning_rate: Float[Array, ""],
    *,
    network: Network,
    ops: tuple[int, ...],
    recipe: Recipe,
) -> tuple[TrainingState, StepResult]:
    """SGD on a weighted sum of cross-entropies, as PyTorch computes it in `train()`.

    Args:
        state: State before the step.
        batches: Weights and images of the terms; they move the running statistics in this order.
        labels: Classes of the images, the same for all terms.
        learning_rate: Learning rate of the step.
        network: The network, with frozen normalisation.
        ops: Six operation codes of the cell.
        recipe: Settings of training.

    Returns:
        The state after the step, and the loss and the number of hits of the last term.
    """

    def loss_of(params):
        statistics, total = state.batch_stats, 0.0
        for weight, images in batches:
            variables = {"params": params, "batch_stats": statistics}
            logits, moved = network.apply(variables, images, ops, mutable=["batch_stats"])
            statistics = moved["batch_stats"]
            losses = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
            total += weight * losses.mean()
            correct = (logits.argmax(-1) == labels).sum()
        return total, (statistics, correct)

    (loss, (statistics, correct)), gradients = jax.value_and_grad(loss_of, has_aux=True)(
        state.params
    )
    optimiser = optax.chain(
        optax.add_decayed_weights(recipe.weight_decay), optax.trace(recipe.momentum)
    )
    before = (optax.EmptyState(), optax.TraceState(state.momentum))
    updates, (_, trace) = optimiser.update(gradients, before, state.params)
    params = jax.tree.map(lambda w, u: w - learning_rate.astype(w.dtype) * u, state.params, updates)
    return TrainingState(params, statistics, trace.trace), StepResult(loss, correct)


@lru_cache(maxsize=2)  # seeds of an architecture share a program
def training_step(
    network: Network, ops: tuple[int, ...], recipe: Recipe
) -> Callable[..., tuple[TrainingState, StepResult]]:
    """The compiled step, `(state, key, pixels, labels, positions, learning_rate)`.

    Args:
        network: The network, with frozen normalisation.
        ops: Six operation codes of the cell.
        recipe: Settings of training.

    Returns:
        A function from the state, the key of the step, all pixels and labels of the training set,
        the positions of the batch in it, and the learning rate, to the next state and the result.
        The state that is given to it must not be used again.
    """

    @partial(jax.jit, donate_argnums=0)
    def step(
        state: TrainingState,
        key: Key[Array, ""],
        pixels: Array,
        labels: Int[Array, " m"],
        positions: Int[Array, " n"],
        learning_rate: Float[Array, ""],
    ):
        augmentation, start = jax.random.split(key)
        images, classes = as_floats(pixels[positions]), labels[positions]
        if recipe.augment:
            images = crop_and_flip(augmentation, images)
        batches: tuple[tuple[float, Array], ...] = ()
        if recipe.beta < 1:
            batches += ((1 - recipe.beta, images),)
        if recipe.beta > 0:
            attacked = attack(
                start,
                lambda variables, images: network.apply(variables, images, ops),
                state.variables,
                images,
                classes,
                spec=recipe.attack,
                rho=recipe.rho,
            )
            batches += ((recipe.beta, lax.stop_gradient(attacked)),)
        return update(
            state, batches, classes, learning_rate, network=network, ops=ops, recipe=recipe
        )

    return step


def as_floats(pixels: Array) -> Array:
    """Pixels in [0, 1]; those of 8 bits are divided by 255."""
    return pixels / jnp.float32(255) if pixels.dtype == jnp.uint8 else pixels
