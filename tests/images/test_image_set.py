"""ImageSet: what it accepts, what it refuses, its digest."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from ntknas.errors import InputError
from ntknas.images import ImageSet


@pytest.fixture
def images():
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (3, 32, 32, 3), np.uint8)
    return ImageSet("cifar10", pixels, np.array([0, 9, 4]), np.array([7, 2, 9]), "made here")


def test_digest_of_pixels_then_labels(images):
    labels = b"".join(int(label).to_bytes(8, "little") for label in images.labels)
    assert images.sha256 == hashlib.sha256(images.pixels.tobytes() + labels).hexdigest()


def test_digest_depends_on_pixels_and_labels_only(images):
    assert replace(images, indices=np.array([0, 1, 2]), source="x").sha256 == images.sha256
    assert replace(images, labels=np.array([0, 9, 5])).sha256 != images.sha256
    assert replace(images, pixels=images.pixels ^ 1).sha256 != images.sha256


def test_digest_ignores_byte_order_and_strides(images):
    floats = images.pixels.astype(np.float32) / np.float32(255)
    plain = replace(images, pixels=floats)
    assert replace(images, pixels=np.asfortranarray(floats)).sha256 == plain.sha256


def test_length(images):
    assert len(images) == 3


ONE = np.ones((3, 32, 32, 3), np.float32)


def with_value(value):
    pixels = ONE.copy()
    pixels[1, 2, 3, 0] = value
    return pixels


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dataset": "mnist"}, "unknown dataset 'mnist'"),
        ({"pixels": with_value(np.nan)}, "made here: 1 of 9216 pixel values are NaN"),
        ({"pixels": with_value(1.5)}, r"must lie in \[0, 1\], got 1 to 1.5"),
        ({"pixels": with_value(-np.inf)}, r"must lie in \[0, 1\], got -inf to 1"),
        ({"pixels": ONE.astype(np.float64)}, "must be uint8, or float32.*got float64"),
        ({"pixels": ONE.astype(np.int64)}, "must be uint8, or float32.*got int64"),
        ({"pixels": ONE.transpose(0, 3, 1, 2)}, r"must be \[M, 32, 32, 3\].*got \[3, 3, 32, 32\]"),
        ({"pixels": ONE[:, :16, :16]}, r"got \[3, 16, 16, 3\]"),
        ({"pixels": ONE[0]}, r"got \[32, 32, 3\]"),
        ({"pixels": np.array(1, np.uint8)}, r"got \[\]"),
        ({"pixels": ONE[:0]}, r"M >= 1, got \[0, 32, 32, 3\]"),
        ({"labels": np.array([0, 1])}, r"labels must be int64 \[3\].*got int64 \[2\]"),
        ({"labels": np.array([0, 1, 2], np.uint8)}, r"labels must be int64 \[3\].*got uint8"),
        ({"labels": np.array([0, 1, 10])}, r"cifar10 labels must lie in 0..9, got 0..10"),
        ({"labels": np.array([0, 1, -1])}, r"cifar10 labels must lie in 0..9, got -1..1"),
        ({"indices": np.array([0, 1, 2, 3])}, r"indices must be int64 \[3\].*got int64 \[4\]"),
        ({"indices": np.array([0, 1, 1])}, "indices must be distinct"),
        ({"indices": np.array([0, 1, -1])}, "indices must be distinct and not negative"),
    ],
)
def test_bad_values(images, change, message):
    with pytest.raises(InputError, match=message) as caught:
        replace(images, **change)
    assert "\n" not in str(caught.value)


def test_float_pixels_at_both_ends(images):
    assert replace(images, pixels=ONE).pixels.dtype == np.float32
    assert replace(images, pixels=ONE * 0).pixels.max() == 0


def test_float_pixels_outside_by_rounding_are_clipped(images):
    pixels = ONE / 2
    pixels[0, 0, 0] = [-2.98e-8, np.nextafter(np.float32(1), np.float32(2)), 1]
    before = pixels.copy()
    clipped = replace(images, pixels=pixels)
    assert clipped.pixels[0, 0, 0].tolist() == [0, 1, 1]
    assert clipped.pixels.dtype == np.float32
    np.testing.assert_array_equal(clipped.pixels[1:], pixels[1:])
    np.testing.assert_array_equal(pixels, before)
    plain = before.clip(0, 1)
    assert clipped.sha256 == replace(images, pixels=plain).sha256


@pytest.mark.parametrize(
    ("value", "digits"),
    [(1.00001, "0.5 to 1.00001001"), (-(2.0**-18), "got -3.81469727e-06 to 0.5")],
)
def test_float_pixels_further_outside_are_refused(images, value, digits):
    pixels = ONE / 2
    pixels[2, 5, 5, 1] = value
    with pytest.raises(InputError, match=rf"made here: float pixels must lie in .*{digits}"):
        replace(images, pixels=pixels)


@pytest.mark.parametrize("which", [np.array([True, False, True]), np.array([0, 2]), slice(0, 3, 2)])
def test_a_subset_keeps_pixels_labels_and_positions_together(images, which):
    some = images.subset(which)
    np.testing.assert_array_equal(some.pixels, images.pixels[[0, 2]])
    assert (some.labels.tolist(), some.indices.tolist()) == ([0, 4], [7, 9])
    assert (some.dataset, some.source) == (images.dataset, images.source)


@pytest.mark.parametrize("of_bytes", [True, False])
def test_shrunk_images_hold_the_means_of_squares(images, of_bytes):
    floats = images.pixels.astype(np.float32) / np.float32(255)
    source = images if of_bytes else replace(images, pixels=floats)
    small = source.shrunk(8)
    assert small.pixels.shape == (3, 8, 8, 3)
    expected = floats[1, 4:8, 12:16].astype(float).mean((0, 1))
    np.testing.assert_allclose(small.pixels[1, 1, 3], expected, rtol=1e-6)
    assert (small.side, small.source) == (8, "made here, 8 x 8")
    assert small.subset(slice(1)).shrunk(4).pixels.shape == (1, 4, 4, 3)
    assert source.shrunk(32) is source


@pytest.mark.parametrize("side", [0, 5, 64])
def test_a_side_that_does_not_divide_the_size_is_refused(images, side):
    with pytest.raises(InputError, match=f"a side that divides 32 pixels, got {side}"):
        images.shrunk(side)


def test_smaller_images_are_refused_unless_they_were_shrunk(images):
    with pytest.raises(InputError, match=r"must be \[M, 32, 32, 3\]"):
        replace(images, pixels=images.pixels[:, ::2, ::2])
