"""Noise against the moments of its distribution."""

import numpy as np
import pytest
from scipy import stats

from ntknas.images.corruptions.noise import gaussian_noise, impulse_noise, shot_noise

GREY = np.full((8, 32, 32, 3), 0.4)


def rng():
    return np.random.default_rng(0)


def test_gaussian_noise_is_normal():
    noise = (gaussian_noise(rng(), GREY, 0.06) - GREY).ravel()
    assert stats.kstest(noise, stats.norm(0, 0.06).cdf).pvalue > 1e-3


def test_shot_noise_has_the_moments_of_photons():
    found = shot_noise(rng(), GREY, 75)
    assert found.mean() == pytest.approx(0.4, abs=0.002)
    assert found.var() == pytest.approx(0.4 / 75, rel=0.05)
    np.testing.assert_allclose(found * 75, np.rint(found * 75), atol=1e-9)
    assert (shot_noise(rng(), 0 * GREY, 75) == 0).all()


def test_impulse_noise_breaks_a_share_half_of_it_white():
    found = impulse_noise(rng(), GREY, 0.07)
    assert (found != GREY).mean() == pytest.approx(0.07, abs=0.006)
    assert (found == 1).mean() == pytest.approx(0.035, abs=0.005)
    assert set(np.unique(found)) == {0, 0.4, 1}
