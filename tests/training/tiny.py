"""A training that takes seconds: one convolution per cell, few small images, two epochs."""

from functools import cache

import numpy as np

from ntknas.attack import AttackSpec
from ntknas.images import ImageSet
from ntknas.layers import Norm
from ntknas.network import NetworkSpec
from ntknas.spaces.nasbench201 import Architecture
from ntknas.training import Recipe

__all__ = ["CHEAP", "NETWORK", "RECIPE", "images"]

CHEAP = Architecture.from_code("000200")
NETWORK = NetworkSpec(channels=4, cells=1, classes=120, image_size=16, norm=Norm.FROZEN)
RECIPE = Recipe(
    epochs=3, batch_size=8, attack=AttackSpec(steps=1, step_size=4 / 255), learning_rate=0.05
)


@cache
def images(count=20, seed=0):
    """Bright images of class 1 and dark ones of class 0, of the smallest data set."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    pixels = rng.integers(0, 128, (count, 16, 16, 3)) + 127 * labels[:, None, None, None]
    return ImageSet(
        "imagenet16", pixels.astype(np.uint8), labels, np.arange(count), f"made here {seed}"
    )
