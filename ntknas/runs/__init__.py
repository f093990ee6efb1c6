"""Runs: their settings, their store, reading them back, the precomputed table. Needs no JAX."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
