"""Images from a NumPy archive (.npz).

Two forms are read:

* `x_train`, `y_train`, `idx_train` (may be left out) and the same for `test`; labels from 0.
* `x`, `y`, without a split: read as "train". Labels count from 0, except for ImageNet16, where
  they are the benchmark's labels 1..120.

`x` is `[M, H, W, 3]` in RGB: uint8, or floats in [0, 1] (stored as float32). If the archive has
`class_names`, their number is compared with the dataset's. Pickled objects are never loaded.
"""

import zipfile
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Int64, UInt8

from ntknas.errors import InputError
from ntknas.images.dataset import DatasetInfo

__all__ = ["read_npz"]

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
        has none.

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
    arrays = _load(file, split, source)
    names = arrays.get("class_names")
    if names is not None and len(names) != info.classes:
        raise InputError(
            f"{source}: {info.name} has {info.classes} classes, "
            f"but the archive names {len(names)}: is it another dataset?"
        )
    plain = f"x_{split}" not in arrays
    pixels = _pixel_dtype(arrays["x" if plain else f"x_{split}"], source)
    labels = _whole_numbers(arrays["y" if plain else f"y_{split}"], "labels", source)
    if plain and info.name == "imagenet16":
        if labels.size and labels.min() < 1:
            raise InputError(
                f"{source}: imagenet16 labels under 'y' count from 1 to 120 (those under "
                f"'y_train' from 0 to 119), got {labels.min()}"
            )
        labels = labels - 1
    indices = arrays.get(f"idx_{split}", np.arange(len(labels)))
    return pixels, labels, _whole_numbers(indices, "indices", source)


def _load(file: Path, split: str, source: str) -> dict[str, np.ndarray]:
    """The arrays of the archive that belong to the split, as stored."""
    if not zipfile.is_zipfile(file):
        raise InputError(f"{source}: not a whole .npz archive")
    try:
        with np.load(file, allow_pickle=False) as archive:
            keys = _keys(archive.files, split)
            arrays = {key: np.atleast_1d(archive[key]) for key in keys}
            stored = ", ".join(archive.files[:10])
    # A damaged archive can raise almost anything, from zlib.error to MemoryError.
    except Exception as error:
        detail = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{source}: not a whole .npz archive of arrays ({detail})") from error
    if not arrays:
        plain = ", or x and y" if split == "train" else ""
        raise InputError(
            f"{source}: expected the keys x_{split} and y_{split}{plain}, got {stored or 'none'}"
        )
    return arrays


def _keys(stored: list[str], split: str) -> list[str]:
    """The keys to read; none if the images or labels of the split are missing."""
    named, plain = [f"x_{split}", f"y_{split}"], ["x", "y"]
    if set(named) <= set(stored):
        optional = [f"idx_{split}", "class_names"]
    elif split == "train" and set(plain) <= set(stored):
        named, optional = plain, ["class_names"]
    else:
        return []
    return named + [key for key in optional if key in stored]


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
