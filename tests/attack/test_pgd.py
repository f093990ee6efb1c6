"""PGD in closed form, its random start, and its steps."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from ntknas.attack import AttackSpec, pgd
from tests.attack.models import LABELS, RADII, closed_form, constant, draws, linear
from tests.tolerances import TOLERANCES

KEY = jax.random.key(1)
ATOL = TOLERANCES["float32"]["atol"]


def steps(count, size, random_start=False):
    return AttackSpec(steps=count, step_size=size, random_start=random_start)


class PGDTest(chex.TestCase):
    """Radii are Python numbers, or data of a program."""

    @chex.variants(with_jit=True, without_jit=True)
    def test_linear_model_is_the_closed_form(self):
        images, weights, _ = draws()
        specs = (
            AttackSpec(),  # 20 steps of rho / 8 cross the ball from wherever they start
            AttackSpec(random_start=False, steps=3),
            AttackSpec(step_size=0.1, steps=30),
        )

        @self.variant
        def attacked(weights, images, rho):
            arguments = (KEY, lambda x: linear(weights, x), images, jnp.asarray(LABELS))
            return [pgd(*arguments, rho=rho, spec=spec) for spec in specs]

        for rho in RADII:
            expected = closed_form(images, weights, rho)
            for found in attacked(weights, images, rho):
                np.testing.assert_allclose(found, expected, rtol=0, atol=ATOL)


def test_unprojected_steps_add_up():
    images, weights, _ = draws()
    images = 0.4 + 0.2 * images
    logits_fn = lambda x: linear(weights, x)  # noqa: E731
    attacked = pgd(KEY, logits_fn, images, jnp.asarray(LABELS), rho=0.2, spec=steps(5, 0.01))
    np.testing.assert_allclose(attacked, closed_form(images, weights, 0.05), atol=ATOL)


def test_zero_gradient_moves_nothing():
    images, *_ = draws()
    logits_fn = lambda x: constant(jnp.ones(()), x)  # noqa: E731
    stayed = pgd(KEY, logits_fn, images, jnp.asarray(LABELS), rho=0.3, spec=steps(4, 0.1))
    np.testing.assert_array_equal(stayed, images)


def test_random_start_is_uniform_in_the_ball_and_then_clipped():
    """With steps far below rounding the result is the start."""
    images = jnp.full((4, 16, 16, 3), 0.5).at[1].set(0.0).at[2].set(1.0)
    weights = jnp.ones(16 * 16 * 3)
    labels = jnp.zeros(4, jnp.int32)

    def started(seed):
        arguments = (jax.random.key(seed), lambda x: linear(weights, x), images, labels)
        return np.asarray(pgd(*arguments, rho=0.1, spec=steps(1, 1e-12, random_start=True)))

    starts = {seed: started(seed) for seed in (0, 1)}
    np.testing.assert_array_equal(starts[0], started(0))
    assert (starts[0] != starts[1]).mean() > 0.7
    noise = (starts[0] - np.asarray(images))[[0, 3]].ravel()
    assert stats.kstest(noise, stats.uniform(-0.1, 0.2).cdf).pvalue > 1e-3
    assert (starts[0][1] == 0).mean() == pytest.approx(0.5, abs=0.08)
    assert (starts[0][2] == 1).mean() == pytest.approx(0.5, abs=0.08)
    assert not np.array_equal(starts[0][0], starts[0][3])


def test_without_a_random_start_the_key_does_not_matter():
    images, weights, _ = draws()
    arguments = (lambda x: linear(weights, x), images, jnp.asarray(LABELS))
    one, other = (
        pgd(jax.random.key(seed), *arguments, rho=0.1, spec=steps(2, 0.02)) for seed in (0, 1)
    )
    np.testing.assert_array_equal(one, other)


def test_more_steps_raise_the_loss_further():
    images, weights, _ = draws()
    labels = jnp.asarray(LABELS)

    def loss(attacked):
        return float(-jax.nn.log_softmax(linear(weights, attacked))[jnp.arange(5), labels].sum())

    losses = [
        loss(pgd(KEY, lambda x: linear(weights, x), images, labels, rho=0.1, spec=steps(n, 0.02)))
        for n in (1, 2, 4)
    ]
    assert loss(images) < losses[0] < losses[1] < losses[2]
