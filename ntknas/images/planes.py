"""Rows of colour planes, the form of images in the official files of CIFAR and ImageNet16.

A row of `data`, uint8 `[n, 3 * size * size]`, is the red plane, then the green one, then the blue
one, each row by row. CIFAR (Krizhevsky 2009) counts labels from 0. Downsampled ImageNet
(Chrabaszcz et al. 2017) counts 1..1000; NAS-Bench-201 keeps 1..120, which are 0..119 here.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Bool, Int64, UInt8

from ntknas.errors import InputError
from ntknas.images.dataset import DatasetInfo

__all__ = ["as_column", "decode_planes"]


def decode_planes(
    info: DatasetInfo, content: Mapping[str, Any], *, labels: str, source: str
) -> tuple[UInt8[np.ndarray, "m h w 3"], Int64[np.ndarray, "m"], Bool[np.ndarray, "n"]]:
    """Pixels and labels of the rows of one file that are kept, and the mask of these rows.

    Args:
        info: Dataset of the images.
        content: Arrays (or lists) of the file by key.
        labels: Key of the labels.
        source: Name of the file in error messages.

    Returns:
        Pixels, labels and mask. The pixels are uint8 `[m, h, w, 3]`. The labels are int64 `[m]`
        from 0. The mask is bool `[n]`; it leaves out the classes of ImageNet from the 121st on.

    Raises:
        InputError: If a key is missing, or the arrays are not those of images of this dataset.

    Example:
        >>> from ntknas.images.dataset import DATASETS
        >>> content = {"data": np.zeros((3, 768), np.uint8), "labels": [1, 120, 121]}
        >>> decode_planes(DATASETS["imagenet16"], content, labels="labels", source="val_data")[1:]
        (array([  0, 119]), array([ True,  True, False]))
    """
    size = info.image_size
    row = 3 * size**2
    if "data" not in content or labels not in content:
        raise InputError(
            f"{source}: expected the keys 'data' and {labels!r}, got {sorted(content)[:10]}"
        )
    data = content["data"]
    if not isinstance(data, np.ndarray) or data.dtype != np.uint8 or data.shape[1:] != (row,):
        raise InputError(f"{source}: data must be uint8 [n, {row}], got {_form(data, info)}")
    classes = _label_array(content[labels], len(data), source)
    kept = np.ones(len(data), bool)
    if info.name == "imagenet16":
        if len(classes) and not 1 <= classes.min() <= classes.max() <= 1000:
            raise InputError(
                f"{source}: labels must lie in 1..1000, got {classes.min()}..{classes.max()}"
            )
        kept = classes <= info.classes
        classes = classes - 1
    planes = data[kept].reshape(-1, 3, size, size)
    return planes.transpose(0, 2, 3, 1), classes[kept], kept


def as_column(labels: np.ndarray) -> np.ndarray:
    """Labels `[n]`; those of Keras, which are `[n, 1]`, lose their second axis.

    Example:
        >>> as_column(np.array([[3], [1]]))
        array([3, 1])
    """
    return labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels


def _form(data: Any, info: DatasetInfo) -> str:
    """Description of unfit data, for error messages; says so if it is images of another size."""
    if not isinstance(data, np.ndarray):
        return str(type(data))
    form = f"{data.dtype} {list(data.shape)}"
    side = math.isqrt(data.shape[1] // 3) if data.ndim == 2 else 0
    if side == 0 or data.shape[1] != 3 * side**2 or side == info.image_size:
        return form
    size = info.image_size
    return f"{form}: images of {side} x {side}, but those of {info.name} are {size} x {size}"


def _label_array(labels: Any, count: int, source: str) -> Int64[np.ndarray, "n"]:
    """The labels in int64; refuses a wrong number or other types than integers."""
    try:
        array = as_column(np.asarray(labels))
    except ValueError as error:
        raise InputError(f"{source}: labels must be a list of whole numbers") from error
    if array.dtype.kind not in "iu" or array.shape != (count,):
        raise InputError(
            f"{source}: {count} images need {count} whole-number labels, "
            f"got {array.dtype} {list(array.shape)}"
        )
    return array.astype(np.int64)
