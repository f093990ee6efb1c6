"""The NAS-Bench-201 network: operations of cells, initial weights, PyTorch checkpoints."""

from ntknas.rooms import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
