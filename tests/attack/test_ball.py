"""Lengths, projections and random points of balls."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ntknas.attack import BALLS
from ntknas.attack.ball import length, project, random_point, sphere_point, steepest

SHAPE = (5, 4, 4, 3)
KEY = jax.random.key(3)


def pixels(seed=0, scale=1.0):
    return jnp.asarray(np.random.default_rng(seed).uniform(size=SHAPE) * scale, jnp.float32)


def test_lengths_are_the_norms():
    change = pixels() - 0.5
    flat = np.asarray(change).reshape(5, -1)
    np.testing.assert_allclose(length(change, "linf"), np.abs(flat).max(1), rtol=1e-6)
    np.testing.assert_allclose(length(change, "l2"), np.linalg.norm(flat, axis=1), rtol=1e-6)


@pytest.mark.parametrize("ball", BALLS)
@pytest.mark.parametrize("rho", [0.0, 0.1, 1.0])
def test_projections_stay_in_the_ball_and_in_the_box(ball, rho):
    images, far = pixels(), 3 * pixels(1) - 1
    moved = project(images, far, rho, ball)
    assert float(moved.min()) >= 0
    assert float(moved.max()) <= 1
    assert float(length(moved - images, ball).max()) <= rho + 3e-7
    if rho == 0:
        np.testing.assert_array_equal(moved, images)


@pytest.mark.parametrize("ball", BALLS)
def test_points_of_the_ball_and_the_box_stay(ball):
    images = 0.25 + pixels() / 2
    near = images + 0.01 * (pixels(1) - 0.5)
    np.testing.assert_allclose(project(images, near, 0.2, ball), near, rtol=0, atol=1e-7)


@pytest.mark.parametrize("ball", BALLS)
def test_steepest_directions_have_length_one_or_zero(ball):
    gradient = (pixels() - 0.5).at[2].set(0)
    lengths = np.asarray(length(steepest(gradient, ball), ball))
    np.testing.assert_allclose(lengths, [1, 1, 0, 1, 1], atol=1e-6)


@pytest.mark.parametrize("ball", BALLS)
def test_starts_of_apgd_lie_on_the_sphere(ball):
    images = jnp.full(SHAPE, 0.5)
    np.testing.assert_allclose(
        length(sphere_point(KEY, images, 0.2, ball) - images, ball), 0.2, rtol=1e-5
    )


def test_lengths_of_random_points_are_uniform():
    """In the Euclidean ball the length is uniform, in [0, rho]."""
    images = jnp.full((2000, 2, 2, 3), 0.5)
    lengths = np.sort(length(random_point(KEY, images, 0.3, "l2") - images, "l2"))
    assert np.abs(lengths - 0.3 * np.arange(1, 2001) / 2000).max() < 0.3 * 0.04


@pytest.mark.parametrize("ball", BALLS)
def test_networks_side_by_side_share_a_draw(ball):
    images = jnp.full((2, *SHAPE), 0.5)
    for draw in (random_point, sphere_point):
        two = draw(KEY, images, 0.1, ball)
        np.testing.assert_array_equal(two[0], two[1])
        np.testing.assert_array_equal(two[0], draw(KEY, images[0], 0.1, ball))
