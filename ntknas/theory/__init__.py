"""The theory of robust neural tangent kernel bounds, tested on fully connected networks."""

from ntknas.rooms import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
