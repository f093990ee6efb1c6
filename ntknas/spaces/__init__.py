"""Search spaces: their architectures, the names of architectures, and how to list them.

This subpackage needs only NumPy and the standard library. A network is built when it is first used.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
