"""The NAS-Bench-201 network: operations of cells, initial weights, PyTorch checkpoints."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
