"""Official CIFAR and ImageNet16 pickles: folder, parent, archive, and all that can be wrong."""

import pickle
import shutil

import numpy as np
import pytest

from ntknas.errors import InputError
from ntknas.images import load_images

BATCHES = [f"data_batch_{i}" for i in range(1, 6)]


def joined(content, names):
    return (
        np.concatenate([content[name][0] for name in names]),
        np.concatenate([content[name][1] for name in names]),
    )


@pytest.mark.parametrize("place", ["folder", "parent", "archive"])
@pytest.mark.parametrize(("split", "names"), [("train", BATCHES), ("test", ["test_batch"])])
def test_cifar10(cifar10, archive, place, split, names):
    folder, content = cifar10
    if place == "archive":
        path = archive(folder)
        shutil.rmtree(folder)
    else:
        path = folder if place == "folder" else folder.parent
    images = load_images("cifar10", path, split=split)
    pixels, labels = joined(content, names)
    np.testing.assert_array_equal(images.pixels, pixels)
    np.testing.assert_array_equal(images.labels, labels)
    np.testing.assert_array_equal(images.indices, np.arange(len(labels)))
    assert images.source == f"{path.name}, {split} split"


@pytest.mark.parametrize("split", ["train", "test"])
def test_cifar100_takes_fine_labels(cifar100, archive, split):
    folder, content = cifar100
    pixels, labels = content[split]
    for path in (folder, folder.parent, archive(folder)):
        images = load_images("cifar100", path, split=split)
        np.testing.assert_array_equal(images.pixels, pixels)
        np.testing.assert_array_equal(images.labels, labels)


def test_imagenet16_keeps_the_first_120_classes(imagenet16, archive):
    folder, content = imagenet16
    names = [f"train_data_batch_{i}" for i in range(1, 11)]
    pixels, labels = joined(content, names)
    kept = np.array([i for i, label in enumerate(labels) if label <= 120])
    for path in (folder, folder.parent, archive(folder)):
        images = load_images("imagenet16", path)
        np.testing.assert_array_equal(images.pixels, pixels[kept])
        np.testing.assert_array_equal(images.labels, labels[kept] - 1)
        np.testing.assert_array_equal(images.indices, kept)
    assert {0, 119} <= set(images.labels.tolist())
    validation = load_images("imagenet16", folder, split="test")
    assert len(validation) == (content["val_data"][1] <= 120).sum()


def test_imagenet16_from_npz_files(imagenet16_npz, archive):
    folder, content = imagenet16_npz
    names = [f"train_data_batch_{i}" for i in range(1, 11)]
    for split, files in (("train", names), ("test", ["val_data"])):
        pixels, labels = joined(content, files)
        kept = np.flatnonzero(labels <= 120)
        for path in (folder, archive(folder)):
            images = load_images("imagenet16", path, split=split)
            np.testing.assert_array_equal(images.pixels, pixels[kept])
            np.testing.assert_array_equal(images.labels, labels[kept] - 1)
            np.testing.assert_array_equal(images.indices, kept)


def test_imagenet16_from_pickles_and_npz_files_together(imagenet16, imagenet16_npz):
    folder, _ = imagenet16
    whole = load_images("imagenet16", folder).sha256
    for i in (2, 7):
        (folder / f"train_data_batch_{i}").unlink()
        (imagenet16_npz[0] / f"train_data_batch_{i}.npz").rename(
            folder / f"train_data_batch_{i}.npz"
        )
    (folder / "train_data_batch_3.npz").write_bytes(b"never read: the pickle is there")
    assert load_images("imagenet16", folder).sha256 == whole


def test_imagenet16_npz_files_that_are_missing_or_damaged(imagenet16_npz, archive):
    folder, _ = imagenet16_npz
    file = folder / "train_data_batch_4.npz"
    file.write_bytes(file.read_bytes()[:-100])
    for path in (folder, archive(folder)):
        fails("imagenet16", path, "train_data_batch_4.npz: not a whole .npz archive")
    np.savez(file, pixels=np.zeros((1, 768), np.uint8))
    fails("imagenet16", folder, r"train_data_batch_4: expected the keys .*got \['pixels'\]")
    file.unlink()
    fails("imagenet16", folder, r"\(or the same with .npz\); missing train_data_batch_4$")


