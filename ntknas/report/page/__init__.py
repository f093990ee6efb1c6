"""The report of runs as one web page that needs nothing else: `write_page`."""

from ntknas.rooms import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
