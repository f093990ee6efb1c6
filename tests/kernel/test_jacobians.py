"""Coupled and decoupled Jacobians against plain ones."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ntknas import kernel
from tests.kernel.models import CLASSES, draws, flat, plain_jacobian, quick_jit, user_cnn
from tests.tolerances import TOLERANCES

jacobian = quick_jit(kernel.jacobian, static_argnums=0, static_argnames="coupled")

TOLERANCE = TOLERANCES["float64"]
DIRECTION = (1.0, -2.0, 0.5)


@pytest.mark.parametrize(("model", "coupled"), [(False, False), (False, True), (True, True)])
@pytest.mark.parametrize("direction", [(1.0,) * CLASSES, DIRECTION])
def test_equals_the_plain_jacobian(model, coupled, direction, float64):
    images, _ = draws()
    apply_fn, params = user_cnn(images, coupled=model)
    weights = jnp.array(direction)
    rows = jacobian(apply_fn, params, images, weights, coupled=coupled)
    expected = plain_jacobian(apply_fn, params, images, weights)
    np.testing.assert_allclose(flat(rows), expected, **TOLERANCE)
    assert set(rows["params"]) == set(params["params"])


def test_a_coupled_row_holds_terms_through_every_image(float64):
    images, _ = draws()
    apply_fn, params = user_cnn(images, coupled=True)
    ones = jnp.ones(CLASSES)
    before = flat(jacobian(apply_fn, params, images, ones, coupled=True))
    after = flat(jacobian(apply_fn, params, images.at[1].multiply(0.5), ones, coupled=True))
    assert np.abs(before[0] - after[0]).max() > 1e-4


def test_permuting_images_permutes_rows(float64):
    images, _ = draws()
    order = np.random.default_rng(0).permutation(len(images))
    ones = jnp.ones(CLASSES)
    for coupled in (True, False):
        apply_fn, params = user_cnn(images, coupled=coupled)
        rows = flat(jacobian(apply_fn, params, images, ones, coupled=coupled))
        moved = flat(jacobian(apply_fn, params, images[order], ones, coupled=coupled))
        np.testing.assert_allclose(moved, rows[order], **TOLERANCE)


def test_decoupled_rows_do_not_depend_on_the_batch(float64):
    images, _ = draws()
    apply_fn, params = user_cnn(images)
    ones = jnp.ones(CLASSES)
    rows = flat(jacobian(apply_fn, params, images, ones, coupled=False))
    alone = flat(jacobian(apply_fn, params, images[2:3], ones, coupled=False))
    np.testing.assert_allclose(rows[2:3], alone, **TOLERANCE)


def test_float32_stays_float32(float64):
    images, _ = draws()
    images = images.astype(jnp.float32)
    apply_fn, params = user_cnn(images, coupled=True)
    rows = jacobian(apply_fn, params, images, jnp.ones(CLASSES, jnp.float32), coupled=True)
    assert {leaf.dtype for leaf in jax.tree.leaves(rows)} == {jnp.dtype(jnp.float32)}
