"""The PyTorch network of the package xautodl, the oracle of the network and of its gradients."""

import numpy as np
import torch
from numpy.typing import ArrayLike
from xautodl.models import CellStructure
from xautodl.models.cell_infers.tiny_network import TinyNetwork

from ntknas.spaces.nasbench201 import Architecture

MEAN = (125.3 / 255, 123.0 / 255, 113.9 / 255)
STD = (63.0 / 255, 62.1 / 255, 66.7 / 255)


def torch_network(
    architecture: Architecture, *, channels=16, cells=5, classes=10, seed=0, dtype=torch.float32
) -> TinyNetwork:
    """Randomly initialised, with running statistics, scales and biases away from their start."""
    torch.manual_seed(seed)
    structure = CellStructure.str2structure(architecture.string)
    network = TinyNetwork(channels, cells, structure, classes)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.uniform_(module.bias, -0.5, 0.5)
            torch.nn.init.uniform_(module.running_mean, -0.2, 0.2)
            torch.nn.init.uniform_(module.running_var, 0.5, 1.5)
    return network.to(dtype)


class Normalised(torch.nn.Module):
    """Images in [0, 1] to logits."""

    def __init__(self, network: TinyNetwork):
        super().__init__()
        self.network = network

    def forward(self, images):
        """Logits [N, K] of images [N, C, H, W]."""
        mean, std = (torch.tensor(v, dtype=images.dtype)[None, :, None, None] for v in (MEAN, STD))
        return self.network((images - mean) / std)[1]


def to_torch(images: ArrayLike, dtype=torch.float32) -> torch.Tensor:
    """[N, H, W, C] to [N, C, H, W]."""
    return torch.tensor(np.asarray(images).transpose(0, 3, 1, 2), dtype=dtype)


def to_numpy(images: torch.Tensor) -> np.ndarray:
    """[N, C, H, W] to [N, H, W, C]."""
    return images.detach().numpy().transpose(0, 2, 3, 1)
