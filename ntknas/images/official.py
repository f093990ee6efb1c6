"""Images from the official Python pickles of CIFAR-10, CIFAR-100 and ImageNet16-120.

Each file is a pickled dict with `data`, uint8 `[n, 3 * size * size]`, and the labels. A row of
`data` is the red plane, then the green one, then the blue one, each row by row. CIFAR (Krizhevsky
2009) counts labels from 0. ImageNet16 (Chrabaszcz et al. 2017) counts 1..1000; NAS-Bench-201 keeps
1..120, which are 0..119 here.
"""

import tarfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any

import numpy as np
from jaxtyping import Bool, Int64, UInt8

from ntknas.errors import InputError
from ntknas.images.dataset import DatasetInfo
from ntknas.images.restricted_pickle import read_pickle

__all__ = ["LAYOUTS", "PickleLayout", "read_official"]

Arrays = tuple[
    UInt8[np.ndarray, "m h w 3"],
    Int64[np.ndarray, "m"],
    Int64[np.ndarray, "m"],
]


@dataclass(frozen=True)
class PickleLayout:
    """Names of the official files of a dataset.

    Attributes:
        folder: Name of the folder that holds the files.
        files: Names of the files of each split, in order.
        labels: Key of the labels in the pickled dict.
    """

    folder: str
    files: Mapping[str, tuple[str, ...]]
    labels: str


LAYOUTS: Mapping[str, PickleLayout] = MappingProxyType(
    {
        "cifar10": PickleLayout(
            "cifar-10-batches-py",
            {"train": tuple(f"data_batch_{i}" for i in range(1, 6)), "test": ("test_batch",)},
            "labels",
        ),
        "cifar100": PickleLayout(
            "cifar-100-python", {"train": ("train",), "test": ("test",)}, "fine_labels"
        ),
        "imagenet16": PickleLayout(
            "ImageNet16",
            {"train": tuple(f"train_data_batch_{i}" for i in range(1, 11)), "test": ("val_data",)},
            "labels",
        ),
    }
)


def read_official(info: DatasetInfo, path: Path, *, split: str) -> Arrays:
    """Pixels, labels and indices of one split of the official files.

    Args:
        info: Dataset of the images.
        path: Folder of the files, its parent folder, or a (compressed) tar archive of the files.
        split: Part to read: "train" or "test" (ImageNet16's `val_data`).

    Returns:
        Pixels, labels and indices. The pixels are uint8 `[M, H, W, 3]`. The labels are int64 `[M]`
        from 0. The indices are int64 `[M]`, the positions in the concatenated files of the split
        (for ImageNet16 with all of its 1000 classes).

    Raises:
        InputError: If a file is missing, cut off or not such a pickle, or its arrays do not fit.

    Example:
        >>> LAYOUTS["cifar100"].files["train"]
        ('train',)
    """
    wanted = LAYOUTS[info.name].files[split]
    read = _read_folder if path.is_dir() else _read_archive
    parts = {
        name: _decode(info, content, f"{path.name}/{name}")
        for name, content in read(info, path, wanted)
    }
    missing = [name for name in wanted if name not in parts]
    if missing:
        raise InputError(
            f"{path}: {info.name} {split} needs {', '.join(wanted)}; missing {', '.join(missing)}"
        )
    pixels, labels, kept = zip(*(parts[name] for name in wanted), strict=True)
    indices = np.flatnonzero(np.concatenate(kept)).astype(np.int64)
    return np.concatenate(pixels), np.concatenate(labels), indices


def _read_folder(
    info: DatasetInfo, path: Path, wanted: tuple[str, ...]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and content of each wanted file that the folder, or its inner folder, holds."""
    inner = path / LAYOUTS[info.name].folder
    folder = inner if inner.is_dir() else path
    for name in wanted:
        if (folder / name).is_file():
            yield name, read_pickle((folder / name).read_bytes(), f"{path.name}/{name}")


def _read_archive(
    info: DatasetInfo, path: Path, wanted: tuple[str, ...]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and content of each wanted file that the archive holds, in the archive's order."""
    left = set(wanted)
    try:
        # Read as a stream: seeking in a compressed archive would unpack it again from the start.
        with tarfile.open(path, "r|*") as archive:
            for member in archive:
                name = PurePosixPath(member.name).name
                file = archive.extractfile(member) if member.isfile() and name in left else None
                if file is not None:
                    left.remove(name)
                    yield name, read_pickle(file.read(), f"{path.name}/{name}")
                if not left:
                    return
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        detail = " ".join(str(error).split())
        raise InputError(
            f"{path}: not a whole tar archive of {LAYOUTS[info.name].folder} ({detail})"
        ) from error


def _decode(
    info: DatasetInfo, content: dict[str, Any], source: str
) -> tuple[UInt8[np.ndarray, "m h w 3"], Int64[np.ndarray, "m"], Bool[np.ndarray, "n"]]:
    """Pixels and labels of the rows of one file that are kept, and the mask of these rows."""
    key, row = LAYOUTS[info.name].labels, 3 * info.image_size**2
    if "data" not in content or key not in content:
        raise InputError(
            f"{source}: expected the keys 'data' and {key!r}, got {sorted(content)[:10]}"
        )
    data = content["data"]
    if not isinstance(data, np.ndarray) or data.dtype != np.uint8 or data.shape[1:] != (row,):
        form = f"{data.dtype} {list(data.shape)}" if isinstance(data, np.ndarray) else type(data)
        raise InputError(f"{source}: data must be uint8 [n, {row}], got {form}")
    labels = _label_array(content[key], len(data), source)
    kept = np.ones(len(data), bool)
    if info.name == "imagenet16":
        if len(labels) and not 1 <= labels.min() <= labels.max() <= 1000:
            raise InputError(
                f"{source}: labels must lie in 1..1000, got {labels.min()}..{labels.max()}"
            )
        kept = labels <= info.classes
        labels = labels - 1
    planes = data[kept].reshape(-1, 3, info.image_size, info.image_size)
    return planes.transpose(0, 2, 3, 1), labels[kept], kept


def _label_array(labels: Any, count: int, source: str) -> Int64[np.ndarray, "n"]:
    """The labels in int64; refuses a wrong number or other types than integers."""
    try:
        array = np.asarray(labels)
    except ValueError as error:
        raise InputError(f"{source}: labels must be a list of whole numbers") from error
    if array.dtype.kind not in "iu" or array.shape != (count,):
        raise InputError(
            f"{source}: {count} images need {count} whole-number labels, "
            f"got {array.dtype} {list(array.shape)}"
        )
    return array.astype(np.int64)
