"""Layers of convolutional networks: values and adjoints that are fast on every back end."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
