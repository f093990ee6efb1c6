"""The trained networks of `networks.npz`, in PyTorch and here, and images that they get right."""

from functools import cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import torch

from ntknas.network import Network, load_torch_weights
from ntknas.spaces.nasbench201 import Architecture
from tests.attack.train_networks import CHANNELS, FILE, RECIPES
from tests.network.reference import Normalised, torch_network

NAMES = tuple(RECIPES)


class Trained(NamedTuple):
    """One network.

    `apply_fn` is the same function for all networks of an architecture, so that programs are kept.
    """

    architecture: Architecture
    apply_fn: Any
    variables: Any
    oracle: torch.nn.Module
    state: dict[str, torch.Tensor]


@cache
def trained(name: str, dtype=torch.float32) -> Trained:
    """A network by name, in evaluation mode."""
    architecture = Architecture.from_code(RECIPES[name].code)
    with np.load(FILE) as file:
        arrays = {k.partition("/")[2]: file[k] for k in file.files if k.startswith(f"{name}/")}
    state = {key: torch.tensor(value).to(dtype) for key, value in arrays.items()}
    network = torch_network(architecture, channels=CHANNELS, cells=1, dtype=dtype)
    network.load_state_dict(state, strict=False)
    loaded = load_torch_weights(state, architecture)
    module = Network(loaded.spec)

    def apply_fn(variables, images):
        return module.apply(variables, images, architecture.ops)

    oracle = Normalised(network).eval()
    variables = jax.tree.map(jnp.asarray, loaded.variables)
    return Trained(architecture, apply_fn, variables, oracle, state)


def labelled_images(path, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The first test images of the CIFAR-10 file, and their labels."""
    with np.load(path) as data:
        images = (data["x_test"][:count] / 255).astype(np.float32)
        return images, data["y_test"][:count].astype(int)


def logits_fn(network: Trained):
    """The network as a function of images."""
    return lambda images: network.apply_fn(network.variables, jnp.asarray(images))
