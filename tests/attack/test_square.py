"""Square: queries alone, its schedule, its squares, and its strength."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ntknas.attack import AttackSpec, square
from ntknas.attack.losses import margin
from ntknas.attack.square import square_sides
from ntknas.errors import InputError
from tests.attack.models import LABELS, curved, draws

KEY = jax.random.key(0)


@jax.custom_vjp
def queried(images):
    """Logits that may be asked for, but not differentiated."""
    return curved(WEIGHTS, images)


def _refuse(*_):
    raise AssertionError("Square took a gradient")


queried.defvjp(_refuse, _refuse)
IMAGES, _, WEIGHTS = draws()


def test_takes_no_gradients():
    labels = jnp.asarray(LABELS)
    with pytest.raises(AssertionError, match="took a gradient"):
        jax.grad(lambda x: queried(x).sum())(IMAGES)
    found = square(KEY, queried, IMAGES, labels, rho=0.3, spec=AttackSpec("square", 300))
    before, after = (np.asarray(margin(queried(x), labels)) for x in (IMAGES, found))
    assert (after[before <= 0] > before[before <= 0]).all()


def test_asks_a_function_outside_of_jax():
    """Logits of NumPy, which JAX cannot look into."""
    weights = np.asarray(WEIGHTS)

    def answer(images):
        return np.sin(5 * np.asarray(images).reshape(len(images), -1) @ weights)

    def logits(images):
        shape = jax.ShapeDtypeStruct((len(images), 5), images.dtype)
        return jax.pure_callback(answer, shape, images)

    labels, spec = jnp.asarray(LABELS), AttackSpec("square", 30)
    found = square(KEY, logits, IMAGES, labels, rho=0.2, spec=spec)
    expected = square(KEY, lambda x: curved(WEIGHTS, x), IMAGES, labels, rho=0.2, spec=spec)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_areas_are_those_of_the_paper():
    """P = .8 and halved at 10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000 of 10,000 queries."""
    sides = square_sides(10_000, 32)
    for query, halvings in ((0, 0), (10, 0), (11, 1), (51, 2), (999, 4), (5000, 7), (9000, 9)):
        assert sides[query] == max(round((0.8 / 2**halvings) ** 0.5 * 32), 1)
    assert (np.diff(sides) <= 0).all()
    np.testing.assert_array_equal(square_sides(100, 32), sides[::100])
    assert square_sides(5, 4).min() >= 1


def test_images_move_by_rho_in_every_pixel_or_up_to_the_box():
    images = jnp.full((4, 8, 8, 3), 0.5)
    logits = lambda x: jnp.stack([1 + 0 * x.sum((1, 2, 3)), x.mean((1, 2, 3)) / 10], 1)  # noqa: E731
    found = square(KEY, logits, images, jnp.zeros(4, int), rho=0.1, spec=AttackSpec("square", 200))
    np.testing.assert_allclose(np.abs(found - images), 0.1, atol=1e-6)
    # The mean of the pixels is what helps, and every image has squares of its own.
    assert (np.asarray(found).mean((1, 2, 3)) > 0.53).all()
    assert not np.array_equal(found[0], found[1])


def test_misclassified_images_are_left_alone():
    """Stripes break them at once, and no query follows."""
    logits = lambda x: jnp.stack([0 * x.sum((1, 2, 3)), 1 + 0 * x.sum((1, 2, 3))], 1)  # noqa: E731
    one, many = (
        square(KEY, logits, IMAGES, jnp.zeros(5, int), rho=0.1, spec=AttackSpec("square", n))
        for n in (1, 200)
    )
    np.testing.assert_array_equal(one, many)


@pytest.mark.slow
def test_later_stages_go_on_from_earlier_ones_and_never_lower_the_margin():
    images, labels, spec = jnp.full((3, 8, 8, 3), 0.5), jnp.zeros(3, int), AttackSpec("square", 600)
    logits = lambda x: jnp.stack([1 + 0 * x.sum((1, 2, 3)), x.mean((1, 2, 3)) / 10], 1)  # noqa: E731
    assert square.stages(spec, 2) == 3
    best, margins = images, []
    for stage in range(3):
        settings = {"stage": stage, "rho": 0.05, "spec": spec}
        best = square.run(KEY, logits, images, labels, best, **settings)
        margins.append(np.asarray(margin(logits(best), labels)))
    assert (np.diff(margins, axis=0) >= 0).all()
    assert (margins[1] > margins[0]).any()
    assert np.abs(best - images).max() <= 0.05 + 1.2e-7


def test_there_is_no_euclidean_square():
    with pytest.raises(InputError, match="square has the ball linf only, got l2"):
        AttackSpec("square", ball="l2")
