"""Steps of training against PyTorch's on the network of xautodl."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

from ntknas.attack import AttackSpec
from ntknas.layers import Norm
from ntknas.network import Network, NetworkSpec, initial_variables, load_torch_weights
from ntknas.spaces.nasbench201 import Architecture
from ntknas.training import (
    Recipe,
    initial_state,
    one_cycle,
    training_step,
)
from ntknas.training.step import as_floats
from tests.network.reference import torch_network
from tests.training.pytorch import torch_steps

STEPS, BATCH = 10, 6
# 1x1 and 3x3 convolutions, pooling, a skip connection and no edge at all.
ARCH = Architecture.from_code("324130")
# Edge 0 -> 1 leads nowhere: weight decay alone moves its weights.
DEAD = Architecture.from_code("330200")
CHEAP = Architecture.from_code("000200")


def recipe(beta, **changes):
    attack = AttackSpec(steps=3, step_size=3 / 255, random_start=False)
    settings = {"epochs": 1, "batch_size": BATCH, "augment": False, "rho": 4 / 255}
    return Recipe(beta=beta, attack=attack, weight_decay=5e-3, **(settings | changes))


def draws(dtype):
    rng = np.random.default_rng(0)
    pixels = rng.random((STEPS * BATCH, 16, 16, 3)).astype(dtype)
    return pixels, rng.integers(0, 10, STEPS * BATCH)


def ours(variables, spec, architecture, recipe, pixels, labels):
    """Losses and variables after one step per batch, in the order of the images."""
    step = training_step(Network(spec), architecture.ops, recipe)
    state, losses = initial_state(variables), []
    rates = one_cycle(STEPS, peak=recipe.learning_rate)
    with jax.debug_nans():
        for number, rate in enumerate(rates):
            positions = jnp.arange(number * BATCH, (number + 1) * BATCH)
            key, rate = jax.random.key(number), jnp.asarray(rate, pixels.dtype)
            state, result = step(
                state, key, jnp.asarray(pixels), jnp.asarray(labels), positions, rate
            )
            losses.append(float(result.loss))
    return losses, state.variables


def compare(dtype, beta, architecture, tolerance, **changes):
    network = torch_network(architecture, channels=4, cells=2, dtype=dtype)
    start = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    before = load_torch_weights(start, architecture)
    pixels, labels = draws(str(dtype).removeprefix("torch."))
    settings = recipe(beta, **changes)
    batches = list(zip(np.split(pixels, STEPS), np.split(labels, STEPS), strict=True))
    expected_losses, expected = torch_steps(network, batches, settings, dtype=dtype)
    losses, variables = ours(before.variables, before.spec, architecture, settings, pixels, labels)
    after = load_torch_weights(expected, architecture).variables
    np.testing.assert_allclose(losses, expected_losses, rtol=tolerance)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=0, atol=tolerance), variables, after
    )
    moved = jax.tree.map(lambda a, b: np.abs(a - b).max(), before.variables, variables)
    assert np.median(jax.tree.leaves(moved)) > 3 * tolerance  # the comparison says something


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(
    "beta", [pytest.param(beta, marks=pytest.mark.slow) for beta in (0.0, 0.3, 1.0)]
)
def test_ten_steps_in_float64_equal_pytorch(beta):
    compare(torch.float64, beta, ARCH, 1e-8)


@pytest.mark.usefixtures("float64")
def test_weights_of_a_dead_edge_move_as_in_pytorch():
    compare(torch.float64, 0.0, DEAD, 1e-8)


def test_ten_steps_in_float32_equal_pytorch():
    """At the rates of a real training, steps of float32 part in PyTorch alone: they are chaotic."""
    compare(torch.float32, 0.0, ARCH, 1e-4, learning_rate=0.003)


def test_a_step_draws_from_its_key_alone():
    spec = NetworkSpec(channels=4, cells=1, norm=Norm.FROZEN)
    pixels, labels = draws("float32")
    pixels, labels = jnp.asarray(pixels), jnp.asarray(labels)
    settings = Recipe(attack=AttackSpec(steps=1, step_size=1 / 255))
    step = training_step(Network(spec), CHEAP.ops, settings)

    def loss(seed):
        state = initial_state(initial_variables(spec, 0, CHEAP.ops))
        key, rate = jax.random.key(seed), jnp.float32(0.1)
        return float(step(state, key, pixels, labels, jnp.arange(BATCH), rate)[1].loss)

    assert loss(0) == loss(0) != loss(1)


def test_pixels_of_8_bits_are_those_of_floats():
    pixels = np.arange(256, dtype=np.uint8)
    # A program may multiply by 1 / 255.
    np.testing.assert_allclose(as_floats(jnp.asarray(pixels)), pixels / 255, rtol=2e-7)


def test_seeds_of_an_architecture_share_a_program():
    spec = NetworkSpec(channels=4, cells=1, norm=Norm.FROZEN)
    first = training_step(Network(spec), CHEAP.ops, Recipe())
    assert training_step(Network(spec), CHEAP.ops, Recipe()) is first
