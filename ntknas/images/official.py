"""Images from the official files of CIFAR-10, CIFAR-100 and ImageNet16-120.

Each file is a pickled dict of rows of colour planes and of labels (`ntknas.images.planes`).
Downsampled ImageNet was also published as .npz archives of the same arrays. Their names are those
of the pickles with `.npz` behind them, and they are read in place of pickles that are missing.
"""

import io
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any

import numpy as np
from jaxtyping import Int64, UInt8

from ntknas.errors import InputError
from ntknas.images.dataset import DatasetInfo
from ntknas.images.npz import load_arrays
from ntknas.images.planes import decode_planes
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
        as_npz: Whether .npz archives of the same arrays are published too.
    """

    folder: str
    files: Mapping[str, tuple[str, ...]]
    labels: str
    as_npz: bool = False


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
            as_npz=True,
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
        InputError: If a file is missing, cut off or not of the official form, or its arrays do not
            fit.

    Example:
        >>> LAYOUTS["cifar100"].files["train"]
        ('train',)
    """
    layout = LAYOUTS[info.name]
    wanted = layout.files[split]
    read = _read_folder if path.is_dir() else _read_archive
    parts = {
        name: decode_planes(info, content, labels=layout.labels, source=f"{path.name}/{name}")
        for name, content in read(layout, path, wanted)
    }
    missing = [name for name in wanted if name not in parts]
    if missing:
        either = " (or the same with .npz)" if layout.as_npz else ""
        raise InputError(
            f"{path}: {info.name} {split} needs {', '.join(wanted)}{either}; "
            f"missing {', '.join(missing)}"
        )
    pixels, labels, kept = zip(*(parts[name] for name in wanted), strict=True)
    indices = np.flatnonzero(np.concatenate(kept)).astype(np.int64)
    return np.concatenate(pixels), np.concatenate(labels), indices


def _read_folder(
    layout: PickleLayout, path: Path, wanted: tuple[str, ...]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and content of each wanted file that the folder, or its inner folder, holds."""
    inner = path / layout.folder
    folder = inner if inner.is_dir() else path
    for name in wanted:
        file, archive = folder / name, folder / f"{name}.npz"
        if file.is_file():
            yield name, read_pickle(file.read_bytes(), f"{path.name}/{name}")
        elif layout.as_npz and archive.is_file():
            yield name, load_arrays(archive, f"{path.name}/{archive.name}")


def _read_archive(
    layout: PickleLayout, path: Path, wanted: tuple[str, ...]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and content of each wanted file that the archive holds, in the archive's order."""
    left = set(wanted)
    try:
        # Read as a stream: seeking in a compressed archive would unpack it again from the start.
        with tarfile.open(path, "r|*") as archive:
            for member in archive:
                stored = PurePosixPath(member.name).name
                name = stored.removesuffix(".npz") if layout.as_npz else stored
                file = archive.extractfile(member) if member.isfile() and name in left else None
                if file is not None:
                    left.remove(name)
                    source = f"{path.name}/{stored}"
                    if name == stored:
                        yield name, read_pickle(file.read(), source)
                    else:
                        yield name, load_arrays(io.BytesIO(file.read()), source)
                if not left:
                    return
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        detail = " ".join(str(error).split())
        raise InputError(
            f"{path}: not a whole tar archive of {layout.folder} ({detail})"
        ) from error
