"""From a kernel to a number, in NumPy; and the names of those numbers, as values."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
