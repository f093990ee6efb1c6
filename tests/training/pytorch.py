"""PyTorch's training on the network of the package xautodl: the oracle of ours."""

import numpy as np
import torch
from torch.nn import functional

from tests.network.reference import Normalised, to_torch

__all__ = ["pgd", "torch_steps"]


def pgd(network, images, labels, *, rho, step_size, steps):
    """PGD in `eval()` without a random start."""
    network.eval()
    attacked = images.clone()
    for _ in range(steps):
        attacked.requires_grad_()
        loss = functional.cross_entropy(network(attacked), labels, reduction="sum")
        gradient = torch.autograd.grad(loss, attacked)[0]
        moved = attacked.detach() + step_size * gradient.sign()
        attacked = torch.clamp(images + torch.clamp(moved - images, -rho, rho), 0, 1)
    return attacked.detach()


def torch_steps(network, batches, recipe, *, dtype):
    """Losses and the state_dict after one epoch of SGD under OneCycleLR.

    Args:
        network: The network of xautodl, which is changed.
        batches: Images [n, h, w, c] and labels of every step.
        recipe: An `ntknas.training.Recipe`; its attack starts at the images.
        dtype: Type of the arithmetic.
    """
    model = Normalised(network)
    optimiser = torch.optim.SGD(
        network.parameters(), lr=0.1, momentum=recipe.momentum, weight_decay=recipe.weight_decay
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser,
        recipe.learning_rate,
        total_steps=recipe.epochs * len(batches),
        cycle_momentum=False,
    )
    losses = []
    for images, labels in batches:
        images, labels = to_torch(images, dtype), torch.tensor(np.asarray(labels)).long()
        loss = torch.zeros((), dtype=dtype)
        terms = [(1 - recipe.beta, images)] if recipe.beta < 1 else []
        if recipe.beta:
            settings = {"step_size": recipe.attack.step_size, "steps": recipe.attack.steps}
            attacked = pgd(model, images, labels, rho=recipe.rho, **settings)
            terms.append((recipe.beta, attacked))
        model.train()
        for weight, term in terms:
            loss = loss + weight * functional.cross_entropy(model(term), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        losses.append(loss.item())
    return losses, network.state_dict()
