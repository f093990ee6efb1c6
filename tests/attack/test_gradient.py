"""FGSM and PGD against torchattacks, in closed form, and within their bounds."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
import torchattacks
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from ntknas.attack import AttackSpec, attack, fgsm, pgd
from ntknas.layers import Norm
from ntknas.network import Network, NetworkSpec, load_torch_weights
from ntknas.spaces.nasbench201 import Architecture
from tests.network.reference import Normalised, to_numpy, to_torch, torch_network

ARCH = Architecture.from_code("324131")
RHO, STEP, STEPS = 8 / 255, 2 / 255, 7


@pytest.mark.parametrize("norm", [Norm.BATCH, Norm.FROZEN])
def test_equals_torchattacks(norm, float64):
    """Same weights, same mode, no random start: the same image, in every one of 3072 pixels."""
    rng = np.random.default_rng(4)
    images, labels = rng.uniform(size=(4, 16, 16, 3)), np.array([3, 0, 9, 3])
    images[0, :4] = 0.0  # where the box is in the way
    images[1, :4] = 1.0

    oracle = Normalised(torch_network(ARCH, cells=1, dtype=torch.float64))
    variables = load_torch_weights(oracle.network.state_dict(), ARCH).variables
    network = Network(NetworkSpec(cells=1, norm=norm))
    if norm is Norm.BATCH:
        variables.pop("batch_stats")

    @jax.jit
    def ours(variables, images, labels):
        def apply_fn(variables, images):
            return network.apply(variables, images, ARCH.ops)

        one = fgsm(apply_fn, variables, images, labels, rho=RHO)
        sizes: dict[str, Any] = {"rho": RHO, "step_size": STEP, "num_steps": STEPS}
        return one, pgd(None, apply_fn, variables, images, labels, **sizes)

    theirs = [
        torchattacks.FGSM(oracle, eps=RHO),
        torchattacks.PGD(oracle, eps=RHO, alpha=STEP, steps=STEPS, random_start=False),
    ]
    for actual, reference in zip(ours(variables, images, labels), theirs, strict=True):
        batch = norm is Norm.BATCH
        reference.set_model_training_mode(model_training=batch, batchnorm_training=batch)
        expected = to_numpy(reference(to_torch(images, torch.float64), torch.tensor(labels)))
        np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-12)
        assert np.abs(expected - images).max() == pytest.approx(RHO)


def linear(weights, images):
    """Two logits, +- the inner product with the weights."""
    product = images.reshape(len(images), -1) @ weights
    return jnp.stack([product, -product], 1)


def curved(weights, images):
    """Three logits that are not monotone in the pixels."""
    return jnp.sin(5 * images.reshape(len(images), -1) @ weights)


SHAPE = (5, 3, 2, 2)
LABELS = np.array([0, 1, 1, 0, 1])


def draws(seed=0):
    rng = np.random.default_rng(seed)
    images = rng.uniform(size=SHAPE).astype(np.float32)
    images.flat[:4] = (0, 1, 0, 1)
    weights = rng.normal(size=12).astype(np.float32)
    curves = rng.normal(size=(12, 3)).astype(np.float32)
    return jnp.asarray(images), jnp.asarray(weights), jnp.asarray(curves)


def closed_form(images, weights, rho):
    """The sign attack: up the loss is down the logit of the label."""
    towards = np.where(LABELS == 0, -1, 1)[:, None] * np.sign(weights)[None]
    return np.clip(images + np.float32(rho) * towards.reshape(SHAPE), 0, 1)


@pytest.mark.parametrize("rho", [0.0, 3 / 255, 8 / 255, 0.5, 1.0])
def test_linear_model_is_the_closed_form(rho):
    images, weights, _ = draws()
    expected = closed_form(images, weights, rho)
    for spec in (
        AttackSpec(name="fgsm"),
        AttackSpec(),  # 20 steps of rho / 8 cross the ball from wherever they start
        AttackSpec(random_start=False, steps=3),
        AttackSpec(step_size=0.1, steps=30),
    ):
        attacked = attack(
            jax.random.key(1), linear, weights, images, jnp.asarray(LABELS), spec=spec, rho=rho
        )
        np.testing.assert_allclose(attacked, expected, rtol=0, atol=1e-6)


def test_unprojected_steps_add_up():
    images, weights, _ = draws()
    images = 0.4 + 0.2 * images
    sizes: dict[str, Any] = {"rho": 0.2, "step_size": 0.01, "num_steps": 5}
    attacked = pgd(None, linear, weights, images, jnp.asarray(LABELS), **sizes)
    np.testing.assert_allclose(attacked, closed_form(images, weights, 0.05), atol=1e-6)


@jax.jit
def every_attack(key, weights, images, rho, step):
    labels = jnp.asarray(LABELS)
    sizes: dict[str, Any] = {"rho": rho, "step_size": step, "num_steps": 3}
    return (
        fgsm(curved, weights, images, labels, rho=rho),
        pgd(None, curved, weights, images, labels, **sizes),
        pgd(key, curved, weights, images, labels, **sizes),
        attack(key, curved, weights, images, labels, spec=AttackSpec(steps=2), rho=rho),
    )


@settings(max_examples=100, deadline=None)
@given(rho=st.floats(0, 1, width=32), step=st.floats(0, 2, width=32), seed=st.integers(0, 2**16))
def test_stays_in_the_ball_and_in_the_box(rho, step, seed):
    images, _, weights = draws(seed)
    rho = np.float32(rho)
    for out in every_attack(jax.random.key(seed), weights, images, rho, np.float32(step)):
        attacked = np.asarray(out)
        assert attacked.min() >= 0
        assert attacked.max() <= 1
        # One rounding of x + delta for pixels of size one.
        assert np.abs(attacked - images).max() <= rho + 1.2e-7


@pytest.mark.parametrize("name", list(AttackName))
@pytest.mark.parametrize("step_size", [None, 0.1])
def test_radius_zero_is_the_identity(name, step_size):
    images, _, weights = draws()
    spec = AttackSpec(name=name, step_size=step_size)
    attacked = attack(
        jax.random.key(0), curved, weights, images, jnp.asarray(LABELS), spec=spec, rho=0.0
    )
    np.testing.assert_array_equal(attacked, images)


def test_zero_gradient_moves_nothing():
    images, *_ = draws()

    def constant(params, images):
        return jnp.zeros((len(images), 2)) + params

    arguments = (constant, jnp.ones(()), images, jnp.asarray(LABELS))
    np.testing.assert_array_equal(fgsm(*arguments, rho=0.3), images)
    stayed = pgd(None, *arguments, rho=0.3, step_size=0.1, num_steps=4)
    np.testing.assert_array_equal(stayed, images)


def test_random_start_is_uniform_in_the_ball_and_then_clipped():
    """With steps far below rounding the result is the start."""
    images = jnp.full((4, 16, 16, 3), 0.5).at[1].set(0.0).at[2].set(1.0)
    weights = jnp.ones(16 * 16 * 3)
    labels = jnp.zeros(4, jnp.int32)
    sizes: dict[str, Any] = {"rho": 0.1, "step_size": 1e-12, "num_steps": 1}
    starts = {
        seed: np.asarray(pgd(jax.random.key(seed), linear, weights, images, labels, **sizes))
        for seed in (0, 1)
    }
    again = pgd(jax.random.key(0), linear, weights, images, labels, **sizes)
    np.testing.assert_array_equal(starts[0], again)
    assert (starts[0] != starts[1]).mean() > 0.7
    noise = (starts[0] - np.asarray(images))[[0, 3]].ravel()
    assert stats.kstest(noise, stats.uniform(-0.1, 0.2).cdf).pvalue > 1e-3
    assert (starts[0][1] == 0).mean() == pytest.approx(0.5, abs=0.08)
    assert (starts[0][2] == 1).mean() == pytest.approx(0.5, abs=0.08)
    assert not np.array_equal(starts[0][0], starts[0][3])


def test_radius_and_step_size_are_data():
    """One trace serves every radius."""
    images, _, weights = draws()
    traces = []

    def counted(weights, images):
        traces.append(1)
        return curved(weights, images)

    @jax.jit
    def all_three(rho, step):
        arguments = (counted, weights, images, jnp.asarray(LABELS))
        spec = AttackSpec(steps=2)
        key = jax.random.key(0)
        return (
            attack(key, *arguments, spec=AttackSpec(name="fgsm"), rho=rho),
            attack(key, *arguments, spec=spec, rho=rho),
            pgd(key, *arguments, rho=rho, step_size=step, num_steps=2),
        )

    all_three(jnp.float32(0.1), jnp.float32(0.05))
    first = len(traces)
    for rho in (0.0, 0.2, 0.3):
        for out in all_three(jnp.float32(rho), jnp.float32(rho / 2)):
            assert np.abs(np.asarray(out) - images).max() <= rho + 1.2e-7
    assert len(traces) == first


def test_more_steps_raise_the_loss_further():
    images, weights, _ = draws()
    labels = jnp.asarray(LABELS)

    def loss(attacked):
        return float(-jax.nn.log_softmax(linear(weights, attacked))[jnp.arange(5), labels].sum())

    sizes: dict[str, Any] = {"rho": 0.1, "step_size": 0.02}
    losses = [
        loss(pgd(None, linear, weights, jnp.asarray(images), labels, **sizes, num_steps=n))
        for n in (1, 2, 4)
    ]
    assert loss(jnp.asarray(images)) < losses[0] < losses[1] < losses[2]
