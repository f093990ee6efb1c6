"""Blurs of points, of flat images, and against loops written out."""

import numpy as np
import pytest

from ntknas.images.corruptions.blur import (
    defocus_blur,
    glass_blur,
    motion_blur,
    moved,
    smoothed,
    zoom_blur,
    zoomed,
)


def rng():
    return np.random.default_rng(0)


def point(size=33):
    image = np.zeros((1, size, size, 3))
    image[0, size // 2, size // 2] = 1
    return image


@pytest.mark.parametrize(
    ("blur", "parameters"),
    [
        (defocus_blur, (1.5, 0.1)),
        (glass_blur, (0.4, 1, 2)),
        (motion_blur, (9, 2.5)),
        (zoom_blur, 1.2),
    ],
)
def test_a_flat_image_stays(blur, parameters):
    flat = np.full((2, 32, 32, 3), 102 / 255)
    np.testing.assert_allclose(blur(rng(), flat, parameters), flat, atol=1e-9)


def test_defocus_is_a_disk():
    """Radius 1.5 holds a 3 x 3 square; a Gaussian of .1 pixels does not soften it."""
    found = defocus_blur(rng(), point(), (1.5, 0.1))[0, :, :, 0]
    expected = np.zeros((33, 33))
    expected[15:18, 15:18] = 1 / 9
    np.testing.assert_allclose(found, expected, atol=1e-12)
    # Radius .3 is a point, which the Gaussian spreads over 3 x 3.
    soft = defocus_blur(rng(), point(), (0.3, 0.4))[0, :, :, 0]
    taps = np.exp(-np.array([1, 0, 1]) / (2 * 0.4**2))
    taps /= taps.sum()
    np.testing.assert_allclose(soft[15:18, 15:18], np.outer(taps, taps), atol=1e-12)


def test_motion_is_a_one_sided_gaussian_along_a_line():
    taps = np.exp(-np.square(np.arange(13)) / (2 * 2.0**2))
    taps /= taps.sum()
    level, down = (moved(point(), 6, 2, np.array([a]))[0, :, :, 0] for a in (0.0, 90.0))
    np.testing.assert_allclose(level[16, 16 - np.arange(13)], taps)
    np.testing.assert_allclose(down[16 - np.arange(13), 16], taps)
    assert level.sum() == pytest.approx(1)


def test_motion_at_an_angle_is_the_loop_over_pixels():
    images = rng().uniform(size=(2, 9, 9, 3))
    degrees = np.array([30.0, -40.0])
    found = moved(images, 3, 1.5, degrees)
    for image, angle, out in zip(images, np.deg2rad(degrees), found, strict=True):
        weights = [np.exp(-(step**2) / (2 * 1.5**2)) for step in range(7)]
        for row in range(9):
            for column in range(9):
                total = 0
                for step, weight in enumerate(weights):
                    x = column + int(np.ceil(step * np.cos(angle) - 0.5))
                    y = row + int(np.ceil(step * np.sin(angle) - 0.5))
                    total = total + weight * image[min(max(y, 0), 8), min(max(x, 0), 8)]
                np.testing.assert_allclose(out[row, column], total / sum(weights))


def test_glass_moves_pixels_by_one():
    """Without blur a pixel has its own colour or that of a neighbour above or to the left."""
    image = np.arange(32 * 32).reshape(1, 32, 32, 1) / 1023 * np.ones(3)
    found = glass_blur(rng(), image, (1e-6, 1, 1))
    colours = np.floor(image[0, :, :, 0] * 255) / 255
    changed = 0
    for row in range(2, 32):
        for column in range(2, 32):
            # Pixels are visited from the end: a neighbour above or to the left is as it was.
            near = colours[row - 1 : row + 1, column - 1 : column + 1]
            assert np.isclose(found[0, row, column, 0], near).any()
            changed += found[0, row, column, 0] != colours[row, column]
    assert changed > 300
    np.testing.assert_array_equal(found[0, 0, :, 0], colours[0])


def test_zoom_of_one_is_the_image_and_of_two_its_middle():
    images = rng().uniform(size=(2, 32, 32, 3))
    np.testing.assert_allclose(zoomed(images, 1.0), images)
    large = zoomed(images, 2.0)
    assert large.shape == images.shape
    np.testing.assert_allclose(large[:, 0, 0], images[:, 8, 8])
    np.testing.assert_allclose(large[:, -1, -1], images[:, 23, 23])


def test_zoom_blur_is_a_mean():
    images = rng().uniform(size=(2, 32, 32, 3))
    factors = [1 + 0.01 * i for i in range(7)]  # NumPy's arange, by rounding, includes 1.06
    expected = (images + sum(zoomed(images, f) for f in factors)) / 8
    np.testing.assert_allclose(zoom_blur(rng(), images, 1.06), expected, atol=1e-9)


def test_smoothing_keeps_channels_and_images_apart():
    images = np.zeros((2, 9, 9, 3))
    images[0, 4, 4, 0] = 1
    found = smoothed(images, 1.0)
    assert found[1].max() == 0
    assert found[0, :, :, 1:].max() == 0
    assert found[0, :, :, 0].sum() == pytest.approx(1)
