"""`load_corrupted`: images of CIFAR-10-C and CIFAR-100-C from their .npy files.

The files may still be in the published .tar, which is not compressed: an array in it is mapped from
where it lies, and nothing is unpacked.
"""

import os
import tarfile
from pathlib import Path

import numpy as np

from ntknas.data import Kind, locate
from ntknas.errors import InputError
from ntknas.images.corruptions.family import CORRUPTIONS
from ntknas.images.dataset import dataset_info
from ntknas.images.image_set import ImageSet

__all__ = ["load_corrupted"]

_SEVERITIES = 5


def load_corrupted(
    folder: str | os.PathLike[str], name: str, severity: int, *, dataset: str = "cifar10"
) -> ImageSet:
    """The test images of one corruption at one severity.

    Args:
        folder: Folder with `labels.npy` and one file per corruption, such as `fog.npy`: uint8
            [5 m, h, w, 3], of which rows (s - 1) m to s m - 1 have severity s. In the released
            files m is 10,000. Or the published .tar of the folder, or "cifar10c", the name of
            CIFAR-10-C among the published files (`ntknas.data`).
        name: Name of the corruption, which is that of its file.
        severity: Severity from 1 to 5.
        dataset: Name of the dataset.

    Returns:
        The images; their indices are those of the test images.

    Raises:
        InputError: For an unknown name, a severity outside 1..5, or files that are missing, cannot
            be read, or have another form.
    """
    CORRUPTIONS.check(name)
    if isinstance(severity, bool) or severity not in range(1, _SEVERITIES + 1):
        raise InputError(f"expected a severity from 1 to 5, got {severity}")
    size = dataset_info(dataset).image_size
    root = locate(folder, Kind.CORRUPTED)
    read = _read_archived if root.is_file() else _read
    path = root / f"{name}.npy"
    pixels, labels = read(path), read(root / "labels.npy")
    count, rest = divmod(len(pixels) if pixels.ndim else 0, _SEVERITIES)
    if pixels.dtype != np.uint8 or pixels.shape[1:] != (size, size, 3) or rest or not count:
        raise InputError(
            f"{path}: expected uint8 [5 m, {size}, {size}, 3] with the five severities one after "
            f"the other, got {pixels.dtype} {list(pixels.shape)}"
        )
    if labels.shape != (_SEVERITIES * count,) or labels.dtype.kind not in "iu":
        raise InputError(
            f"{path.with_name('labels.npy')}: expected {_SEVERITIES * count} labels, one per image "
            f"of {path.name}, got {labels.dtype} {list(labels.shape)}"
        )
    rows = slice((severity - 1) * count, severity * count)
    return ImageSet(
        dataset,
        np.array(pixels[rows]),
        labels[rows].astype(np.int64),
        np.arange(count),
        f"{path.name}, severity {severity}",
    )


def _read(path: Path) -> np.ndarray:
    """The array of a file, which stays on disk until it is used."""
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        raise InputError(f"no such file: {path}; expected a folder of CIFAR-10-C") from None
    # A damaged header is read as Python, and can raise almost anything.
    except Exception as error:
        raise InputError(f"{path} is not a readable .npy file: {error}") from None


def _read_archived(path: Path) -> np.ndarray:
    """The array of a file in a .tar, where path is that of the .tar and then the file's name."""
    try:
        with tarfile.open(path.parent, "r:") as archive:
            member = next(
                (member for member in archive if Path(member.name).name == path.name), None
            )
            file = None if member is None else archive.extractfile(member)
            if member is None or file is None:
                raise InputError(f"no file {path.name} in {path.parent}; expected CIFAR-10-C's")
            version = np.lib.format.read_magic(file)
            if version != (1, 0):
                raise ValueError(f"version {version} of the .npy format")
            shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
            if dtype.hasobject:
                raise ValueError("an array of objects")
            start = member.offset_data + file.tell()
            return np.memmap(path.parent, dtype, "r", start, shape, "F" if fortran else "C")
    except InputError:
        raise
    except Exception as error:  # as above
        raise InputError(
            f"{path.name} in {path.parent} cannot be read: expected an array in a .tar that is not "
            f"compressed ({error})"
        ) from None
