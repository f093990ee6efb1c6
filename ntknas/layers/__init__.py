"""Layers of convolutional networks: values and adjoints that are fast on every back end."""

from ntknas.rooms import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
