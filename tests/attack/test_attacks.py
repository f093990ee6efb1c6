"""Every attack against torchattacks, within its bounds, and as a member of the registry."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
import torchattacks
from hypothesis import given, settings, strategies as st

from ntknas.attack import ATTACKS, AttackSpec, attack, fgsm, pgd
from ntknas.errors import InputError
from ntknas.layers import Norm
from ntknas.network import Network, NetworkSpec, load_torch_weights
from ntknas.spaces.nasbench201 import Architecture
from tests.attack.models import LABELS, curved, draws
from tests.network.reference import Normalised, to_numpy, to_torch, torch_network
from tests.tolerances import TOLERANCES

ARCH = Architecture.from_code("324131")
RHO, STEP, STEPS = 8 / 255, 2 / 255, 7
KEY = jax.random.key(0)


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
    spec = AttackSpec(steps=STEPS, step_size=STEP, random_start=False)

    @jax.jit
    def ours(variables, images, labels):
        def logits_fn(images):
            return network.apply(variables, images, ARCH.ops)

        arguments = (KEY, logits_fn, images, labels)
        return fgsm(*arguments, rho=RHO), pgd(*arguments, rho=RHO, spec=spec)

    theirs = [
        torchattacks.FGSM(oracle, eps=RHO),
        torchattacks.PGD(oracle, eps=RHO, alpha=STEP, steps=STEPS, random_start=False),
    ]
    for actual, reference in zip(ours(variables, images, labels), theirs, strict=True):
        batch = norm is Norm.BATCH
        reference.set_model_training_mode(model_training=batch, batchnorm_training=batch)
        expected = to_numpy(reference(to_torch(images, torch.float64), torch.tensor(labels)))
        atol = TOLERANCES["float64"]["atol"]
        np.testing.assert_allclose(actual, expected, rtol=0, atol=atol)
        assert np.abs(expected - images).max() == pytest.approx(RHO)


@jax.jit
def every_attack(key, weights, images, rho, step):
    labels = jnp.asarray(LABELS)
    arguments = (key, lambda x: curved(weights, x), images, labels)
    sized = AttackSpec(steps=3, step_size=step)
    unmoved = AttackSpec(steps=3, step_size=step, random_start=False)
    return (
        fgsm(*arguments, rho=rho),
        pgd(*arguments, rho=rho, spec=unmoved),
        pgd(*arguments, rho=rho, spec=sized),
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


@pytest.mark.parametrize(
    "name",
    [n if n != "autoattack" else pytest.param(n, marks=pytest.mark.slow) for n in ATTACKS],
)
@pytest.mark.parametrize("step_size", [None, 0.1])
def test_radius_zero_is_the_identity(name, step_size):
    images, _, weights = draws()
    spec = AttackSpec(name=name, step_size=step_size)
    attacked = attack(KEY, curved, weights, images, jnp.asarray(LABELS), spec=spec, rho=0.0)
    np.testing.assert_array_equal(attacked, images)


@pytest.mark.parametrize(("spec", "direct"), [(AttackSpec("fgsm"), fgsm), (AttackSpec(), pgd)])
def test_the_spec_names_the_attack(spec, direct):
    images, _, weights = draws()
    labels = jnp.asarray(LABELS)
    found = attack(KEY, curved, weights, images, labels, spec=spec, rho=0.1)
    expected = direct(KEY, lambda x: curved(weights, x), images, labels, rho=0.1, spec=spec)
    np.testing.assert_array_equal(found, expected)


def test_an_attack_of_your_own_is_one_function():
    def darken(key, logits_fn, images, labels, *, rho, spec):
        return jnp.clip(images - rho, 0, 1)

    images, _, weights = draws()
    with pytest.raises(InputError, match="expected attack to be one of pgd, .*, got 'darken'"):
        AttackSpec(name="darken")
    ATTACKS.register("darken", darken)
    try:
        spec = AttackSpec(name="darken")
        found = attack(KEY, curved, weights, images, jnp.asarray(LABELS), spec=spec, rho=0.1)
    finally:
        ATTACKS.remove("darken")
    np.testing.assert_array_equal(found, np.clip(images - np.float32(0.1), 0, 1))


def test_radius_and_step_size_are_data():
    """One trace serves every radius and step size."""
    images, _, weights = draws()
    labels = jnp.asarray(LABELS)
    chex.clear_trace_counter()

    @jax.jit
    @chex.assert_max_traces(n=1)
    def all_three(rho, step):
        arguments = (curved, weights, images, labels)
        sized = AttackSpec(steps=2, step_size=step)
        return (
            attack(KEY, *arguments, spec=AttackSpec(name="fgsm"), rho=rho),
            attack(KEY, *arguments, spec=AttackSpec(steps=2), rho=rho),
            pgd(KEY, lambda x: curved(weights, x), images, labels, rho=rho, spec=sized),
        )

    for rho in (0.1, 0.0, 0.2, 0.3):
        for out in all_three(jnp.float32(rho), jnp.float32(rho / 2)):
            assert np.abs(np.asarray(out) - images).max() <= rho + 1.2e-7
