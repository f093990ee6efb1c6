"""Scores into rankings, and rankings against published accuracies, with intervals.

Inputs are plain data: a frame of scores (index: labels of architectures, one column per score), a
mapping from score names to directions (+1 higher is better, -1 lower is better), and a tidy frame
of published accuracies. The room depends on no other room.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