def test_cifar_has_no_official_npz_files(cifar10):
    folder, _ = cifar10
    np.savez(folder / "test_batch.npz", data=ROWS, labels=[0] * 4)
    (folder / "test_batch").unlink()
    fails("cifar10", folder, "test needs test_batch; missing test_batch$", split="test")


@pytest.mark.parametrize("form", ["file", "folder", "pickle"])
@pytest.mark.parametrize("side", [8, 32, 64])
def test_imagenet_of_another_size(tmp_path, form, side):
    data, labels = np.zeros((2, 3 * side**2), np.uint8), [1, 2]
    path = tmp_path / "val_data.npz"
    if form == "pickle":
        (tmp_path / "val_data").write_bytes(pickle.dumps({"data": data, "labels": labels}))
    else:
        np.savez(path, data=data, labels=labels)
    fails(
        "imagenet16",
        path if form == "file" else tmp_path,
        rf"data must be uint8 \[n, 768\], got uint8 \[2, {3 * side**2}\]: images of "
        rf"{side} x {side}, but those of imagenet16 are 16 x 16$",
        split="test",
    )


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    "labels",
    [
        np.array([[3], [0], [99], [7]]),
        [[3], [0], [99], [7]],
        list(np.array([3, 0, 99, 7])),
        list(np.array([3, 0, 99, 7], np.uint8)),
        list(np.array([[3], [0], [99], [7]])),
        (3, 0, 99, 7),
    ],
    ids=["array [n, 1]", "lists of one", "int64", "uint8", "arrays of one", "tuple"],
)
def test_other_forms_of_labels(tmp_path, labels, protocol):
    entry = {"data": ROWS, "fine_labels": labels}
    (tmp_path / "train").write_bytes(pickle.dumps(entry, protocol=protocol))
    assert load_images("cifar100", tmp_path).labels.tolist() == [3, 0, 99, 7]


def test_a_string_path(cifar100):
    folder, _ = cifar100
    assert len(load_images("cifar100", str(folder))) == 20


def fails(dataset, path, message, *, split="train"):
    with pytest.raises(InputError, match=message) as caught:
        load_images(dataset, path, split=split)
    assert "\n" not in str(caught.value)


def test_missing_batches(cifar10, archive):
    folder, _ = cifar10
    (folder / "data_batch_2").unlink()
    (folder / "data_batch_5").unlink()
    fails("cifar10", folder, "missing data_batch_2, data_batch_5$")
    fails("cifar10", archive(folder), "missing data_batch_2, data_batch_5$")
    assert len(load_images("cifar10", folder, split="test")) == 20


def test_a_folder_of_something_else(tmp_path, cifar100):
    fails("cifar10", tmp_path, "cifar10 train needs data_batch_1, .*missing data_batch_1")
    fails("imagenet16", tmp_path, "missing train_data_batch_1")


def test_truncated_pickle(cifar10):
    folder, _ = cifar10
    file = folder / "data_batch_3"
    file.write_bytes(file.read_bytes()[:5000])
    fails("cifar10", folder, "data_batch_3: not a readable image pickle")


