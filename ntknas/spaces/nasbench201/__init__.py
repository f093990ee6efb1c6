"""NAS-Bench-201: names, classes, layers, neighbours and lists of its cells."""

from ntknas.rooms import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
