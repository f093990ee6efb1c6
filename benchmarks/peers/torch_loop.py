"""The published tools' way to a batch-statistics kernel: PyTorch, one backward pass an image."""

import numpy as np
import torch
from xautodl.models import CellStructure
from xautodl.models.cell_infers.tiny_network import TinyNetwork

import ntknas

__all__ = ["clean_kernel", "network"]


def network(architecture: ntknas.Architecture, spec: ntknas.NetworkSpec) -> TinyNetwork:
    """The network of the package xautodl at PyTorch's initialisation, in training mode."""
    structure = CellStructure.str2structure(architecture.string)
    return TinyNetwork(spec.channels, spec.cells, structure, spec.classes).train()


def clean_kernel(model: TinyNetwork, pixels: torch.Tensor) -> np.ndarray:
    """Gram matrix [n, n] of the gradients of each image's sum of logits.

    Args:
      model: in training mode, so that the images are coupled by their batch statistics.
      pixels: standardised images [n, 3, h, w].
    """
    logits = model(pixels)[1]
    rows = []
    for i in range(len(pixels)):
        model.zero_grad()
        logits[i].sum().backward(retain_graph=True)
        gradients = [p.grad.reshape(-1) for p in model.parameters() if p.grad is not None]
        rows.append(torch.cat(gradients))
    jacobian = torch.stack(rows)
    return (jacobian @ jacobian.T).numpy()
