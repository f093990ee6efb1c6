"""CIFAR-10-C's form of files: five severities one after the other, and labels for all rows."""

import tarfile

import numpy as np
import pytest

from ntknas.errors import InputError
from ntknas.images import load_corrupted

COUNT = 6


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, size=(5 * COUNT, 32, 32, 3)).astype(np.uint8)
    np.save(tmp_path / "fog.npy", pixels)
    np.save(tmp_path / "labels.npy", np.tile(np.arange(COUNT), 5).astype(np.uint8))
    return tmp_path


@pytest.mark.parametrize("severity", [1, 2, 5])
def test_rows_of_a_severity(folder, severity):
    found = load_corrupted(folder, "fog", severity)
    rows = np.load(folder / "fog.npy")[(severity - 1) * COUNT : severity * COUNT]
    np.testing.assert_array_equal(found.pixels, rows)
    np.testing.assert_array_equal(found.labels, np.arange(COUNT))
    np.testing.assert_array_equal(found.indices, np.arange(COUNT))
    assert found.source == f"fog.npy, severity {severity}"


def test_the_array_outlives_the_file(folder):
    found = load_corrupted(folder, "fog", 1)
    (folder / "fog.npy").unlink()
    assert found.pixels.sum() > 0


def pack(folder, mode="w", name="CIFAR-10-C.tar"):
    """The folder as a .tar in the layout of the released one."""
    path = folder / name
    with tarfile.open(path, mode) as archive:
        for file in sorted(folder.glob("*.npy")):
            archive.add(file, f"CIFAR-10-C/{file.name}")
            file.unlink()
    return path


def test_the_released_archive_is_read_as_it_is(folder):
    unpacked = load_corrupted(folder, "fog", 2)
    path = pack(folder)
    found = load_corrupted(path, "fog", 2)
    np.testing.assert_array_equal(found.pixels, unpacked.pixels)
    np.testing.assert_array_equal(found.labels, unpacked.labels)
    with pytest.raises(InputError, match=r"no file snow.npy in .*CIFAR-10-C.tar"):
        load_corrupted(path, "snow", 2)


def test_the_released_archive_by_name(folder, monkeypatch, tmp_path_factory):
    unpacked = load_corrupted(folder, "fog", 5)
    monkeypatch.chdir(tmp_path_factory.mktemp("empty"))
    monkeypatch.setenv("NTKNAS_DATA", str(folder))
    pack(folder)
    np.testing.assert_array_equal(load_corrupted("cifar10c", "fog", 5).pixels, unpacked.pixels)


def test_other_archives(folder):
    np.save(folder / "fog.npy", np.array([{}], dtype=object))
    with pytest.raises(InputError, match=r"fog.npy in .* cannot be read: .*an array of objects"):
        load_corrupted(pack(folder), "fog", 1)
    (folder / "fog.npy").write_bytes(b"<html>")
    with pytest.raises(InputError, match=r"fog.npy in .* cannot be read"):
        load_corrupted(pack(folder), "fog", 1)
    np.save(folder / "fog.npy", np.zeros((5, 32, 32, 3), np.uint8))
    whole = pack(folder)
    whole.write_bytes(whole.read_bytes()[:5000])
    with pytest.raises(InputError, match=r"fog.npy in .* cannot be read|no file"):
        load_corrupted(whole, "fog", 1)
    np.save(folder / "fog.npy", np.zeros((5, 32, 32, 3), np.uint8))
    with pytest.raises(InputError, match="a .tar that is not compressed"):
        load_corrupted(pack(folder, "w:gz"), "fog", 1)


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("labels.npy", np.zeros(5 * COUNT - 1, np.uint8), "expected 30 labels"),
        ("labels.npy", np.zeros(5 * COUNT), "expected 30 labels"),
        ("labels.npy", np.full(5 * COUNT, 10), "labels must lie in 0..9"),
        ("fog.npy", np.zeros((5 * COUNT - 1, 32, 32, 3), np.uint8), "five severities"),
        ("fog.npy", np.zeros((5 * COUNT, 32, 32, 3)), "expected uint8"),
        ("fog.npy", np.zeros((5, 28, 28, 3), np.uint8), "expected uint8"),
        ("fog.npy", np.uint8(3), "expected uint8"),
        ("fog.npy", np.zeros((0, 32, 32, 3), np.uint8), "expected uint8"),
    ],
)
def test_other_arrays(folder, name, array, message):
    np.save(folder / name, array)
    with pytest.raises(InputError, match=message):
        load_corrupted(folder, "fog", 1)


def test_other_files(folder):
    with pytest.raises(InputError, match=r"no such file: .*snow.npy; expected a folder"):
        load_corrupted(folder, "snow", 1)
    (folder / "fog.npy").write_bytes(b"<html>")
    with pytest.raises(InputError, match=r"fog.npy is not a readable .npy file"):
        load_corrupted(folder, "fog", 1)
    np.save(folder / "fog.npy", np.array([{}], dtype=object))
    with pytest.raises(InputError, match=r"fog.npy is not a readable .npy file"):
        load_corrupted(folder, "fog", 1)


@pytest.mark.parametrize(
    ("name", "severity", "message"),
    [("rain", 1, "expected corruption"), ("fog", 0, "from 1 to 5"), ("fog", 6, "from 1 to 5")],
)
def test_other_names(folder, name, severity, message):
    with pytest.raises(InputError, match=message):
        load_corrupted(folder, name, severity)
