"""Scores: numbers computed from a kernel, in NumPy, and the names of scores."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
