"""Brightness, contrast, elastic deformation, coarse pixels, and JPEG compression."""

from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image
from scipy import ndimage

__all__ = ["brightness", "contrast", "elastic_transform", "jpeg_compression", "pixelate"]


def brightness(rng: np.random.Generator, pixels: np.ndarray, change: float | int) -> np.ndarray:
    """The value of the colour (HSV), which is its largest channel, rises by a change."""
    del rng
    value = pixels.max(-1, keepdims=True)
    brighter = np.clip(value + change, 0, 1)
    black = value == 0
    return np.where(black, brighter, pixels * brighter / np.where(black, 1, value))


def contrast(rng: np.random.Generator, pixels: np.ndarray, factor: float | int) -> np.ndarray:
    """Distances to the image's mean colour are multiplied by a factor."""
    del rng
    mean = pixels.mean((1, 2), keepdims=True)
    return mean + factor * (pixels - mean)


def pixelate(rng: np.random.Generator, pixels: np.ndarray, factor: float | int) -> np.ndarray:
    """Images made smaller by a factor and larger again, by means over boxes."""
    del rng
    size = pixels.shape[1]
    small = int(size * factor)

    def one(picture: Image.Image) -> Image.Image:
        box = Image.Resampling.BOX
        return picture.resize((small, small), box).resize((size, size), box)

    return _by_picture(pixels, one)


def jpeg_compression(rng: np.random.Generator, pixels: np.ndarray, quality: int) -> np.ndarray:
    """Images written as JPEG of a quality and read again."""
    del rng

    def one(picture: Image.Image) -> Image.Image:
        file = BytesIO()
        picture.save(file, "JPEG", quality=quality)
        return Image.open(file)

    return _by_picture(pixels, one)


def _by_picture(pixels: np.ndarray, change) -> np.ndarray:
    """Images after a change by Pillow, one by one."""
    whole = np.rint(pixels * 255).astype(np.uint8)
    return np.stack([np.asarray(change(Image.fromarray(image))) for image in whole]) / 255


def elastic_transform(
    rng: np.random.Generator, pixels: np.ndarray, parameters: tuple[Any, ...]
) -> np.ndarray:
    """A random affine map, and then smooth random displacements of the pixels.

    Parameters are shares of the image's size: the size of displacements, the standard deviation
    that smooths them, and the reach of three points that define the affine map.
    """
    strength, sigma, reach = (float(share) * pixels.shape[1] for share in parameters)
    return np.stack([_deformed(rng, image, strength, sigma, reach) for image in pixels])


def _deformed(rng, image: np.ndarray, strength: float, sigma: Any, reach: float) -> np.ndarray:
    """One image [h, w, c]."""
    size = image.shape[0]
    middle, arm = size // 2, size // 3
    before = np.array([[1, 1], [1, -1], [-1, -1]]) * arm + middle
    after = before + rng.uniform(-reach, reach, size=(3, 2))
    # A pixel's colour comes from where the inverse of the map points to.
    inverse = np.linalg.solve(np.column_stack([after, np.ones(3)]), before)
    rows, columns = np.mgrid[:size, :size].astype(float)
    places = np.stack([columns, rows, np.ones_like(rows)], -1) @ inverse
    image = _sampled(image, places[..., 1], places[..., 0], "mirror")
    down, right = (
        strength
        * ndimage.gaussian_filter(
            rng.uniform(-1, 1, size=(size, size)), sigma, mode="reflect", truncate=3
        )
        for _ in range(2)
    )
    return _sampled(image, rows + down, columns + right, "reflect")


def _sampled(image: np.ndarray, rows: np.ndarray, columns: np.ndarray, mode: str) -> np.ndarray:
    """The colours of an image at places between its pixels, by linear interpolation."""
    channels = np.moveaxis(image, -1, 0)
    found = [ndimage.map_coordinates(c, (rows, columns), order=1, mode=mode) for c in channels]
    return np.stack(found, -1)
