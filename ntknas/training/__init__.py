"""Training: the benchmark's recipe with checkpoints, and the theory's SGD on the same loss."""

from ntknas.rooms import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
