"""All corruptions: published parameters, seeds, sizes, strength, and refusals."""

import numpy as np
import pytest

from ntknas.errors import InputError
from ntknas.images import CORRUPTIONS, SEVERITIES, Corruption, corrupt, load_images

NAMES = list(CORRUPTIONS)
RANDOM = [
    *("gaussian_noise", "shot_noise", "impulse_noise", "glass_blur", "motion_blur"),
    *("snow", "frost", "fog", "elastic_transform"),
]


@pytest.fixture(scope="module")
def pixels():
    return load_images().pixels[:24]


# As they stand in make_cifar_c.py of github.com/hendrycks/robustness.
IMSIZE = 32
PUBLISHED = {
    "gaussian_noise": [0.04, 0.06, 0.08, 0.09, 0.10],
    "shot_noise": [500, 250, 100, 75, 50],
    "impulse_noise": [0.01, 0.02, 0.03, 0.05, 0.07],
    "glass_blur": [(0.05, 1, 1), (0.25, 1, 1), (0.4, 1, 1), (0.25, 1, 2), (0.4, 1, 2)],
    "defocus_blur": [(0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1, 0.2), (1.5, 0.1)],
    "motion_blur": [(6, 1), (6, 1.5), (6, 2), (8, 2), (9, 2.5)],
    "zoom_blur": [np.arange(1, 1 + 0.05 * s + 0.01, 0.01) for s in range(1, 6)],
    "fog": [(0.2, 3), (0.5, 3), (0.75, 2.5), (1, 2), (1.5, 1.75)],
    "frost": [(1, 0.2), (1, 0.3), (0.9, 0.4), (0.85, 0.4), (0.75, 0.45)],
    "snow": [
        (0.1, 0.2, 1, 0.6, 8, 3, 0.95),
        (0.1, 0.2, 1, 0.5, 10, 4, 0.9),
        (0.15, 0.3, 1.75, 0.55, 10, 4, 0.9),
        (0.25, 0.3, 2.25, 0.6, 12, 6, 0.85),
        (0.3, 0.3, 1.25, 0.65, 14, 12, 0.8),
    ],
    "contrast": [0.75, 0.5, 0.4, 0.3, 0.15],
    "brightness": [0.05, 0.1, 0.15, 0.2, 0.3],
    "jpeg_compression": [80, 65, 58, 50, 40],
    "pixelate": [0.95, 0.9, 0.85, 0.75, 0.65],
    "elastic_transform": [
        (IMSIZE * 0, IMSIZE * 0, IMSIZE * 0.08),
        (IMSIZE * 0.05, IMSIZE * 0.2, IMSIZE * 0.07),
        (IMSIZE * 0.08, IMSIZE * 0.06, IMSIZE * 0.06),
        (IMSIZE * 0.1, IMSIZE * 0.04, IMSIZE * 0.05),
        (IMSIZE * 0.1, IMSIZE * 0.03, IMSIZE * 0.03),
    ],
}


@pytest.mark.parametrize("name", NAMES)
def test_parameters_are_the_published_ones(name):
    for ours, theirs in zip(SEVERITIES[name], PUBLISHED[name], strict=True):
        if name == "zoom_blur":
            np.testing.assert_allclose(np.arange(1, ours, 0.01), theirs[: len(theirs)], rtol=1e-12)
        elif name == "elastic_transform":
            np.testing.assert_allclose(IMSIZE * np.array(ours), theirs)
        else:
            assert ours == theirs


def test_the_fifteen_of_cifar_10_c():
    assert len(NAMES) == 15
    assert set(NAMES) == set(SEVERITIES) == set(PUBLISHED)
    assert all(isinstance(CORRUPTIONS[name], Corruption) for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_images_come_out_changed_and_in_the_same_form(name, pixels):
    before = pixels.copy()
    for severity in (1, 5):
        found = corrupt(pixels, name, severity)
        assert found.dtype == np.uint8
        assert found.shape == pixels.shape
        assert (found != pixels).any((1, 2, 3)).all()
    np.testing.assert_array_equal(pixels, before)


# The first severity of elastic_transform has the widest affine map, and the last the narrowest.
@pytest.mark.parametrize("name", [name for name in NAMES if name != "elastic_transform"])
def test_the_highest_severity_changes_more_than_the_lowest(name, pixels):
    distance = [np.abs(corrupt(pixels, name, s).astype(float) - pixels).mean() for s in (1, 5)]
    assert distance[1] > 1.2 * distance[0]
    assert 0.3 < distance[0] < 60


@pytest.mark.parametrize("name", NAMES)
def test_seeds(name, pixels):
    first, again, other = (corrupt(pixels[:4], name, 3, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert np.array_equal(first, other) == (name not in RANDOM)


@pytest.mark.parametrize("name", RANDOM)
def test_images_have_draws_of_their_own(name):
    image = np.random.default_rng(0).integers(0, 256, size=(1, 32, 32, 3)).astype(np.uint8)
    one, two = corrupt(np.repeat(image, 2, 0), name, 5)
    assert not np.array_equal(one, two)


@pytest.mark.parametrize("name", NAMES)
def test_images_of_16_pixels(name):
    images = np.random.default_rng(0).integers(0, 256, size=(2, 16, 16, 3)).astype(np.uint8)
    assert corrupt(images, name, 3).shape == images.shape


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "rain"}, "expected corruption to be one of gaussian_noise, .*, got 'rain'"),
        ({"severity": 0}, "severity from 1 to 5, got 0"),
        ({"severity": 6}, "severity from 1 to 5, got 6"),
        ({"severity": True}, "severity from 1 to 5, got True"),
        ({"pixels": np.zeros((2, 32, 32, 3))}, r"uint8 images \[n, h, h, 3\], got float64"),
        ({"pixels": np.zeros((2, 32, 16, 3), np.uint8)}, "uint8 images"),
        ({"pixels": np.zeros((32, 32, 3), np.uint8)}, "uint8 images"),
    ],
)
def test_bad_input(changes, message):
    settings = {"pixels": np.zeros((1, 32, 32, 3), np.uint8), "name": "fog", "severity": 1}
    with pytest.raises(InputError, match=message):
        corrupt(**settings | changes)


def test_a_corruption_of_your_own_is_one_function():
    CORRUPTIONS.register("darker", lambda rng, pixels, severity: pixels * (1 - severity / 10))
    try:
        assert int(corrupt(np.full((1, 4, 4, 3), 100, np.uint8), "darker", 5).max()) == 50
    finally:
        CORRUPTIONS.remove("darker")
