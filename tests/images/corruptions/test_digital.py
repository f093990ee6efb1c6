"""Digital corruptions against Matplotlib's colours, Pillow, and maps that are known."""

from io import BytesIO

import numpy as np
import pytest
from matplotlib.colors import hsv_to_rgb, rgb_to_hsv
from PIL import Image

from ntknas.images.corruptions.digital import (
    _deformed,
    brightness,
    contrast,
    elastic_transform,
    jpeg_compression,
    pixelate,
)

WHOLE = np.random.default_rng(1).integers(0, 256, size=(3, 32, 32, 3)).astype(np.uint8)
IMAGES = WHOLE / 255


def rng():
    return np.random.default_rng(0)


def test_brightness_is_the_value_of_the_colour():
    images = IMAGES.copy()
    images[0, 0, 0] = 0  # black has no hue
    hsv = rgb_to_hsv(images)
    hsv[..., 2] = np.clip(hsv[..., 2] + 0.2, 0, 1)
    np.testing.assert_allclose(brightness(rng(), images, 0.2), hsv_to_rgb(hsv), atol=1e-12)


def test_contrast_keeps_the_mean_colour():
    found = contrast(rng(), IMAGES, 0.3)
    np.testing.assert_allclose(found.mean((1, 2)), IMAGES.mean((1, 2)))
    np.testing.assert_allclose(found.std((1, 2)), 0.3 * IMAGES.std((1, 2)))


def test_jpeg_is_pillows():
    for image, found in zip(WHOLE, jpeg_compression(rng(), IMAGES, 50), strict=True):
        file = BytesIO()
        Image.fromarray(image).save(file, "JPEG", quality=50)
        np.testing.assert_array_equal(found * 255, np.asarray(Image.open(file)))


def test_pixels_of_half_the_size_are_means_of_four():
    means = IMAGES.reshape(3, 16, 2, 16, 2, 3).mean((2, 4)).repeat(2, 1).repeat(2, 2)
    np.testing.assert_allclose(pixelate(rng(), IMAGES, 0.5), means, atol=1.01 / 255)


def test_no_deformation_is_the_identity():
    np.testing.assert_allclose(elastic_transform(rng(), IMAGES, (0, 1, 0)), IMAGES, atol=1e-9)


def test_the_affine_map_takes_three_points_to_their_places():
    """An image of its own coordinates: what lies at a moved point is the point's old place."""
    size, reach = 32, 2.0
    columns, rows = np.meshgrid(np.arange(size), np.arange(size))
    image = np.stack([columns, rows, 0 * rows], -1).astype(float)
    found = _deformed(rng(), image, 0.0, 1.0, reach)
    before = np.array([[26, 26], [26, 6], [6, 6]])
    after = before + rng().uniform(-reach, reach, size=(3, 2))
    for old, new in zip(before, after, strict=True):
        low = np.floor(new).astype(int)
        x, y = new - low
        corners = found[low[1] : low[1] + 2, low[0] : low[0] + 2, :2]
        value = np.einsum("i,j,ijc->c", [1 - y, y], [1 - x, x], corners)
        np.testing.assert_allclose(value, old, atol=1e-9)


def test_displacements_are_small_and_smooth():
    size = 32
    columns, rows = np.meshgrid(np.arange(size), np.arange(size))
    image = np.stack([columns, rows, 0 * rows], -1).astype(float)
    moved = (_deformed(rng(), image, 3.2, 2.0, 0.0) - image)[4:-4, 4:-4, :2]
    assert 0.05 < np.abs(moved).max() < 3.2
    assert np.abs(np.diff(moved, axis=0)).max() < 0.5
    assert moved.std() == pytest.approx(3.2 * 3**-0.5 / (2 * np.pi**0.5 * 2), rel=0.4)
