"""Adversarial attacks A_rho(x) on images in pixel space."""

from ntknas.rooms import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
