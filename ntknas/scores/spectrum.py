"""Scores of a kernel: its spectrum, its entries, and how it fits the labels.

All are computed in float64 on the host, for a stack of kernels at once. Rounding in the kernel
(float32 as a rule) makes eigenvalues below `floor = n epsilon lambda_max` meaningless; such a
kernel is numerically singular. Its lambda_min is then 0 by definition, and whatever divides by an
eigenvalue or takes its logarithm uses the floor instead, so that every score is finite.
"""

import numpy as np
from jaxtyping import Float, Int
from scipy.linalg import helmert

from ntknas.errors import InputError

__all__ = ["KERNEL_SCORES", "kernel_scores"]

# Below this an all-zero kernel's floor would vanish too.
_TINY = float(np.finfo(np.float32).tiny)

KERNEL_SCORES = (
    "lambda_min",
    "lambda_max",
    "cond",
    "cosine_lambda_min",
    "cosine_lambda_max",
    "cosine_cond",
    "trace",
    "frobenius",
    "mean",
    "logdet",
    "effective_rank",
    "sphericity",
    "alignment",
    "bound",
)


def kernel_scores(
    kernels: Float[np.ndarray, "*s n n"], labels: Int[np.ndarray, " n"], *, epsilon: float
) -> tuple[dict[str, Float[np.ndarray, "*s"]], np.ndarray]:
    """Every score of every kernel of a stack (formulas and sources: `ntknas.scores.SCORES`).

    Args:
      kernels: symmetric positive semi-definite matrices; scores of matrices that are not finite
        are NaN.
      labels: classes of the n images.
      epsilon: machine epsilon of the arithmetic that made the kernels.

    Returns:
      A dictionary from score name to an array of the stack's shape, and the status of each kernel:
      "ok", "singular" (lambda_min within rounding of 0) or "nonfinite".

    Raises:
      InputError: if the matrices are not square, empty, or do not fit the labels.

    >>> scores, status = kernel_scores(np.diag([1.0, 4.0]), np.array([0, 1]), epsilon=1e-7)
    >>> float(scores["cond"]), float(scores["lambda_min"]), str(status)
    (4.0, 1.0, 'ok')
    """
    kernels = np.asarray(kernels, np.float64)
    n = len(labels)
    if n == 0:
        raise InputError("expected kernels of at least one image, got none")
    if kernels.shape[-2:] != (n, n):
        raise InputError(f"expected kernels [..., {n}, {n}] for {n} labels, got {kernels.shape}")
    finite = np.isfinite(kernels).all((-2, -1))
    safe = np.where(finite[..., None, None], kernels, 0.0)

    values = np.linalg.eigvalsh(safe)
    lowest, highest, positive = _floored(values, epsilon)
    cosine_values = np.linalg.eigvalsh(_cosine(safe))
    cosine_lowest, cosine_highest, cosine_positive = _floored(cosine_values, epsilon)

    scores = {
        "lambda_min": lowest,
        "lambda_max": highest,
        "cond": positive[..., -1] / positive[..., 0],
        "cosine_lambda_min": cosine_lowest,
        "cosine_lambda_max": cosine_highest,
        "cosine_cond": cosine_positive[..., -1] / cosine_positive[..., 0],
        "trace": np.trace(safe, axis1=-2, axis2=-1),
        "frobenius": np.linalg.norm(safe, axis=(-2, -1)),
        "mean": safe.mean((-2, -1)),
        "logdet": np.log(positive).sum(-1),
        "effective_rank": _effective_rank(values),
        "sphericity": _sphericity(safe, values, epsilon),
        "alignment": _alignment(safe, labels),
        "bound": _bound(safe, lowest > 0, labels, epsilon),
    }
    status = np.where(finite, np.where(lowest > 0, "ok", "singular"), "nonfinite")
    return {name: np.where(finite, score, np.nan) for name, score in scores.items()}, status


