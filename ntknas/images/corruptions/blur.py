"""Blurs: out of focus, through frosted glass, of a moving camera, and of a zooming one."""

from typing import Any

import numpy as np
from scipy import ndimage

__all__ = ["defocus_blur", "glass_blur", "moved", "motion_blur", "smoothed", "zoom_blur", "zoomed"]


def smoothed(pixels: np.ndarray, sigma: Any) -> np.ndarray:
    """Images after a Gaussian filter of a standard deviation in pixels."""
    return ndimage.gaussian_filter(pixels, (0, sigma, sigma, 0), mode="nearest")


def zoomed(pixels: np.ndarray, factor: float | int) -> np.ndarray:
    """The middle of images [n, h, h, c], enlarged by a factor to their size."""
    size = pixels.shape[1]
    part = int(np.ceil(size / factor))
    first = (size - part) // 2
    middle = pixels[:, first : first + part, first : first + part]
    large = ndimage.zoom(middle, (1, factor, factor, 1), order=1)
    cut = (large.shape[1] - size) // 2
    return large[:, cut : cut + size, cut : cut + size]


def defocus_blur(
    rng: np.random.Generator, pixels: np.ndarray, parameters: tuple[Any, ...]
) -> np.ndarray:
    """Convolution with a disk of a radius in pixels, whose edge a Gaussian of 3 pixels softens."""
    del rng
    radius, softness = parameters
    reach = np.arange(-8, 9)
    disk = (reach[:, None] ** 2 + reach[None] ** 2 <= radius**2).astype(float)
    taps = np.exp(-np.square([-1, 0, 1]) / (2 * softness**2))
    taps /= taps.sum()
    for axis in (0, 1):
        disk = ndimage.convolve1d(disk / disk.sum(), taps, axis=axis, mode="mirror")
    return ndimage.convolve(pixels, disk[None, :, :, None], mode="mirror")


def glass_blur(
    rng: np.random.Generator, pixels: np.ndarray, parameters: tuple[Any, ...]
) -> np.ndarray:
    """Blur, pixels that move to a neighbour's place, and blur again.

    The paper swaps pixels. The released program overwrites one of the two with the other, and so
    does this function.
    """
    sigma, reach, turns = parameters
    size, count = pixels.shape[1], len(pixels)
    values = np.floor(smoothed(pixels, sigma) * 255) / 255
    image = np.arange(count)
    for _ in range(turns):
        for row in range(size - reach, reach, -1):
            for column in range(size - reach, reach, -1):
                right, down = rng.integers(-reach, reach, size=(2, count))
                values[:, row, column] = values[image, row + down, column + right]
    return smoothed(values, sigma)


def moved(pixels: np.ndarray, radius: Any, sigma: Any, degrees: np.ndarray) -> np.ndarray:
    """Images [n, h, w, c] after a motion in one direction per image.

    The motion blur of ImageMagick: a one-sided Gaussian of `sigma` pixels over 2 radius + 1 pixels
    along a line, whose places are rounded to pixels. Beyond its edge an image goes on as it ends.
    """
    width = 2 * int(np.ceil(radius)) + 1
    taps = np.exp(-np.square(np.arange(width)) / (2 * sigma**2))
    taps /= taps.sum()
    angle = np.deg2rad(degrees)[:, None]
    rows, columns = (np.arange(size)[None] for size in pixels.shape[1:3])
    image = np.arange(len(pixels))[:, None, None]
    total = np.zeros_like(pixels)
    for step, weight in enumerate(taps):
        right = np.ceil(step * np.cos(angle) - 0.5).astype(int)
        down = np.ceil(step * np.sin(angle) - 0.5).astype(int)
        row = np.clip(rows + down, 0, pixels.shape[1] - 1)[:, :, None]
        column = np.clip(columns + right, 0, pixels.shape[2] - 1)[:, None, :]
        total += weight * pixels[image, row, column]
    return total


def motion_blur(
    rng: np.random.Generator, pixels: np.ndarray, parameters: tuple[Any, ...]
) -> np.ndarray:
    """Motion of a radius and a standard deviation in pixels, at -45 to 45 degrees."""
    radius, sigma = parameters
    return moved(pixels, radius, sigma, rng.uniform(-45, 45, size=len(pixels)))


def zoom_blur(rng: np.random.Generator, pixels: np.ndarray, end: float | int) -> np.ndarray:
    """The mean of the image and of its enlargements by 1, 1.01, 1.02, ... up to an end."""
    del rng
    factors = np.arange(1, end, 0.01)
    return (pixels + sum(zoomed(pixels, factor) for factor in factors)) / (len(factors) + 1)
