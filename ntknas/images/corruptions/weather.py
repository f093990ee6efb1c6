"""Weather: snow, frost and fog."""

from typing import Any

import numpy as np

from ntknas.images.corruptions.blur import moved, zoomed

__all__ = ["fog", "frost", "plasma", "snow"]

_GREY = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601, of red, green and blue


def plasma(rng: np.random.Generator, count: int, size: int, decay: float | int) -> np.ndarray:
    """Random clouds [n, s, s] in [0, 1], by the diamond-square algorithm on a torus.

    Args:
        rng: Source of randomness.
        count: Number of maps.
        size: Height and width, a power of two.
        decay: Factor by which the noise falls from scale to scale. As in the released program,
            the noise is uniform within the square of a number that starts at 100.
    """
    height = np.zeros((count, size, size))
    noise, step = 100.0, size

    def rough(total):
        return total / 4 + noise * rng.uniform(-noise, noise, total.shape)

    while step >= 2:
        half = step // 2
        corners = height[:, ::step, ::step]
        rows = corners + np.roll(corners, -1, 1)
        height[:, half::step, half::step] = rough(rows + np.roll(rows, -1, 2))
        middles, corners = height[:, half::step, half::step], height[:, ::step, ::step]
        above = middles + np.roll(middles, 1, 1) + corners + np.roll(corners, -1, 2)
        height[:, ::step, half::step] = rough(above)
        beside = middles + np.roll(middles, 1, 2) + corners + np.roll(corners, -1, 1)
        height[:, half::step, ::step] = rough(beside)
        step, noise = half, noise / decay
    height -= height.min((1, 2), keepdims=True)
    return height / height.max((1, 2), keepdims=True)


def _clouds(rng: np.random.Generator, pixels: np.ndarray, decay: float | int) -> np.ndarray:
    """Clouds [n, h, w, 1] for images of any size."""
    count, height, width = pixels.shape[:3]
    size = 2 ** int(np.ceil(np.log2(max(height, width))))
    return plasma(rng, count, size, decay)[:, :height, :width, None]


def fog(rng: np.random.Generator, pixels: np.ndarray, parameters: tuple[Any, ...]) -> np.ndarray:
    """Clouds of a weight are added, and the brightest pixel stays what it was."""
    weight, decay = parameters
    brightest = pixels.max((1, 2, 3), keepdims=True)
    return (pixels + weight * _clouds(rng, pixels, decay)) * brightest / (brightest + weight)


def frost(rng: np.random.Generator, pixels: np.ndarray, parameters: tuple[Any, ...]) -> np.ndarray:
    """The image and a frosted pane, with a weight for each.

    CIFAR-10-C cuts the pane out of photographs. Here it is drawn: ridges of two clouds, which are
    sharp as crystals are, bluish white, brighter where a third cloud is thick.
    """
    image_weight, frost_weight = parameters
    ridges = [1 - np.abs(2 * _clouds(rng, pixels, 1.6) - 1) for _ in range(2)]
    crystals = np.maximum(*ridges) ** 3
    pane = np.clip(0.25 + 0.55 * crystals + 0.3 * (_clouds(rng, pixels, 3) - 0.5), 0, 1)
    return image_weight * pixels + frost_weight * pane * np.array([0.86, 0.95, 1.0])


def snow(rng: np.random.Generator, pixels: np.ndarray, parameters: tuple[Any, ...]) -> np.ndarray:
    """Flakes that fall, on a whitened image.

    Normal noise is enlarged and cut off below a threshold, and moves at -135 to -45 degrees. The
    layer is added twice, the second time turned by 180 degrees.
    """
    mean, deviation, factor, threshold, radius, sigma, clearness = parameters
    layer = rng.normal(mean, deviation, size=(*pixels.shape[:3], 1))
    layer = zoomed(layer, factor)
    layer = np.floor(np.clip(np.where(layer < threshold, 0, layer), 0, 1) * 255) / 255
    layer = moved(layer, radius, sigma, rng.uniform(-135, -45, size=len(pixels)))
    white = np.maximum(pixels, (pixels @ _GREY)[..., None] * 1.5 + 0.5)
    image = clearness * pixels + (1 - clearness) * white
    return image + layer + layer[:, ::-1, ::-1]
