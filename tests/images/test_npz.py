"""Images from .npz: the three forms, float pixels, and all that can be wrong."""

import numpy as np
import pytest

from ntknas.errors import InputError
from ntknas.images import load_images

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (6, 32, 32, 3), np.uint8)
LABELS = np.array([3, 1, 4, 1, 5, 9], np.uint8)


def stored(folder, **arrays):
    path = folder / "images.npz"
    np.savez(path, **arrays)
    return path


def test_split_form(tmp_path):
    path = stored(
        tmp_path,
        x_train=PIXELS,
        y_train=LABELS,
        idx_train=np.array([5, 7, 2, 0, 11, 4], np.int32),
        x_test=PIXELS[::-1],
        y_test=LABELS[::-1],
    )
    train, test = load_images("cifar10", path), load_images("cifar10", path, split="test")
    np.testing.assert_array_equal(train.pixels, PIXELS)
    np.testing.assert_array_equal(train.labels, LABELS)
    assert train.indices.tolist() == [5, 7, 2, 0, 11, 4]
    assert train.source == "images.npz, train split"
    np.testing.assert_array_equal(test.pixels, PIXELS[::-1])
    assert test.indices.tolist() == list(range(6))
    assert test.source == "images.npz, test split"


def test_plain_form(tmp_path):
    images = load_images("cifar10", stored(tmp_path, x=PIXELS, y=LABELS))
    np.testing.assert_array_equal(images.labels, LABELS)
    assert images.indices.tolist() == list(range(6))


def test_plain_form_counts_imagenet16_labels_from_one(tmp_path):
    small, labels = PIXELS[:3, :16, :16], np.array([1, 60, 120])
    path = stored(tmp_path, x=small, y=labels)
    assert load_images("imagenet16", path).labels.tolist() == [0, 59, 119]
    path = stored(tmp_path, x=small, y=labels - 1)
    fails("imagenet16", path, "labels under 'y' count from 1 to 120.*got 0")
    path = stored(tmp_path, x=small, y=labels + 1)
    fails("imagenet16", path, "must lie in 0..119")


def test_split_form_counts_imagenet16_labels_from_zero(tmp_path):
    path = stored(tmp_path, x_train=PIXELS[:3, :16, :16], y_train=np.array([0, 60, 119]))
    assert load_images("imagenet16", path).labels.tolist() == [0, 60, 119]


@pytest.mark.parametrize("dataset", ["cifar10", "imagenet16"])
@pytest.mark.parametrize("keys", [("x", "y"), ("x_train", "y_train")])
def test_labels_in_a_column_as_keras_has_them(tmp_path, dataset, keys):
    pixels = PIXELS if dataset == "cifar10" else PIXELS[:, :16, :16]
    flat = load_images(dataset, stored(tmp_path, **{keys[0]: pixels, keys[1]: LABELS}))
    column = stored(tmp_path, **{keys[0]: pixels, keys[1]: LABELS[:, None]})
    images = load_images(dataset, column)
    np.testing.assert_array_equal(images.labels, flat.labels)
    assert images.sha256 == flat.sha256
    one = stored(tmp_path, **{keys[0]: pixels[:1], keys[1]: LABELS[:1, None]})
    assert load_images(dataset, one).labels.shape == (1,)


def test_the_official_form_of_imagenet16(tmp_path):
    small = RNG.integers(0, 256, (6, 16, 16, 3), np.uint8)
    rows = np.stack([small[..., channel].reshape(6, 256) for channel in range(3)], 1)
    arrays = {"data": rows.reshape(6, 768), "mean": np.zeros(768)}
    labels = np.array([1000, 1, 121, 120, 60, 500])
    for given in (labels, labels[:, None]):
        path = stored(tmp_path, **arrays, labels=given)
        for split in ("train", "test"):
            images = load_images("imagenet16", path, split=split)
            assert images.labels.tolist() == [0, 119, 59]
            assert images.indices.tolist() == [1, 3, 4]
            np.testing.assert_array_equal(images.pixels, small[[1, 3, 4]])
            assert images.source == f"images.npz, {split} split"


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"labels": [0, 5]}, "labels must lie in 1..1000, got 0..5"),
        ({"labels": [1, 1001]}, "labels must lie in 1..1000, got 1..1001"),
        ({"labels": [1, 2, 3]}, "2 images need 2 whole-number labels"),
        ({"labels": [1.0, 2.0]}, "2 images need 2 whole-number labels, got float64"),
        ({"labels": [121, 1000]}, "M >= 1"),
        ({"data": np.zeros((2, 768))}, r"data must be uint8 \[n, 768\], got float64 \[2, 768\]$"),
        ({"data": np.zeros((2, 700), np.uint8)}, r"got uint8 \[2, 700\]$"),
        ({"data": np.zeros((2, 16, 16, 3), np.uint8)}, r"got uint8 \[2, 16, 16, 3\]$"),
    ],
)
def test_unfit_content_of_the_official_form(tmp_path, arrays, message):
    whole = {"data": np.zeros((2, 768), np.uint8), "labels": np.array([1, 2])}
    fails("imagenet16", stored(tmp_path, **whole | arrays), f"images.npz, train split: .*{message}")


def test_keys_that_imagenet16_may_have(tmp_path):
    path = stored(tmp_path, data=np.zeros((2, 768), np.uint8))
    fails("imagenet16", path, "x_train and y_train, or x and y, or data and labels, got data$")
    fails("imagenet16", path, "x_test and y_test, or data and labels, got data$", split="test")


