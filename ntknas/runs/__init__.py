"""Runs: settings, storage and reading of runs, and the precomputed table. JAX is not needed."""

from ntknas.rooms import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
