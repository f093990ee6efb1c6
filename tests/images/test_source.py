"""load_images: the embedded sample, dispatch on the path, and the real files."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from ntknas.errors import InputError
from ntknas.images import load_images


def test_embedded_sample_is_32_a_class_in_original_order():
    images = load_images()
    assert np.bincount(images.labels).tolist() == [32] * 10
    assert (np.diff(images.indices) > 0).all()
    assert images.pixels.dtype == np.uint8
    assert images.source == "embedded sample"
    assert images.sha256 == "ec474963a9693551b6bc1c054e09128df0f024fc3665889a792063807f0fd132"


def test_embedded_sample_equals_the_cifar10_file(data_file):
    images = load_images()
    with np.load(data_file("cifar10/cifar10_subset.npz")) as whole:
        positions = np.searchsorted(whole["idx_train"], images.indices)
        np.testing.assert_array_equal(whole["idx_train"][positions], images.indices)
        np.testing.assert_array_equal(whole["x_train"][positions], images.pixels)
        np.testing.assert_array_equal(whole["y_train"][positions], images.labels)
        first = [np.flatnonzero(whole["y_train"] == label)[:32] for label in range(10)]
        np.testing.assert_array_equal(np.sort(np.concatenate(first)), positions)


@pytest.mark.parametrize(
    ("dataset", "split", "message"),
    [
        ("cifar100", "train", "cifar-100-python .*holding train, test, or an .npz"),
        ("imagenet16", "train", "ImageNet16 .*train_data_batch_10, val_data"),
        ("cifar10", "test", "no cifar10 test images are embedded.*cifar-10-batches-py"),
    ],
)
def test_what_is_not_embedded(dataset, split, message):
    with pytest.raises(InputError, match=message):
        load_images(dataset, split=split)


@pytest.mark.parametrize("path", ["data_batch_1", "images.npy", "sample.zip"])
def test_other_kinds_of_file(tmp_path, path):
    (tmp_path / path).write_bytes(b"x")
    with pytest.raises(InputError, match=f"{path}: expected the cifar10 folder"):
        load_images("cifar10", tmp_path / path)


def test_missing_file(tmp_path):
    with pytest.raises(InputError, match=r"no such file or folder: .*none\.npz; expected"):
        load_images("cifar10", tmp_path / "none.npz")


def test_unreadable_file(tmp_path, monkeypatch):
    def denied(self):
        raise PermissionError(13, "Permission denied", str(self))

    (tmp_path / "test").touch()
    monkeypatch.setattr(Path, "read_bytes", denied)
    with pytest.raises(InputError, match="cannot be read .*Permission denied"):
        load_images("cifar100", tmp_path, split="test")


def test_unknown_names():
    with pytest.raises(InputError, match="unknown dataset 'CIFAR10'"):
        load_images("CIFAR10")
    with pytest.raises(InputError, match="unknown split 'valid'"):
        load_images(split="valid")


@pytest.mark.parametrize(
    ("dataset", "file", "split", "shape", "per_class"),
    [
        ("cifar10", "cifar10/cifar10_subset.npz", "train", (5000, 32, 32, 3), {500}),
        ("cifar10", "cifar10/cifar10_subset.npz", "test", (2000, 32, 32, 3), {200}),
        ("cifar100", "cifar100/cifar100_subset.npz", "train", (500, 32, 32, 3), {5}),
        ("cifar100", "cifar100/cifar100_subset.npz", "test", (400, 32, 32, 3), {4}),
        ("imagenet16", "imagenet16_standin/imagenet16_standin.npz", "train", (120, 16, 16, 3), {1}),
    ],
)
def test_real_files(data_file, dataset, file, split, shape, per_class):
    path = data_file(file)
    images = load_images(dataset, path, split=split)
    assert images.pixels.shape == shape
    assert set(np.bincount(images.labels).tolist()) == per_class
    assert images.source == f"{path.name}, {split} split"
    bytes_ = images.pixels.tobytes() + images.labels.tobytes()
    assert images.sha256 == hashlib.sha256(bytes_).hexdigest()


def test_a_real_file_of_another_dataset(data_file):
    with pytest.raises(InputError, match="cifar100 has 100 classes, but the archive names 10"):
        load_images("cifar100", data_file("cifar10/cifar10_subset.npz"))
    with pytest.raises(InputError, match="cifar10 has 10 classes"):
        load_images("cifar10", data_file("cifar100/cifar100_subset.npz"))


def test_a_published_file_by_name(cifar10, archive, tmp_path, monkeypatch):
    folder, _ = cifar10
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("NTKNAS_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="`ntknas data fetch cifar10`"):
        load_images("cifar10", "cifar10")
    place = tmp_path / "cache/ntknas/data/cifar10/cifar-10-python.tar.gz"
    place.parent.mkdir(parents=True)
    archive(folder).rename(place)
    by_name, by_path = load_images("cifar10", "cifar10"), load_images("cifar10", folder)
    np.testing.assert_array_equal(by_name.pixels, by_path.pixels)
    assert by_name.source == "cifar-10-python.tar.gz, train split"
