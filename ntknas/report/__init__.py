"""Output for readers: tables, progress and pictures."""

from ntknas.rooms import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
