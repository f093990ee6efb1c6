"""`KernelStack`: a stack of kernels with the quantities that several scores share.

Each quantity is computed once. Rounding in the kernel (usually float32) makes eigenvalues below
`floor = n epsilon lambda_max` meaningless; such a kernel is numerically singular. Its lambda_min is
0 by definition. Scores that divide by an eigenvalue or take its logarithm use the floor instead, so
that every score is finite.
"""

from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Int

from ntknas.errors import InputError

__all__ = ["KernelStack", "floored"]

# Lower limit of the floor: the floor of an all-zero kernel would be 0 otherwise.
_TINY = float(np.finfo(np.float32).tiny)

Values = Float[np.ndarray, "*s n"]


class KernelStack:
    """Kernels of one batch of images, in float64.

    Attributes:
        kernels: Symmetric positive semi-definite matrices `[..., n, n]`; a matrix that is not
            finite is replaced by zeros.
        labels: Classes of the n images.
        epsilon: Machine epsilon of the arithmetic that made the kernels.
        finite: Whether each matrix is finite `[...]`.
        layer_cosine: The layer cosine kernels `[..., n, n]` of the same networks as a stack of
            their own (`ntknas.kernel.parts`); None if they are not known.

    Raises:
        InputError: If the matrices are not square, are empty, or do not match the labels.

    Example:
        >>> stack = KernelStack(np.diag([1.0, 4.0]), np.array([0, 1]), epsilon=1e-7)
        >>> stack.eigenvalues, float(stack.lambda_min)
        (array([1., 4.]), 1.0)
    """

    def __init__(
        self,
        kernels: Float[np.ndarray, "*s n n"],
        labels: Int[np.ndarray, " n"],
        *,
        epsilon: float,
        layer_cosine: Float[np.ndarray, "*s n n"] | None = None,
    ):
        kernels = np.asarray(kernels, np.float64)
        n = len(labels)
        if n == 0:
            raise InputError("expected kernels of at least one image, got none")
        if kernels.shape[-2:] != (n, n):
            raise InputError(
                f"expected kernels [..., {n}, {n}] for {n} labels, got {kernels.shape}"
            )
        self.labels = labels
        self.epsilon = epsilon
        self.finite: Bool[np.ndarray, "*s"] = np.asarray(np.isfinite(kernels).all((-2, -1)))
        self.kernels = np.where(self.finite[..., None, None], kernels, 0.0)
        self.layer_cosine: KernelStack | None = None
        if layer_cosine is not None:
            self.layer_cosine = KernelStack(layer_cosine, labels, epsilon=epsilon)

    @cached_property
    def eigenvalues(self) -> Values:
        """The eigenvalues in ascending order, as they were computed."""
        return np.linalg.eigvalsh(self.kernels)

    @cached_property
    def floor(self) -> Float[np.ndarray, "*s"]:
        """The size that rounding can give an eigenvalue that is 0."""
        return _floor(self.eigenvalues, self.epsilon)

    @cached_property
    def positive(self) -> Values:
        """The eigenvalues, raised to the floor."""
        return np.maximum(self.eigenvalues, self.floor[..., None])

    @cached_property
    def lambda_min(self) -> Float[np.ndarray, "*s"]:
        """The smallest eigenvalue; 0 if it is within rounding of 0."""
        return np.where(self.eigenvalues[..., 0] > self.floor, self.eigenvalues[..., 0], 0.0)

    @cached_property
    def lambda_max(self) -> Float[np.ndarray, "*s"]:
        """The largest eigenvalue."""
        return np.asarray(np.maximum(self.eigenvalues[..., -1], 0.0))

    @cached_property
    def cosine(self) -> "KernelStack":
        """The kernels K_ij / sqrt(K_ii K_jj) with unit diagonal; zero gradients stay zero."""
        norms = np.sqrt(np.clip(np.diagonal(self.kernels, axis1=-2, axis2=-1), 0, None))
        inverse = np.divide(1.0, norms, out=np.zeros_like(norms), where=norms > 0)
        unit = self.kernels * inverse[..., :, None] * inverse[..., None, :]
        return KernelStack(unit, self.labels, epsilon=self.epsilon)


def floored(values: Values, epsilon: float) -> Values:
    """Eigenvalues raised to the size that rounding can give an eigenvalue that is 0.

    Args:
        values: Eigenvalues in ascending order.
        epsilon: Machine epsilon of the arithmetic that made the kernel.
    """
    return np.maximum(values, _floor(values, epsilon)[..., None])


def _floor(values: Values, epsilon: float) -> Float[np.ndarray, "*s"]:
    """The size that rounding can give an eigenvalue that is 0: n epsilon lambda_max."""
    rounding = values.shape[-1] * epsilon * np.maximum(values[..., -1], 0.0)
    return np.asarray(np.maximum(rounding, _TINY))
