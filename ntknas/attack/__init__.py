"""Adversarial attacks A_rho(x) on images in pixel space."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
