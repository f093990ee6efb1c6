"""Evaluation of runs: rankings, correlations, comparisons, and the search for a ranking."""

from ntknas.rooms import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
