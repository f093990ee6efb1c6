"""PyTorch's function transforms: `vmap(grad)` over images, each normalised by itself."""

from collections.abc import Callable

import numpy as np
import torch
from torch.func import functional_call, grad, vmap

from benchmarks.peers.torch_loop import to_torch
from benchmarks.peers.weights import initial_network
from ntknas.images import ScoringBatch
from ntknas.runs import ScoringSpec
from ntknas.spaces.nasbench201 import Architecture

__all__ = ["clean_kernel", "competitor", "normalise_by_image"]


def competitor(spec: ScoringSpec, batch: ScoringBatch) -> Callable[[int], Callable[[], np.ndarray]]:
    """A function from an architecture's id to a callable that computes its kernel.

    Args:
        spec: Settings of the run.
        batch: Images of seed 0.
    """
    pixels = to_torch(batch)

    def prepare(index: int) -> Callable[[], np.ndarray]:
        model = initial_network(Architecture.from_id(index), spec.cell_network, 0)
        normalise_by_image(model)
        return lambda: clean_kernel(model, pixels)

    return prepare


def normalise_by_image(model: torch.nn.Module) -> None:
    """Drop the running statistics, which `vmap` cannot update.

    Batch normalisation then uses the statistics of its input, which inside `vmap` is one image.
    """
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.track_running_stats = False
            module.running_mean = module.running_var = module.num_batches_tracked = None


def clean_kernel(model: torch.nn.Module, pixels: torch.Tensor) -> np.ndarray:
    """Gram matrix [n, n] of the gradients of each image's sum of logits.

    Args:
        model: Network after `normalise_by_image`.
        pixels: Standardised images [n, 3, h, w].
    """
    parameters = {name: p.detach() for name, p in model.named_parameters()}

    def output(parameters, image):
        return functional_call(model, parameters, (image[None],))[1].sum()

    gradients = vmap(grad(output), (None, 0))(parameters, pixels)
    jacobian = torch.cat([g.reshape(len(pixels), -1) for g in gradients.values()], 1)
    return (jacobian @ jacobian.T).cpu().numpy()
