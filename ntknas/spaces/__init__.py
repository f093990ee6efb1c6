"""Search spaces: their architectures, the names of architectures, and how to list them.

This subpackage needs only NumPy and the standard library. A network is built when it is first used.
"""

from ntknas.rooms import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
