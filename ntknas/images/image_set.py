"""`ImageSet`: labelled images with a description of their source."""

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ntknas.errors import InputError
from ntknas.images.dataset import dataset_info

__all__ = ["ImageSet", "check_labels", "clip_rounding", "mean_of_squares"]

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
        side: Height and width in pixels; None means those of the dataset (see `shrunk`).

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
    side: int | None = None

    def __post_init__(self):
        info = dataset_info(self.dataset)
        size = info.image_size if self.side is None else self.side
        count = len(self.pixels) if self.pixels.ndim else 0
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

    def subset(self, which: np.ndarray | slice) -> "ImageSet":
        """Some of the images.

        Args:
            which: A mask of the images, their places, or a slice.
        """
        arrays = {name: getattr(self, name)[which] for name in ("pixels", "labels", "indices")}
        return replace(self, **arrays)

    def shrunk(self, side: int) -> "ImageSet":
        """The images at a smaller size: every new pixel is the mean of a square of old ones.

        Args:
            side: New height and width in pixels; a divisor of the size. With the size itself the
                images are returned as they are.

        Raises:
            InputError: If the side does not divide the size.

        Example:
            >>> import numpy as np
            >>> pixels = np.zeros((2, 32, 32, 3), np.uint8)
            >>> labels, places = np.array([3, 5]), np.array([0, 1])
            >>> small = ImageSet("cifar10", pixels, labels, places, "made here").shrunk(16)
            >>> small.pixels.shape, small.pixels.dtype.name, small.source
            ((2, 16, 16, 3), 'float32', 'made here, 16 x 16')
        """
        size = self.pixels.shape[1]
        if side < 1 or size % side:
            raise InputError(f"expected a side that divides {size} pixels, got {side}")
        if side == size:
            return self
        pixels = mean_of_squares(self.pixels, size // side)
        if self.pixels.dtype == np.uint8:
            pixels /= 255
        return replace(self, pixels=pixels, source=f"{self.source}, {side} x {side}", side=side)

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the pixel bytes followed by the labels as little-endian int64, in hex."""
        little_endian = self.pixels.dtype.newbyteorder("<")
        digest = hashlib.sha256(self.pixels.astype(little_endian).tobytes())
        digest.update(self.labels.astype("<i8").tobytes())
        return digest.hexdigest()


def mean_of_squares(pixels: np.ndarray, side: int) -> np.ndarray:
    """The means of squares of pixels, float32.

    Args:
        pixels: Images `[M, H, W, 3]`.
        side: Height and width of a square; a divisor of H and of W.
    """
    m, h, w, c = pixels.shape
    squares = pixels.reshape(m, h // side, side, w // side, side, c)
    return squares.mean((2, 4), dtype=np.float32)


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
