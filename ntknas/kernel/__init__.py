"""Neural tangent kernels: Jacobians, products layer by layer, joint Gram matrices, mixing."""

from ntknas.rooms import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
