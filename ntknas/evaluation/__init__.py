"""Evaluation of runs: rankings, correlations, comparisons, and the search for a ranking."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
