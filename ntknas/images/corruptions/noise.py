"""Noise: Gaussian, of photons (shot), and of broken pixels (impulse)."""

import numpy as np

__all__ = ["gaussian_noise", "impulse_noise", "shot_noise"]


def gaussian_noise(rng: np.random.Generator, pixels: np.ndarray, scale: float | int) -> np.ndarray:
    """Normal noise of a standard deviation, in [0, 1] pixel units."""
    return pixels + scale * rng.normal(size=pixels.shape)


def shot_noise(rng: np.random.Generator, pixels: np.ndarray, photons: float | int) -> np.ndarray:
    """Poisson noise, with a number of photons for a white pixel."""
    return rng.poisson(pixels * photons) / photons


def impulse_noise(rng: np.random.Generator, pixels: np.ndarray, share: float | int) -> np.ndarray:
    """A share of the values becomes 0 or 1, each half of the time."""
    broken = rng.uniform(size=pixels.shape) < share
    salt = rng.uniform(size=pixels.shape) < 0.5
    return np.where(broken, salt, pixels)
