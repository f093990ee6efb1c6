"""NAS-Bench-201: names, classes, layers, neighbours and lists of its cells."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
