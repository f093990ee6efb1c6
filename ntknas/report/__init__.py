"""Output for readers: tables, progress and pictures."""

import logging

from ntknas.rooms import attach

# The first picture on a machine would show a line about its fonts.
logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)

__getattr__, __dir__, __all__ = attach(__name__, __file__)
