"""What an architecture computes, PyTorch weights, fully connected networks of the theory."""

from ntknas.network.fully_connected import (
    Activation,
    FullyConnected,
    FullyConnectedSpec,
    Parametrisation,
    Variances,
    unit_inputs,
)
from ntknas.network.initialisation import initial_variables
from ntknas.network.skeleton import Network
from ntknas.network.spec import Init, NetworkSpec, Norm
from ntknas.network.torch_weights import LoadedWeights, load_torch_weights

__all__ = [
    "Activation",
    "FullyConnected",
    "FullyConnectedSpec",
    "Init",
    "LoadedWeights",
    "Network",
    "NetworkSpec",
    "Norm",
    "Parametrisation",
    "Variances",
    "initial_variables",
    "load_torch_weights",
    "unit_inputs",
]
