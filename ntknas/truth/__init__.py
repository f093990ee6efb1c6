"""Published accuracies: NAS-RobBench-201, Jung et al. 2023, and tables of your own."""

from ntknas.rooms import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
