"""Names of the batches that Jacobians are taken on, of the kernels, and of the logits conventions.

A *batch* is a set of N images: the clean ones x, the attacked ones A_rho(x), or the twice-attacked
ones A_rho(A_rho(x)). A *kernel* is a product of Jacobians on one batch or on a mixture of two.
"""

import enum
from typing import Any

from ntknas.errors import InputError, shorten

__all__ = ["Batch", "KernelName", "Logits", "check_beta"]


class Batch(enum.StrEnum):
    """The batches of images that Jacobians are taken on, in the order of a joint Gram matrix."""

    CLEAN = "clean"
    ATTACKED = "attacked"
    TWICE_ATTACKED = "twice_attacked"

    @property
    def kernel(self) -> "KernelName":
        """The kernel of this batch alone.

        Example:
            >>> Batch.ATTACKED.kernel
            <KernelName.ROBUST: 'robust'>
        """
        return next(kernel for kernel in KernelName if kernel.batches == (self,))


class KernelName(enum.StrEnum):
    """The kernels that a joint Gram matrix holds (Wu et al., ICLR 2024, section 4).

    * `CLEAN`: K, the kernel of the clean images.
    * `ROBUST`: K_rho, the kernel of the attacked images.
    * `TWICE`: K_2rho, the kernel of the twice-attacked images.
    * `MIXED_CLEAN`: K_all, whose bound is on clean accuracy. It mixes clean and attacked images.
    * `MIXED_ROBUST`: K~_all, whose bound is on robust accuracy. It mixes attacked and
      twice-attacked images.
    """

    CLEAN = "clean"
    ROBUST = "robust"
    TWICE = "twice"
    MIXED_CLEAN = "mixed_clean"
    MIXED_ROBUST = "mixed_robust"

    @classmethod
    def _missing_(cls, value: object) -> None:
        raise InputError(f"expected a kernel of {', '.join(cls)}, got {shorten(value)}")

    @property
    def batches(self) -> tuple[Batch, ...]:
        """The batches whose Jacobians make the kernel; mixed kernels have two."""
        return {
            KernelName.CLEAN: (Batch.CLEAN,),
            KernelName.ROBUST: (Batch.ATTACKED,),
            KernelName.TWICE: (Batch.TWICE_ATTACKED,),
            KernelName.MIXED_CLEAN: (Batch.CLEAN, Batch.ATTACKED),
            KernelName.MIXED_ROBUST: (Batch.ATTACKED, Batch.TWICE_ATTACKED),
        }[self]

    @property
    def mixed(self) -> bool:
        """Whether the kernel depends on beta."""
        return len(self.batches) == 2


class Logits(enum.StrEnum):
    """How a kernel treats the K logits of an image.

    * `SUM`: Row i of a Jacobian is the gradient of the sum of image i's logits (the published
      scores).
    * `TRACE`: The mean over logits k of the kernel of logit k, that is trace / K (the convention of
      neural-tangents' `trace_axes`). It costs K times as much.
    """

    SUM = "sum"
    TRACE = "trace"


def check_beta(beta: Any) -> float:
    """A weight of the robust loss in [0, 1]; what is outside by rounding is put on the end.

    Args:
        beta: The weight.

    Raises:
        InputError: If it is not a number, or lies outside [0, 1] by more than 1e-9.

    Example:
        >>> check_beta(1.0000000000000002)
        1.0
    """
    try:
        beta = float(beta)
    except (TypeError, ValueError):
        raise InputError(f"beta must be a number in [0, 1], got {shorten(beta)}") from None
    if not -1e-9 <= beta <= 1 + 1e-9:
        raise InputError(f"beta must lie in [0, 1], got {beta:.9g}")
    return min(max(beta, 0.0), 1.0)
