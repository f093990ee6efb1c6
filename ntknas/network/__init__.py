"""What an architecture computes: operations, cell, skeleton, normalisation, PyTorch weights."""

from ntknas.network.initialisation import initial_variables
from ntknas.network.skeleton import Network
from ntknas.network.spec import Init, NetworkSpec, Norm
from ntknas.network.torch_weights import LoadedWeights, load_torch_weights

__all__ = [
    "Init",
    "LoadedWeights",
    "Network",
    "NetworkSpec",
    "Norm",
    "initial_variables",
    "load_torch_weights",
]
