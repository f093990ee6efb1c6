"""Clouds, fog, frost and snow."""

import numpy as np
import pytest

from ntknas.images.corruptions.weather import fog, frost, plasma, snow


def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize("size", [16, 32])
def test_clouds_fill_0_to_1_and_differ(size):
    clouds = plasma(rng(), 5, size, 3.0)
    assert clouds.shape == (5, size, size)
    np.testing.assert_array_equal(clouds.min((1, 2)), 0)
    np.testing.assert_array_equal(clouds.max((1, 2)), 1)
    assert len({c.tobytes() for c in clouds}) == 5


def test_clouds_are_smoother_with_a_faster_decay():
    def roughness(decay):
        clouds = plasma(rng(), 40, 32, decay)
        return np.abs(np.diff(clouds, axis=1)).mean() / clouds.std()

    assert roughness(3.0) < 0.6 * roughness(1.5)


def test_a_first_square_is_the_mean_of_four_corners_and_noise():
    """At size 2 the map is a corner 0, a middle, and two that take the mean of their neighbours."""
    draws = np.random.default_rng(7)
    first, above, beside = (100 * draws.uniform(-100, 100, size=(1, 1, 1)) for _ in range(3))
    middle = first
    expected = np.block([[np.zeros((1, 1, 1)), middle / 2 + above], [middle / 2 + beside, middle]])
    expected -= expected.min()
    found = plasma(np.random.default_rng(7), 1, 2, 3.0)
    np.testing.assert_allclose(found, expected / expected.max())


def test_fog_keeps_the_brightest_value_and_flattens():
    images = rng().uniform(size=(3, 32, 32, 3))
    found = fog(rng(), images, (1.5, 1.75))
    assert (found.max((1, 2, 3)) <= images.max((1, 2, 3)) + 1e-12).all()
    assert (found.min((1, 2, 3)) >= 0).all()
    # A channel's contrast against another at the same pixel falls by brightest / (brightest + w).
    ratio = (found[..., 0] - found[..., 1]) / (images[..., 0] - images[..., 1])
    brightest = images.max((1, 2, 3))
    np.testing.assert_allclose(
        ratio, np.broadcast_to((brightest / (brightest + 1.5))[:, None, None], ratio.shape)
    )


def test_frost_is_a_weighted_sum_with_a_bluish_pane():
    black, grey = np.zeros((4, 32, 32, 3)), np.full((4, 32, 32, 3), 0.5)
    pane = frost(rng(), black, (0.75, 0.45)) / 0.45
    assert (pane >= 0).all()
    assert (pane <= 1).all()
    assert (pane[..., 2] >= pane[..., 0]).all()
    assert 0.15 < pane.mean() < 0.7
    assert pane.std() > 0.05
    np.testing.assert_allclose(frost(rng(), grey, (0.75, 0.45)), 0.375 + 0.45 * pane)


def test_snow_whitens_and_falls():
    black = np.zeros((6, 32, 32, 3))
    parameters = (0.1, 0.2, 1, 0.5, 10, 4, 0.9)
    found = snow(rng(), black, parameters)
    np.testing.assert_allclose(found[..., 0], found[..., 2])
    flakes = found[..., 0] - 0.05  # the whitening of black: a tenth of .5
    assert flakes.min() >= -1e-9
    assert flakes.max() > 0.05
    # The layer is added twice, turned by 180 degrees.
    np.testing.assert_allclose(flakes, flakes[:, ::-1, ::-1], atol=1e-12)
    # Steep motion: values are more alike along columns than along rows.
    assert np.abs(np.diff(flakes, axis=1)).mean() < np.abs(np.diff(flakes, axis=2)).mean()
