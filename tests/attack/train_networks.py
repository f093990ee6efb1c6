"""Trains the three small networks of `networks.npz`, which tests of attacks and of evaluations use.

Run from the repository's root: python -m tests.attack.train_networks PATH_OF_CIFAR10_SUBSET_NPZ.
Training is PyTorch's, on the images of the file: one network on clean images, two on images of
FGSM with a random start (Wong et al., Fast is better than free, ICLR 2020).
"""

import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from ntknas.spaces.nasbench201 import Architecture
from tests.network.reference import Normalised, to_torch, torch_network

CHANNELS, STEPS, BATCH = 6, 1500, 64
FILE = Path(__file__).with_name("networks.npz")


class Recipe(NamedTuple):
    """An architecture, and the radius that it is trained at."""

    code: str
    rho: float


RECIPES = {
    "standard": Recipe("324131", 0.0),
    "robust": Recipe("333123", 4 / 255),
    "more_robust": Recipe("221421", 8 / 255),
}


def perturbed(model, images, labels, rho: float):
    """FGSM of 1.25 rho from a random start in the ball."""
    start = images + (2 * torch.rand_like(images) - 1) * rho
    start.requires_grad_()
    (gradient,) = torch.autograd.grad(cross_entropy(model(start), labels), start)
    change = start.detach() + 1.25 * rho * gradient.sign() - images
    return (images + change.clamp(-rho, rho)).clamp(0, 1)


def trained(recipe: Recipe, images, labels):
    """The state_dict of a network after SGD with momentum on a one-cycle schedule."""
    network = torch_network(Architecture.from_code(recipe.code), channels=CHANNELS, cells=1)
    model = Normalised(network)
    optimiser = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 0.1, total_steps=STEPS)
    network.train()
    for _ in range(STEPS):
        chosen = torch.randint(len(images), (BATCH,))
        x, y = images[chosen], labels[chosen]
        if recipe.rho:
            x = perturbed(model, x, y, recipe.rho)
        optimiser.zero_grad()
        cross_entropy(model(x), y).backward()
        optimiser.step()
        schedule.step()
    return network.state_dict()


def main(path: str) -> None:
    """Train all networks and write their weights, in half precision."""
    torch.set_num_threads(1)
    data = np.load(path)
    images = to_torch(data["x_train"] / 255)
    labels = torch.tensor(data["y_train"].astype(int))
    weights: dict[str, Any] = {}
    for name, recipe in RECIPES.items():
        state = trained(recipe, images, labels)
        state = {k: v for k, v in state.items() if not k.endswith("num_batches_tracked")}
        weights |= {f"{name}/{key}": value.half().numpy() for key, value in state.items()}
    np.savez_compressed(FILE, **weights)


if __name__ == "__main__":
    main(sys.argv[1])
