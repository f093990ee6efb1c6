"""The theory of robust neural tangent kernel bounds, tested on fully connected networks."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
