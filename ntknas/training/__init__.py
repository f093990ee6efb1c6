"""Training: the benchmark's recipe with checkpoints, and the theory's SGD on the same loss."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
