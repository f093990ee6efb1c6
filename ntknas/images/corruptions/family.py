"""`corrupt`, the registry of corruptions, and the table of their published parameters."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Protocol, runtime_checkable
from zlib import crc32

import numpy as np
from jaxtyping import Float, UInt8

from ntknas.errors import InputError
from ntknas.registry import Registry

__all__ = ["CORRUPTIONS", "SEVERITIES", "Corruption", "corrupt"]


@runtime_checkable
class Corruption(Protocol):
    """A member of `CORRUPTIONS`."""

    def __call__(
        self, rng: np.random.Generator, pixels: Float[np.ndarray, "n h w 3"], parameters: Any
    ) -> Float[np.ndarray, "n h w 3"]:
        """The corrupted pixels in [0, 1], up to rounding; every image has draws of its own."""
        ...


_PLACE = "ntknas.images.corruptions"
CORRUPTIONS: Registry[Any] = Registry(
    "corruption",
    {
        "gaussian_noise": f"{_PLACE}.noise:gaussian_noise",
        "shot_noise": f"{_PLACE}.noise:shot_noise",
        "impulse_noise": f"{_PLACE}.noise:impulse_noise",
        "defocus_blur": f"{_PLACE}.blur:defocus_blur",
        "glass_blur": f"{_PLACE}.blur:glass_blur",
        "motion_blur": f"{_PLACE}.blur:motion_blur",
        "zoom_blur": f"{_PLACE}.blur:zoom_blur",
        "snow": f"{_PLACE}.weather:snow",
        "frost": f"{_PLACE}.weather:frost",
        "fog": f"{_PLACE}.weather:fog",
        "brightness": f"{_PLACE}.digital:brightness",
        "contrast": f"{_PLACE}.digital:contrast",
        "elastic_transform": f"{_PLACE}.digital:elastic_transform",
        "pixelate": f"{_PLACE}.digital:pixelate",
        "jpeg_compression": f"{_PLACE}.digital:jpeg_compression",
    },
)
"""Corruptions by the name of their file in CIFAR-10-C, in its order."""

SEVERITIES: Mapping[str, tuple] = MappingProxyType(
    {
        "gaussian_noise": (0.04, 0.06, 0.08, 0.09, 0.10),
        "shot_noise": (500, 250, 100, 75, 50),
        "impulse_noise": (0.01, 0.02, 0.03, 0.05, 0.07),
        "defocus_blur": ((0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1, 0.2), (1.5, 0.1)),
        "glass_blur": ((0.05, 1, 1), (0.25, 1, 1), (0.4, 1, 1), (0.25, 1, 2), (0.4, 1, 2)),
        "motion_blur": ((6, 1), (6, 1.5), (6, 2), (8, 2), (9, 2.5)),
        "zoom_blur": (1.06, 1.11, 1.16, 1.21, 1.26),
        "snow": (
            (0.1, 0.2, 1, 0.6, 8, 3, 0.95),
            (0.1, 0.2, 1, 0.5, 10, 4, 0.9),
            (0.15, 0.3, 1.75, 0.55, 10, 4, 0.9),
            (0.25, 0.3, 2.25, 0.6, 12, 6, 0.85),
            (0.3, 0.3, 1.25, 0.65, 14, 12, 0.8),
        ),
        "frost": ((1, 0.2), (1, 0.3), (0.9, 0.4), (0.85, 0.4), (0.75, 0.45)),
        "fog": ((0.2, 3), (0.5, 3), (0.75, 2.5), (1, 2), (1.5, 1.75)),
        "brightness": (0.05, 0.1, 0.15, 0.2, 0.3),
        "contrast": (0.75, 0.5, 0.4, 0.3, 0.15),
        "elastic_transform": (
            (0, 0, 0.08),
            (0.05, 0.2, 0.07),
            (0.08, 0.06, 0.06),
            (0.1, 0.04, 0.05),
            (0.1, 0.03, 0.03),
        ),
        "pixelate": (0.95, 0.9, 0.85, 0.75, 0.65),
        "jpeg_compression": (80, 65, 58, 50, 40),
    }
)
"""Parameters of each corruption at the severities 1 to 5 (Hendrycks & Dietterich, for CIFAR)."""


def corrupt(
    pixels: np.ndarray, name: str, severity: int, *, seed: int = 0
) -> UInt8[np.ndarray, "n h h 3"]:
    """Corrupted images.

    Args:
        pixels: Square images, uint8 [n, h, h, 3].
        name: Name of the corruption, one of `CORRUPTIONS`.
        severity: Severity from 1 to 5.
        seed: Seed of the draws. Corruptions and severities draw independently.

    Returns:
        Images in 0..255. Fractions are cut off, as in CIFAR-10-C.

    Raises:
        InputError: For an unknown name, a severity outside 1..5, or other pixels.

    Example:
        >>> grey = np.full((1, 32, 32, 3), 100, np.uint8)
        >>> int(corrupt(grey, "brightness", 5)[0, 0, 0, 0])
        176
    """
    run = CORRUPTIONS[name]
    if isinstance(severity, bool) or severity not in range(1, 6):
        raise InputError(f"expected a severity from 1 to 5, got {severity}")
    if (
        pixels.dtype != np.uint8
        or pixels.ndim != 4
        or pixels.shape[1:] != (pixels.shape[1],) * 2 + (3,)
    ):
        raise InputError(
            f"expected uint8 images [n, h, h, 3], got {pixels.dtype} {list(pixels.shape)}"
        )
    if name not in SEVERITIES:
        parameters: Any = severity  # a corruption of your own reads the severity itself
    else:
        parameters = SEVERITIES[name][severity - 1]
    rng = np.random.default_rng([seed, crc32(name.encode()), severity])
    found = run(rng, pixels.astype(np.float64) / 255, parameters)
    # Whole numbers that rounding moved down stay whole.
    return np.floor(np.clip(found, 0, 1) * 255 + 1e-6).astype(np.uint8)
