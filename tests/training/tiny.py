"""A training that takes seconds: one convolution per cell, few small images, two epochs."""

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from ntknas.attack import AttackSpec
from ntknas.images import ImageSet
from ntknas.layers import Norm
from ntknas.network import NetworkSpec
from ntknas.spaces.nasbench201 import Architecture
from ntknas.training import Recipe, train_architectures

__all__ = ["CHEAP", "NETWORK", "QUICK", "RECIPE", "SKIP", "images", "train"]

CHEAP = Architecture.from_code("000200")
SKIP = Architecture.from_code("000100")
NETWORK = NetworkSpec(channels=4, cells=1, classes=120, image_size=16, norm=Norm.FROZEN)
RECIPE = Recipe(
    epochs=3, batch_size=8, attack=AttackSpec(steps=1, step_size=4 / 255), learning_rate=0.05
)
QUICK = replace(RECIPE, epochs=1, batch_size=20)  # one size of a batch to compile


@cache
def images(count=20, seed=0):
    """Bright images of class 1 and dark ones of class 0, of the smallest data set."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    pixels = rng.integers(0, 128, (count, 16, 16, 3)) + 127 * labels[:, None, None, None]
    return ImageSet(
        "imagenet16", pixels.astype(np.uint8), labels, np.arange(count), f"made here {seed}"
    )


def train(out, architectures=(CHEAP,), **options):
    """The results of a folder after these trainings."""
    settings: dict[str, Any] = {"recipe": QUICK, "network": NETWORK, "images": images()}
    settings |= {"test": images(30, 5), **options}
    return train_architectures(list(architectures), out=out, **settings)
