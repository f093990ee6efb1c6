"""Rankings of architectures by scores, and how well scores agree with published accuracies.

Inputs are plain data: a frame of scores (index: labels of architectures, one column per score), a
mapping from score names to directions (+1 higher is better, -1 lower is better), and a tidy frame
of published accuracies. This subpackage depends on no other subpackage of ntknas.
"""

from ntknas.rooms import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
