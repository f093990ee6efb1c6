"""`ImageSet`: labelled images with a description of their source."""

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ntknas.errors import InputError
from ntknas.images.dataset import dataset_info

__all__ = ["ImageSet", "check_labels", "clip_rounding"]

_ROUNDING = 1e-6


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Images of one dataset with their labels; the arrays are checked when the set is made.

    Attributes:
        dataset: Name of the dataset, a key of `DATASETS`.
        pixels: RGB pixels `[M, H, W, 3]`: uint8 in 0..255, or float32 in [0, 1].
        labels: Classes of the images, int64 `[M]` in 0 .. classes - 1.
        indices: Position of each image in the source, int64 `[M]`; no two are equal.
        source: Description for readers, such as "embedded sample" or a file's name and split.

    Raises:
        InputError: If an array has a wrong shape, dtype or range.

    Example:
        >>> import numpy as np
        >>> black = np.zeros((2, 32, 32, 3), np.uint8)
        >>> images = ImageSet("cifar10", black, np.array([3, 5]), np.array([0, 1]), "made here")
        >>> len(images), images.sha256[:8]
        (2, '79d6f2e4')
    """

    dataset: str
    # The annotations state no shapes: `__post_init__` checks them, also when a user runs it.
    pixels: np.ndarray
    labels: np.ndarray
    indices: np.ndarray
    source: str

    def __post_init__(self):
        info = dataset_info(self.dataset)
        size, count = info.image_size, len(self.pixels) if self.pixels.ndim else 0
        if self.pixels.shape != (count, size, size, 3) or count < 1:
            raise InputError(
                f"{self.source}: {self.dataset} images must be [M, {size}, {size}, 3] with "
                f"M >= 1, got {list(self.pixels.shape)}"
            )
        if self.pixels.dtype == np.float32:
            object.__setattr__(self, "pixels", clip_rounding(self.pixels, self.source))
        elif self.pixels.dtype != np.uint8:
            raise InputError(
                f"{self.source}: pixels must be uint8, or float32 in [0, 1], "
                f"got {self.pixels.dtype}"
            )
        for name, values in (("labels", self.labels), ("indices", self.indices)):
            if values.shape != (count,) or values.dtype != np.int64:
                raise InputError(
                    f"{self.source}: {name} must be int64 [{count}], one per image, "
                    f"got {values.dtype} {list(values.shape)}"
                )
        check_labels(self.labels, info.classes, f"{self.source}: {self.dataset}")
        if self.indices.min() < 0 or len(np.unique(self.indices)) < count:
            raise InputError(f"{self.source}: indices must be distinct and not negative")

    def __len__(self) -> int:
        return len(self.pixels)

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the pixel bytes followed by the labels as little-endian int64, in hex."""
        little_endian = self.pixels.dtype.newbyteorder("<")
        digest = hashlib.sha256(self.pixels.astype(little_endian).tobytes())
        digest.update(self.labels.astype("<i8").tobytes())
        return digest.hexdigest()


def clip_rounding(pixels: np.ndarray, source: str) -> np.ndarray:
    """Float pixels in [0, 1]; those that are outside by rounding are clipped.

    Args:
        pixels: Non-empty float array of any shape.
        source: Name for the origin of the pixels in the message.

    Returns:
        The same array if every pixel lies in [0, 1], or a clipped copy.

    Raises:
        InputError: If a pixel is NaN, or lies outside [0, 1] by more than 1e-6.

    Example:
        >>> clip_rounding(np.array([-3e-8, 0.5, 1.0]), "made here")
        array([0. , 0.5, 1. ])
    """
    missing = int(np.isnan(pixels).sum())
    if missing:
        raise InputError(f"{source}: {missing} of {pixels.size} pixel values are NaN")
    low, high = float(pixels.min()), float(pixels.max())
    if low < -_ROUNDING or high > 1 + _ROUNDING:
        raise InputError(f"{source}: float pixels must lie in [0, 1], got {low:.9g} to {high:.9g}")
    return pixels if 0 <= low <= high <= 1 else pixels.clip(0, 1)


def check_labels(labels: np.ndarray, classes: int, source: str) -> None:
    """Raise InputError unless every label lies in 0 .. classes - 1.

    Args:
        labels: Non-empty integer array.
        classes: Number of classes.
        source: Name for the origin of the labels in the message.
    """
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= classes:
        raise InputError(f"{source} labels must lie in 0..{classes - 1}, got {low}..{high}")
