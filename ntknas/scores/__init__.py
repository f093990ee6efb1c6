"""Scores: numbers computed from a kernel, in NumPy, and the names of scores."""

from ntknas.rooms import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