@pytest.mark.parametrize("dtype", ["<f4", "<f8"])
def test_pixels_outside_by_rounding_are_clipped(tmp_path, dtype):
    floats = np.full(PIXELS.shape, 0.5, dtype)
    floats[0, 0, 0] = [-2.98e-8, np.nextafter(floats.dtype.type(1), 2), 1]
    pixels = load_images("cifar10", stored(tmp_path, x=floats, y=LABELS)).pixels
    assert pixels[0, 0, 0].tolist() == [0, 1, 1]
    assert (pixels[1:] == 0.5).all()
    floats[0, 0, 0, 1] = 1.00001
    fails("cifar10", stored(tmp_path, x=floats, y=LABELS), r"in \[0, 1\], got -2.98.*to 1.0000100")


@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f2"])
def test_float_pixels_are_kept_exactly(tmp_path, dtype):
    floats = RNG.random(PIXELS.shape).astype(dtype)
    images = load_images("cifar10", stored(tmp_path, x=floats, y=LABELS))
    assert images.pixels.dtype == np.float32
    np.testing.assert_array_equal(images.pixels, floats)


def test_double_pixels_are_rounded_to_float32(tmp_path):
    doubles = PIXELS / 255
    images = load_images("cifar10", stored(tmp_path, x=doubles, y=LABELS))
    np.testing.assert_array_equal(images.pixels, doubles.astype(np.float32))


def fails(dataset, path, message, *, split="train"):
    with pytest.raises(InputError, match=message) as caught:
        load_images(dataset, path, split=split)
    assert "\n" not in str(caught.value)


BAD = np.full(PIXELS.shape, 0.5, np.float32)
BAD[0, 0, 0, 0] = np.nan


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": BAD, "y": LABELS}, "images.npz, train split: 1 of 18432 pixel values are NaN"),
        ({"x": PIXELS.astype(np.float32), "y": LABELS}, r"must lie in \[0, 1\], got 0 to 255"),
        ({"x": np.full(PIXELS.shape, 1e300), "y": LABELS}, r"must lie in \[0, 1\], got inf to inf"),
        ({"x": PIXELS.astype(np.int32), "y": LABELS}, "uint8, or floats.*got int32"),
        ({"x": PIXELS.astype(bool), "y": LABELS}, "uint8, or floats.*got bool"),
        ({"x": PIXELS.astype(complex), "y": LABELS}, "uint8, or floats.*got complex128"),
        ({"x": PIXELS.transpose(0, 3, 1, 2), "y": LABELS}, r"\[M, 32, 32, 3\].*\[6, 3, 32, 32\]"),
        ({"x": PIXELS[:, :16, :16], "y": LABELS}, r"got \[6, 16, 16, 3\]"),
        ({"x": PIXELS[:0], "y": LABELS[:0]}, "M >= 1"),
        ({"x": np.uint8(3), "y": LABELS}, r"got \[1\]"),
        ({"x": PIXELS, "y": LABELS[:5]}, r"labels must be int64 \[6\].*got int64 \[5\]"),
        ({"x": PIXELS, "y": np.eye(10, dtype=int)[LABELS]}, r"got int64 \[6, 10\]"),
        ({"x": PIXELS, "y": LABELS[:, None, None]}, r"got int64 \[6, 1, 1\]"),
        ({"x": PIXELS, "y": LABELS + 0.0}, "labels must be whole numbers, got float64"),
        ({"x": PIXELS, "y": LABELS + 1}, "cifar10 labels must lie in 0..9, got 2..10"),
        ({"x": PIXELS, "y": LABELS.astype(object)}, "not a whole .npz archive of arrays"),
        ({"x": PIXELS}, "expected the keys x_train and y_train, or x and y, got x$"),
        ({}, "got none$"),
        (
            {"data": PIXELS.reshape(6, -1), "labels": LABELS},
            "expected the keys x_train and y_train, or x and y, got data, labels$",
        ),
        ({"x_test": PIXELS, "y_test": LABELS}, "or x and y, got x_test, y_test$"),
        (
            {"x_train": PIXELS, "y_train": LABELS, "idx_train": np.zeros(6, int)},
            "indices must be distinct",
        ),
        (
            {"x_train": PIXELS, "y_train": LABELS, "idx_train": np.arange(5)},
            r"indices must be int64 \[6\]",
        ),
        (
            {"x_train": PIXELS, "y_train": LABELS, "idx_train": np.arange(6.0)},
            "indices must be whole numbers",
        ),
        (
            {"x": PIXELS, "y": LABELS, "class_names": np.array(["a", "b"])},
            "cifar10 has 10 classes, but the archive names 2",
        ),
    ],
)
def test_unfit_content(tmp_path, arrays, message):
    fails("cifar10", stored(tmp_path, **arrays), message)


def test_plain_form_has_no_test_split(tmp_path):
    path = stored(tmp_path, x=PIXELS, y=LABELS)
    fails("cifar10", path, "expected the keys x_test and y_test, got x, y$", split="test")


def test_truncated(tmp_path):
    path = stored(tmp_path, x=PIXELS, y=LABELS)
    whole = path.read_bytes()
    for length in (0, 3, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        fails("cifar10", path, "not a whole .npz archive")


def test_damaged(tmp_path):
    path = stored(tmp_path, x=PIXELS, y=LABELS)
    damaged = bytearray(path.read_bytes())
    damaged[5000:5010] = b"0123456789"
    path.write_bytes(damaged)
    fails("cifar10", path, "not a whole .npz archive of arrays .*CRC")


def test_other_files_under_the_name(tmp_path):
    path = tmp_path / "images.npz"
    path.write_text("<!DOCTYPE html>\n<html>Quota exceeded</html>\n")
    fails("cifar10", path, "not a whole .npz archive")
    with path.open("wb") as file:
        np.save(file, PIXELS)
    fails("cifar10", path, "not a whole .npz archive")
