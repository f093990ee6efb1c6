"""Published accuracies: NAS-RobBench-201, Jung et al. 2023, and tables of your own."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
