"""Eigenvalues of the kernels of a run, for some architectures."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from ntknas.kernel.names import KernelName
from ntknas.runs import Run
from ntknas.scores import KernelStack
from ntknas.spaces import Label

__all__ = ["kernel_spectra"]


def kernel_spectra(run: Run, labels: Iterable[Label], *, seed: int = 0) -> pd.DataFrame:
    """Eigenvalues of every kernel that is not mixed, in descending order.

    Args:
        run: Run, which holds the Gram matrices.
        labels: Labels of architectures of the run.
        seed: Seed of the initialisation and the batch of images.

    Returns:
        A table with one row per eigenvalue and the columns architecture (label), kernel, rho (NaN
        for the clean kernel), number (from 1) and eigenvalue. Eigenvalues within rounding of 0
        are 0, and those of a kernel that is not finite are NaN.

    Raises:
        InputError: If the run lacks an architecture or the seed.
    """
    parts = []
    for label in labels:
        for kernel in run.spec.kernels:
            if kernel.mixed:
                continue
            radii = (None,) if kernel is KernelName.CLEAN else run.spec.rhos
            for rho in radii:
                some = run.spec.rhos[0] if run.spec.rhos else None
                gram = run.kernels(label, rho=some if rho is None else rho, seed=seed)
                values = _eigenvalues(gram.kernel(kernel), gram.epsilon)
                place = {"architecture": label, "kernel": str(kernel), "rho": rho}
                numbered = enumerate(values.tolist(), 1)
                parts += [place | {"number": n, "eigenvalue": value} for n, value in numbered]
    return pd.DataFrame(parts).astype({"rho": float})


def _eigenvalues(kernel: np.ndarray, epsilon: float) -> np.ndarray:
    """The eigenvalues in descending order; those within rounding of 0 are 0."""
    if not np.isfinite(kernel).all():
        return np.full(len(kernel), np.nan)
    stack = KernelStack(kernel, np.zeros(len(kernel), int), epsilon=epsilon)
    return np.where(stack.eigenvalues > stack.floor, stack.eigenvalues, 0.0)[::-1]
