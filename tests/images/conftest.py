"""Small files in the official formats."""

import pickle
import struct
import tarfile
from pathlib import Path

import numpy as np
import pytest

PER_BATCH = 20


def python2_array(values: np.ndarray) -> bytes:
    """Protocol-2 opcodes for a uint8 array as Python 2 wrote them: all strings byte strings."""
    shape = b"".join(b"M" + struct.pack("<H", n) for n in values.shape)
    shape = b"(" + shape + b"t"
    raw = values.tobytes()
    return (
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
        b"(K\x01" + shape + b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R"
        b"(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89"
        b"T" + struct.pack("<i", len(raw)) + raw + b"tb"
    )


def python2_pickle(data: np.ndarray, key: bytes, labels: list[int]) -> bytes:
    """A dict {key: labels, "data": data} as Python 2 pickled the official CIFAR files."""
    listed = b"](" + b"".join(b"K" + bytes([label]) for label in labels) + b"e"
    named = b"U" + bytes([len(key)]) + key
    return b"\x80\x02}(" + named + listed + b"U\x04data" + python2_array(data) + b"u."


def write_cifar(
    folder: Path, files: dict[str, int], key: bytes, classes: int, *, python2: bool
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Random pickles in the official layout; returns name -> (images HWC, labels)."""
    folder.mkdir(parents=True)
    content = {}
    for name, seed in files.items():
        rng = np.random.default_rng(seed)
        images = rng.integers(0, 256, (PER_BATCH, 32, 32, 3), np.uint8)
        labels = rng.integers(0, classes, PER_BATCH)
        planes = np.stack([images[..., channel].reshape(PER_BATCH, -1) for channel in range(3)], 1)
        rows = planes.reshape(PER_BATCH, 3072)
        if python2:
            stored = python2_pickle(rows, key, labels.tolist())
        else:
            entry = {b"batch_label": b"x", key: labels.tolist(), b"data": rows}
            stored = pickle.dumps(entry | {b"filenames": [b"a.png"] * PER_BATCH}, protocol=2)
        (folder / name).write_bytes(stored)
        content[name] = (images, labels)
    return content


CIFAR10_FILES = {f"data_batch_{i}": i for i in range(1, 6)} | {"test_batch": 6}


@pytest.fixture(params=[True, False], ids=["python2", "python3"])
def cifar10(request, tmp_path):
    """(folder cifar-10-batches-py, its content)."""
    folder = tmp_path / "cifar-10-batches-py"
    return folder, write_cifar(folder, CIFAR10_FILES, b"labels", 10, python2=request.param)


@pytest.fixture
def cifar100(tmp_path):
    """(folder cifar-100-python, its content)."""
    folder = tmp_path / "cifar-100-python"
    files = {"train": 1, "test": 2}
    return folder, write_cifar(folder, files, b"fine_labels", 100, python2=True)


@pytest.fixture
def imagenet16(tmp_path):
    """(folder ImageNet16, name -> (images HWC, labels 1..1000)); 30 images a file."""
    folder = tmp_path / "ImageNet16"
    folder.mkdir()
    content = {}
    for i, name in enumerate([f"train_data_batch_{i}" for i in range(1, 11)] + ["val_data"]):
        rng = np.random.default_rng(i)
        images = rng.integers(0, 256, (30, 16, 16, 3), np.uint8)
        labels = rng.choice([1, 60, 119, 120, 121, 1000], 30)
        labels[:2] = (1, 120)
        rows = images.transpose(0, 3, 1, 2).reshape(30, 768)
        entry = {"data": rows, "labels": labels.tolist(), "mean": rows.mean(0)}
        (folder / name).write_bytes(pickle.dumps(entry, protocol=i % 6))
        content[name] = (images, labels)
    return folder, content


@pytest.fixture
def imagenet16_npz(tmp_path, imagenet16):
    """A folder with the files of `imagenet16` as official .npz archives, and their content."""
    _, content = imagenet16
    folder = tmp_path / "Imagenet16_npz"
    folder.mkdir()
    for name, (images, labels) in content.items():
        rows = images.transpose(0, 3, 1, 2).reshape(30, 768)
        mean = {} if name == "val_data" else {"mean": rows.mean(0)}
        np.savez(folder / f"{name}.npz", data=rows, labels=labels, **mean)
    return folder, content


@pytest.fixture
def archive(tmp_path):
    """A function that packs a folder as .tar.gz, members in an order that is not the batches'."""

    def pack(folder: Path) -> Path:
        path = tmp_path / f"{folder.name}.tar.gz"
        with tarfile.open(path, "w:gz", compresslevel=1) as tar:
            tar.add(folder, folder.name, recursive=False)
            for file in sorted(folder.iterdir(), reverse=True):
                tar.add(file, f"{folder.name}/{file.name}")
        return path

    return pack


@pytest.fixture(name="python2_pickle")
def python2_pickle_fixture():
    """The function `python2_pickle`."""
    return python2_pickle
