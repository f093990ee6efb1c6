"""FGSM in closed form, with and without a program around it."""

import chex
import jax.numpy as jnp
import numpy as np

from ntknas.attack import AttackSpec, fgsm
from ntknas.attack.fgsm import ascent_direction
from tests.attack.models import LABELS, RADII, closed_form, constant, curved, draws, linear
from tests.tolerances import TOLERANCES

ATOL = TOLERANCES["float32"]["atol"]


class FGSMTest(chex.TestCase):
    """Radii are Python numbers, or data of a program."""

    @chex.variants(with_jit=True, without_jit=True)
    def test_linear_model_is_the_closed_form(self):
        images, weights, _ = draws()

        @self.variant
        def attacked(weights, images, rho):
            labels = jnp.asarray(LABELS)
            return fgsm(None, lambda x: linear(weights, x), images, labels, rho=rho)

        for rho in RADII:
            expected = closed_form(images, weights, rho)
            np.testing.assert_allclose(attacked(weights, images, rho), expected, rtol=0, atol=ATOL)

    @chex.variants(with_jit=True, without_jit=True)
    def test_the_direction_is_that_of_small_steps_up_the_loss(self):
        images, _, weights = draws()
        labels = jnp.asarray(LABELS)

        @self.variant
        def direction(images):
            return ascent_direction(lambda x: curved(weights, x), images, labels)

        def loss(images):
            logits = np.sin(5 * images.reshape(len(images), -1) @ np.asarray(weights, np.float64))
            return (np.log(np.exp(logits).sum(1)) - logits[np.arange(len(LABELS)), LABELS]).sum()

        pixels = np.asarray(images, np.float64)
        found = np.asarray(direction(images))
        for place in np.ndindex(images.shape):
            moved = np.zeros_like(pixels)
            moved[place] = 1e-5
            assert found[place] == np.sign(loss(pixels + moved) - loss(pixels - moved))


def test_zero_gradient_moves_nothing():
    images, *_ = draws()
    stayed = fgsm(None, lambda x: constant(jnp.ones(()), x), images, jnp.asarray(LABELS), rho=0.3)
    np.testing.assert_array_equal(stayed, images)


def test_settings_of_other_attacks_do_not_matter():
    images, _, weights = draws()
    arguments = (None, lambda x: curved(weights, x), images, jnp.asarray(LABELS))
    plain = fgsm(*arguments, rho=0.1)
    np.testing.assert_array_equal(fgsm(*arguments, rho=0.1, spec=AttackSpec(steps=9)), plain)
