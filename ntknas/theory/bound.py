"""Generalisation bounds from kernels at initialisation, and Weyl's bounds on their eigenvalues.

With probability 1 - delta over initialisation and training images, the expected 0-1 error of a
network of depth L that is trained by SGD on N images with (1 - beta) clean + beta robust loss is

    clean   <=  O~( L^{3/2} sqrt(y^T K_all^{-1}  y / N) ) + O( sqrt(log(1/delta) / N) )
    robust  <=  O~( L^{3/2} sqrt(y^T K~_all^{-1} y / N) ) + O( sqrt(log(1/delta) / N) )

(Wu et al., ICLR 2024; for beta = 0 Cao & Gu, NeurIPS 2019, and Zhu et al., NeurIPS 2022). These are
orders of magnitude: constants and logarithms are not known. The numbers here therefore compare
networks, and do not predict the error of one network. y^T K^{-1} y <= y^T y / lambda_min(K) gives
the coarser form.
"""

from typing import NamedTuple

import numpy as np
import scipy.linalg
from jaxtyping import Float, Int

from ntknas.errors import InputError
from ntknas.kernel import JointGram, KernelName

__all__ = ["BoundTerms", "WeylBound", "bound_terms", "confidence_term", "weyl_bound"]


class BoundTerms(NamedTuple):
    """The data-dependent terms of a bound.

    Attributes:
        label_energy: The energy y^T K^{-1} y / N, for more than two classes its mean over classes.
        eigenvalue_form: Upper bound y^T y / (N lambda_min) = 1 / lambda_min of the label energy.
        order: Order L^{3/2} sqrt(label_energy) of the bound.
        eigenvalue_order: Order L^{3/2} sqrt(eigenvalue_form) of the coarser bound.
        lambda_min: Smallest eigenvalue of K + jitter I.
        lambda_max: Largest eigenvalue of K + jitter I.
        jitter: Number added to the diagonal of K; 0 unless K is singular within its rounding.
    """

    label_energy: float
    eigenvalue_form: float
    order: float
    eigenvalue_order: float
    lambda_min: float
    lambda_max: float
    jitter: float


def bound_terms(
    kernel: Float[np.ndarray, "n n"],
    labels: Int[np.ndarray, " m"],  # m = n is checked below, so that users get a readable error
    *,
    depth: int,
    epsilon: float,
) -> BoundTerms:
    """The terms of the bound of one kernel, by Cholesky factorisation in float64.

    An eigenvalue below the floor n epsilon lambda_max is rounding. If the smallest eigenvalue is
    below it, the jitter that lifts it to the floor is added to the diagonal and returned.

    Args:
        kernel: The kernel K, symmetric and positive semi-definite up to rounding.
        labels: Classes of the n images. Two classes give targets y = +-1. More classes give, for
            each class that occurs, y = +1 in it and y = -1 outside, and terms are means over them.
        depth: Depth L of the network.
        epsilon: Machine epsilon of the arithmetic that computed the kernel.

    Returns:
        The terms.

    Raises:
        InputError: For a kernel that is not finite, vanishes or does not fit the labels.

    Example:
        >>> terms = bound_terms(np.diag([1.0, 4.0]), np.array([0, 1]), depth=1, epsilon=1e-7)
        >>> terms.label_energy, terms.eigenvalue_form, terms.jitter
        (0.625, 1.0, 0.0)
    """
    n = len(labels)
    if kernel.shape != (n, n) or n == 0:
        raise InputError(f"expected a kernel [{n}, {n}] for {n} labels, got {kernel.shape}")
    if not np.isfinite(kernel).all() or not kernel.any():
        raise InputError("expected a kernel of finite numbers that are not all 0")
    if depth < 1:
        raise InputError(f"depth must be at least 1, got {depth}")
    values = np.linalg.eigvalsh(np.asarray(kernel, np.float64))
    floor = n * epsilon * values[-1]
    jitter = max(floor - values[0], 0.0)
    lambda_min = values[0] + jitter
    factor = scipy.linalg.cho_factor(kernel + jitter * np.eye(n), lower=True)
    classes = np.unique(labels)
    if len(classes) == 2:
        classes = classes[1:]
    targets = np.where(labels[:, None] == classes[None, :], 1.0, -1.0)
    energy = float((targets * scipy.linalg.cho_solve(factor, targets)).sum(0).mean() / n)
    scale = depth**1.5
    return BoundTerms(
        label_energy=energy,
        eigenvalue_form=float(1 / lambda_min),
        order=float(scale * np.sqrt(energy)),
        eigenvalue_order=float(scale / np.sqrt(lambda_min)),
        lambda_min=float(lambda_min),
        lambda_max=float(values[-1] + jitter),
        jitter=float(jitter),
    )


