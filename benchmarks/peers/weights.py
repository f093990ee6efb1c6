"""The initial weights of ntknas, put into the PyTorch network of the package xautodl.

The reader of PyTorch checkpoints says which number goes where: it reads a network whose entries
are their own positions.
"""

from dataclasses import replace
from typing import Any

import jax
import numpy as np
import torch
from xautodl.models import CellStructure
from xautodl.models.cell_infers.tiny_network import TinyNetwork

from ntknas.layers import Norm
from ntknas.network import NetworkSpec, initial_variables, load_torch_weights
from ntknas.spaces.nasbench201 import Architecture

__all__ = ["initial_network", "network_of"]


def initial_network(architecture: Architecture, spec: NetworkSpec, seed: int) -> TinyNetwork:
    """The PyTorch network with the weights that ntknas draws.

    Args:
        architecture: The cell. The network has all of its operations, also those on dead edges.
        spec: Width, cells, classes and initialisation.
        seed: Seed of the draws.

    Returns:
        The network in training mode, float32.
    """
    frozen = replace(spec, norm=Norm.FROZEN)  # running statistics must exist
    return network_of(architecture, spec, initial_variables(frozen, seed, architecture.ops))


def network_of(
    architecture: Architecture, spec: NetworkSpec, variables: dict[str, Any]
) -> TinyNetwork:
    """The PyTorch network with given weights.

    Args:
        architecture: The cell. The network has all of its operations, also those on dead edges.
        spec: Width, cells and classes.
        variables: Variables of the architecture's own operations, with running statistics.

    Returns:
        The network in training mode, float32.
    """
    structure = CellStructure.str2structure(architecture.string)
    network = TinyNetwork(spec.channels, spec.cells, structure, spec.classes)
    state = network.state_dict()
    ends = np.cumsum([tensor.numel() for tensor in state.values()])
    positions = {
        name: np.arange(end - tensor.numel(), end, dtype=np.float64).reshape(tensor.shape)
        for (name, tensor), end in zip(state.items(), ends, strict=True)
    }
    places = load_torch_weights(
        positions,
        architecture,
        mean=(0.0, 0.0, 0.0),
        std=(1.0, 1.0, 1.0),  # weights alone matter
    ).variables
    flat = np.zeros(ends[-1], np.float32)

    def put(place, value):
        flat[place.astype(int)] = value

    jax.tree.map(put, places, variables)
    pieces = np.split(flat, ends[:-1])
    network.load_state_dict(
        {
            name: torch.tensor(piece.reshape(tensor.shape)).to(tensor.dtype)
            for (name, tensor), piece in zip(state.items(), pieces, strict=True)
        }
    )
    return network.train()
