"""What a run is worth: rankings, correlations, comparisons of runs, the search of a ranking."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
