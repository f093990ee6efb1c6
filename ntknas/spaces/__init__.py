"""Search spaces: what an architecture is, under all of its names.

NumPy and the standard library only; nothing is built until it is asked for.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
