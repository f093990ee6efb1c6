"""Search algorithms over any space: ask for architectures, tell their values."""

from ntknas.rooms import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