def test_truncated_archive(cifar10, archive):
    folder, _ = cifar10
    path = archive(folder)
    stored = path.read_bytes()
    for part in (0, 1, 10, len(stored) // 2, len(stored) - 5000):
        path.write_bytes(stored[:part])
        fails("cifar10", path, "not a whole tar archive of cifar-10-batches-py")


def test_damaged_archive(cifar10, archive):
    folder, _ = cifar10
    path = archive(folder)
    stored = bytearray(path.read_bytes())
    stored[len(stored) // 2 : len(stored) // 2 + 2000] = bytes(2000)
    path.write_bytes(stored)
    fails("cifar10", path, "not a whole tar archive|not a readable image pickle")


def test_html_pages(cifar100, tmp_path):
    folder, _ = cifar100
    page = "<!DOCTYPE html>\n<html><body>Quota\nexceeded</body></html>\n" * 40
    (folder / "train").write_text(page)
    fails("cifar100", folder, "train: not a readable image pickle")
    path = tmp_path / "cifar-100-python.tar.gz"
    path.write_text(page)
    fails("cifar100", path, "not a whole tar archive")


def test_pickle_that_runs_code_is_refused(cifar100, archive, tmp_path):
    class Runs:
        def __reduce__(self):
            return exec, (f"open({str(tmp_path / 'hit')!r}, 'w').close()",)

    folder, _ = cifar100
    (folder / "train").write_bytes(pickle.dumps({b"data": Runs(), b"fine_labels": [0]}))
    for path in (folder, archive(folder)):
        fails("cifar100", path, "train: not a readable image pickle .*'exec'")
    assert not (tmp_path / "hit").exists()


ROWS = np.zeros((4, 3072), np.uint8)
CYCLE: list = [0, 1, 2]
CYCLE.append(CYCLE)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"data": ROWS}, r"expected the keys 'data' and 'fine_labels', got \['data'\]"),
        ({"fine_labels": [0]}, "expected the keys"),
        ({"data": ROWS, "labels": [0] * 4}, "expected the keys"),
        ({"data": ROWS, "fine_labels": [0] * 3}, "4 images need 4 whole-number labels"),
        ({"data": ROWS, "fine_labels": [0.5] * 4}, "whole-number labels, got float64"),
        ({"data": ROWS, "fine_labels": ["a"] * 4}, "whole-number labels"),
        ({"data": ROWS, "fine_labels": [[0], [1, 2], 3, 4]}, "whole numbers"),
        ({"data": ROWS, "fine_labels": CYCLE}, "whole.number"),
        ({"data": ROWS, "fine_labels": [2**70] * 4}, "whole-number labels"),
        ({"data": ROWS, "fine_labels": None}, "whole-number labels"),
        (
            {"data": ROWS, "fine_labels": np.zeros((4, 2), int)},
            r"whole-number labels, got int64 \[4, 2\]",
        ),
        (
            {"data": ROWS, "fine_labels": [np.float32(0)] * 4},
            "whole-number labels, got float64",
        ),
        ({"data": ROWS, "fine_labels": [0, 1, 2, 100]}, "cifar100 labels must lie in 0..99"),
        ({"data": ROWS.astype(np.float32), "fine_labels": [0] * 4}, "data must be uint8.*float32"),
        (
            {"data": ROWS[:, :768], "fine_labels": [0] * 4},
            r"uint8 \[n, 3072\], got uint8 \[4, 768\]",
        ),
        (
            {"data": ROWS.reshape(4, 32, 32, 3), "fine_labels": [0] * 4},
            r"got uint8 \[4, 32, 32, 3\]",
        ),
        ({"data": ROWS.tolist(), "fine_labels": [0] * 4}, "data must be uint8.*list"),
        ({"data": ROWS[:0], "fine_labels": np.zeros(0, int)}, "M >= 1"),
    ],
)
def test_unfit_content(tmp_path, entry, message):
    (tmp_path / "train").write_bytes(pickle.dumps(entry))
    fails("cifar100", tmp_path, message)


@pytest.mark.parametrize("label", [0, 1001, -1])
def test_imagenet16_labels_out_of_range(imagenet16, label):
    folder, _ = imagenet16
    entry = {"data": np.zeros((2, 768), np.uint8), "labels": [1, label]}
    (folder / "val_data").write_bytes(pickle.dumps(entry))
    fails("imagenet16", folder, r"val_data: labels must lie in 1..1000", split="test")


def test_imagenet16_without_any_of_the_120_classes(imagenet16):
    folder, _ = imagenet16
    entry = {"data": np.zeros((2, 768), np.uint8), "labels": [121, 1000]}
    (folder / "val_data").write_bytes(pickle.dumps(entry))
    fails("imagenet16", folder, "M >= 1", split="test")
