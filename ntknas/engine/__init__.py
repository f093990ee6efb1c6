"""The engine that scores many architectures: sessions, programs, executors."""

from ntknas.rooms import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
