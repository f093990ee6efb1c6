"""Images from a NumPy archive (.npz).

Three forms are read:

* `x_train`, `y_train`, `idx_train` (may be left out) and the same for `test`; labels from 0.
* `x`, `y`, without a split: read as "train". Labels count from 0, except for ImageNet16, where
  they are the benchmark's labels 1..120.
* `data`, `labels`, for ImageNet16 alone: an official archive of downsampled ImageNet at 16 x 16,
  rows of colour planes with labels 1..1000 (`ntknas.images.planes`). One archive is part of one
  split, and nothing in it says of which one. So it is read as whichever split is asked for.

`x` is `[M, H, W, 3]` in RGB: uint8, or floats in [0, 1] (stored as float32). Labels are `[M]`, or
`[M, 1]` as Keras has them. If the archive has `class_names`, their number is compared with the
dataset's. Pickled objects are never loaded.
"""

import io
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Int64, UInt8

from ntknas.errors import InputError
from ntknas.images.dataset import DatasetInfo
from ntknas.images.planes import as_column, decode_planes

__all__ = ["load_arrays", "read_npz"]

Arrays = tuple[
    UInt8[np.ndarray, "..."] | Float32[np.ndarray, "..."],
    Int64[np.ndarray, "..."],
    Int64[np.ndarray, "..."],
]


def read_npz(info: DatasetInfo, file: Path, *, split: str, source: str) -> Arrays:
    """Pixels, labels and indices of one split of an archive.

    `ImageSet` checks shapes and ranges later.

    Args:
        info: Dataset of the images.
        file: Path of the archive.
        split: Part to read: "train" or "test".
        source: Name of the archive in error messages.

    Returns:
        Pixels, labels and indices. The pixels are uint8 or float32 `[M, H, W, 3]`. The labels are
        int64 `[M]` from 0. The indices are int64 `[M]`: those of the archive, or 0 .. M - 1 if it
        has none. Those of an official archive are the positions among all of its classes.

    Raises:
        InputError: If the file is not a complete .npz archive, keys are missing, or an array has a
            wrong dtype.

    Example:
        >>> import tempfile
        >>> from ntknas.images.dataset import DATASETS
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder, "two.npz")
        ...     np.savez(file, x=np.zeros((2, 16, 16, 3), np.uint8), y=np.array([1, 120]))
        ...     read_npz(DATASETS["imagenet16"], file, split="train", source="two.npz")[1]
        array([  0, 119])
    """
    arrays = load_arrays(file, source, lambda stored: _keys(info, stored, split, source))
    if "data" in arrays:
        planes, classes, kept = decode_planes(info, arrays, labels="labels", source=source)
        return planes, classes, np.flatnonzero(kept).astype(np.int64)
    names = arrays.get("class_names")
    if names is not None and len(names) != info.classes:
        raise InputError(
            f"{source}: {info.name} has {info.classes} classes, "
            f"but the archive names {len(names)}: is it another dataset?"
        )
    plain = f"x_{split}" not in arrays
    pixels = _pixel_dtype(arrays["x" if plain else f"x_{split}"], source)
    labels = as_column(_whole_numbers(arrays["y" if plain else f"y_{split}"], "labels", source))
    if plain and info.name == "imagenet16":
        if labels.size and labels.min() < 1:
            raise InputError(
                f"{source}: imagenet16 labels under 'y' count from 1 to 120 (those under "
                f"'y_train' from 0 to 119), got {labels.min()}"
            )
        labels = labels - 1
    indices = arrays.get(f"idx_{split}", np.arange(len(labels)))
    return pixels, labels, _whole_numbers(indices, "indices", source)


def load_arrays(
    file: Path | io.BytesIO, source: str, choose: Callable[[list[str]], Iterable[str]] = list
) -> dict[str, np.ndarray]:
    """Arrays of an archive by key.

    Args:
        file: Path of the archive, or its bytes as an open file.
        source: Name of the archive in error messages.
        choose: Function from the keys of the archive to those of the arrays to read.

    Returns:
        The chosen arrays as stored; a single number becomes an array of one.

    Raises:
        InputError: If the file is not a complete .npz archive of plain arrays.
    """
    if not zipfile.is_zipfile(file):
        raise InputError(f"{source}: not a whole .npz archive")
    try:
        with np.load(file, allow_pickle=False) as archive:
            return {key: np.atleast_1d(archive[key]) for key in choose(archive.files)}
    except InputError:
        raise
    # A damaged archive can raise almost anything, from zlib.error to MemoryError.
    except Exception as error:
        detail = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{source}: not a whole .npz archive of arrays ({detail})") from error


def _keys(info: DatasetInfo, stored: list[str], split: str, source: str) -> list[str]:
    """The keys to read; refuses an archive without images and labels of the split."""
    named, plain, official = [f"x_{split}", f"y_{split}"], ["x", "y"], ["data", "labels"]
    if set(named) <= set(stored):
        return named + [key for key in (f"idx_{split}", "class_names") if key in stored]
    if split == "train" and set(plain) <= set(stored):
        return plain + [key for key in ("class_names",) if key in stored]
    if info.name == "imagenet16" and set(official) <= set(stored):
        return official
    forms = [named, *([plain] if split == "train" else [])]
    forms += [official] if info.name == "imagenet16" else []
    raise InputError(
        f"{source}: expected the keys {', or '.join(' and '.join(form) for form in forms)}, "
        f"got {', '.join(stored[:10]) or 'none'}"
    )


def _pixel_dtype(pixels: np.ndarray, source: str) -> np.ndarray:
    """The pixels in uint8 or float32."""
    if pixels.dtype == np.uint8:
        return pixels
    if pixels.dtype.kind != "f":
        raise InputError(f"{source}: pixels must be uint8, or floats in [0, 1], got {pixels.dtype}")
    # A double too large for float32 becomes infinite, which the range check of ImageSet refuses.
    with np.errstate(over="ignore"):
        return pixels.astype(np.float32)


def _whole_numbers(values: np.ndarray, name: str, source: str) -> np.ndarray:
    """The values in int64; refuses other types than integers."""
    if values.dtype.kind not in "iu":
        raise InputError(f"{source}: {name} must be whole numbers, got {values.dtype}")
    return values.astype(np.int64)
