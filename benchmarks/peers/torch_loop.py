"""The published tools' way to a batch-statistics kernel: one PyTorch backward pass per image."""

from collections.abc import Callable

import numpy as np
import torch

from benchmarks.peers.weights import initial_network
from ntknas.images import ScoringBatch
from ntknas.runs import ScoringSpec
from ntknas.spaces.nasbench201 import Architecture

__all__ = ["clean_kernel", "competitor", "to_torch"]


def competitor(spec: ScoringSpec, batch: ScoringBatch) -> Callable[[int], Callable[[], np.ndarray]]:
    """A function from an architecture's id to a callable that computes its kernel.

    Args:
        spec: Settings of the run.
        batch: Images of seed 0.
    """
    pixels = to_torch(batch)

    def prepare(index: int) -> Callable[[], np.ndarray]:
        model = initial_network(Architecture.from_id(index), spec.cell_network, 0)
        return lambda: clean_kernel(model, pixels)

    return prepare


def to_torch(batch: ScoringBatch) -> torch.Tensor:
    """Standardised images [n, 3, h, w]."""
    pixels = torch.tensor((batch.pixels - batch.mean) / batch.std)
    return pixels.permute(0, 3, 1, 2).contiguous()


def clean_kernel(model: torch.nn.Module, pixels: torch.Tensor) -> np.ndarray:
    """Gram matrix [n, n] of the gradients of each image's sum of logits.

    Args:
        model: Network in training mode, whose batch statistics couple the images.
        pixels: Standardised images [n, 3, h, w].
    """
    logits = model(pixels)[1]
    rows = []
    for i in range(len(pixels)):
        model.zero_grad()
        logits[i].sum().backward(retain_graph=True)
        gradients = [p.grad.reshape(-1) for p in model.parameters() if p.grad is not None]
        rows.append(torch.cat(gradients))
    jacobian = torch.stack(rows)
    return (jacobian @ jacobian.T).cpu().numpy()