def confidence_term(num_images: int, *, delta: float = 0.05) -> float:
    """The order sqrt(log(1/delta) / N) of the bound's second term.

    Args:
        num_images: Number of training images N.
        delta: Probability that the bound does not hold.

    Returns:
        The order.

    Raises:
        InputError: For no images, or a delta outside (0, 1).

    Example:
        >>> confidence_term(100, delta=np.exp(-1))
        0.1
    """
    if num_images < 1 or not 0 < delta < 1:
        raise InputError(f"expected N >= 1 and delta in (0, 1), got {num_images} and {delta}")
    return float(np.sqrt(np.log(1 / delta) / num_images))


class WeylBound(NamedTuple):
    """Weyl's lower bound on the smallest eigenvalue of a mixed kernel.

    Attributes:
        lambda_min: Smallest eigenvalue of the mixed kernel.
        bound: Lower bound (1-beta)^2 lambda_min(A A^T) + beta^2 lambda_min(B B^T)
            + beta (1-beta) lambda_min(A B^T + B A^T), for the Jacobians A and B that are mixed.
        cross: The last of the three eigenvalues, which may be negative.
        holds: Whether lambda_min >= bound up to rounding.
    """

    lambda_min: float
    bound: float
    cross: float
    holds: bool

    @property
    def tightness(self) -> float:
        """The ratio bound / lambda_min, NaN if lambda_min <= 0.

        A ratio of 1 is tight. A ratio of 0 or less is a bound without information.
        """
        return self.bound / self.lambda_min if self.lambda_min > 0 else float("nan")


def weyl_bound(blocks: JointGram, kernel: KernelName | str, beta: float) -> WeylBound:
    """Weyl's lower bound for K_all (`MIXED_CLEAN`) or K~_all (`MIXED_ROBUST`).

    Args:
        blocks: Joint Gram matrix of one network.
        kernel: Name of the mixed kernel.
        beta: Weight of the robust loss.

    Returns:
        The bound and the eigenvalue. A negative bound is not cut off at 0.

    Raises:
        InputError: For a kernel that is unknown or not mixed.

    Example:
        >>> from ntknas.kernel import Batch
        >>> gram = JointGram(np.eye(3), tuple(Batch), epsilon=1e-7)
        >>> weyl_bound(gram, KernelName.MIXED_CLEAN, 0.5).bound
        0.5
    """
    name = KernelName(kernel)
    if not name.mixed:
        raise InputError(f"expected a mixed kernel, got {name}")
    first, second = name.batches
    cross = blocks.cross(first, second)
    mixed = np.linalg.eigvalsh(blocks.kernel(name, beta))
    lows = [
        float(np.linalg.eigvalsh(matrix)[0])
        for matrix in (blocks.cross(first, first), blocks.cross(second, second), cross + cross.T)
    ]
    bound = (1 - beta) ** 2 * lows[0] + beta**2 * lows[1] + beta * (1 - beta) * lows[2]
    # The error of computed eigenvalues is about n float64 epsilons times the largest one.
    slack = 8 * len(mixed) * np.finfo(np.float64).eps * abs(mixed[-1])
    return WeylBound(float(mixed[0]), bound, lows[2], bool(mixed[0] >= bound - slack))