def _floored(values, epsilon):
    """lambda_min (0 below the floor), lambda_max, and all eigenvalues raised to the floor."""
    highest = np.maximum(values[..., -1], 0.0)
    floor = _floor(values, epsilon)
    lowest = np.where(values[..., 0] > floor, values[..., 0], 0.0)
    return lowest, highest, np.maximum(values, floor[..., None])


def _floor(values, epsilon):
    """What rounding leaves of an eigenvalue that is 0."""
    return np.maximum(values.shape[-1] * epsilon * np.maximum(values[..., -1], 0.0), _TINY)


def _cosine(kernels):
    """K_ij / sqrt(K_ii K_jj); rows of zero gradients stay zero."""
    norms = np.sqrt(np.clip(np.diagonal(kernels, axis1=-2, axis2=-1), 0, None))
    inverse = np.divide(1.0, norms, out=np.zeros_like(norms), where=norms > 0)
    return kernels * inverse[..., :, None] * inverse[..., None, :]


def _effective_rank(values):
    """Exponential of the entropy of the normalised spectrum; 0 for a zero kernel."""
    values = np.clip(values, 0, None)
    total = values.sum(-1, keepdims=True)
    p = np.divide(values, total, out=np.zeros_like(values), where=total > 0)
    entropy = -(p * np.log(np.where(p > 0, p, 1.0))).sum(-1)
    return np.where(total[..., 0] > 0, np.exp(entropy), 0.0)


def _sphericity(kernels, values, epsilon):
    """Geometric over arithmetic mean of the spectrum orthogonal to the constant vector.

    1 if all gradients differ from their mean by equal and orthogonal vectors; 0 if what centring
    leaves is within rounding of 0, as for a constant network.
    """
    n = kernels.shape[-1]
    if n == 1:
        return np.zeros(kernels.shape[:-2])
    complement = helmert(n)  # [n - 1, n]: rows are an orthonormal basis
    spread = np.linalg.eigvalsh(complement @ kernels @ complement.T)
    floor = _floor(values, epsilon)
    positive = np.maximum(spread, floor[..., None])
    ratio = np.exp(np.log(positive).mean(-1)) / positive.mean(-1)
    return np.where(spread[..., -1] > floor, ratio, 0.0)


def _alignment(kernels, labels):
    """Cosine between the centred kernel and the centred label kernel; 0 if either vanishes."""
    n = len(labels)
    centre = np.eye(n) - 1 / n
    same = (labels[:, None] == labels[None, :]).astype(float)
    target = centre @ same @ centre
    centred = centre @ kernels @ centre
    norms = np.linalg.norm(centred, axis=(-2, -1)) * np.linalg.norm(target)
    products = (centred * target).sum((-2, -1))
    # What centring leaves of a constant kernel, or of the labels of one class, is rounding.
    scale = np.linalg.norm(kernels, axis=(-2, -1)) * np.linalg.norm(same)
    meaningful = norms > n * np.finfo(float).eps * scale
    return np.divide(products, norms, out=np.zeros_like(products), where=meaningful)


def _bound(kernels, regular, labels, epsilon):
    """Mean over the classes present of y^T K^-1 y / n, with y = +1 in the class and -1 outside."""
    targets = np.where(labels[:, None] == np.unique(labels)[None, :], 1.0, -1.0)
    energies = np.empty(regular.shape)
    energies[regular] = _energy(np.linalg.solve(kernels[regular], targets[None]), targets)
    values, vectors = np.linalg.eigh(kernels[~regular])
    coordinates = vectors.swapaxes(-1, -2) @ targets
    inverse = coordinates / _floored(values, epsilon)[2][..., None]
    energies[~regular] = _energy(inverse, coordinates)
    return energies / len(labels)


def _energy(inverse, targets):
    """Mean over columns of their scalar products."""
    return (inverse * targets).sum(-2).mean(-1)
