"""Published files by name: what they are, where they lie on this machine, how they are fetched."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
