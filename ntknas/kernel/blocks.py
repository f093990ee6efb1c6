"""The joint Gram matrix of clean, attacked and twice-attacked images, and kernels made of it.

With J, J_rho, J_2rho the Jacobians on x, A_rho(x) and A_rho(A_rho(x)) (Wu et al., ICLR 2024,
section 4) and beta in [0, 1] the weight of the robust loss:

    clean K = J J^T,  robust K_rho = J_rho J_rho^T,  twice K_2rho = J_2rho J_2rho^T
    mixed clean   ((1-beta) J     + beta J_rho ) ((1-beta) J     + beta J_rho )^T
    mixed robust  ((1-beta) J_rho + beta J_2rho) ((1-beta) J_rho + beta J_2rho)^T

so that one [3 N, 3 N] matrix holds the kernels at every beta in closed form.
"""

import enum
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from ntknas.errors import InputError

__all__ = ["Batch", "Kernel", "KernelBlocks"]


class Batch(enum.StrEnum):
    """The three batches of images that Jacobians are taken on, in the order of the Gram matrix."""

    CLEAN = "clean"
    ROBUST = "robust"
    TWICE = "twice"


class Kernel(enum.StrEnum):
    """The kernels that a joint Gram matrix holds."""

    CLEAN = "clean"
    ROBUST = "robust"
    TWICE = "twice"
    MIXED_CLEAN = "mixed_clean"
    MIXED_ROBUST = "mixed_robust"

    @property
    def batches(self) -> tuple[Batch, ...]:
        """The batches whose Jacobians make the kernel; two for the mixed ones."""
        if self is Kernel.MIXED_CLEAN:
            return (Batch.CLEAN, Batch.ROBUST)
        if self is Kernel.MIXED_ROBUST:
            return (Batch.ROBUST, Batch.TWICE)
        return (Batch(self.value),)

    @property
    def mixed(self) -> bool:
        """Whether the kernel depends on beta."""
        return len(self.batches) == 2


@dataclass(frozen=True)
class KernelBlocks:
    """The joint Gram matrix of one network, or a stack of them.

    Attributes:
      gram: [..., b n, b n] in float64, ordered by batch and then by image.
      batches: which batches it holds, in the order of `Batch`.
      epsilon: machine epsilon of the arithmetic that computed it; eigenvalues below
        n * epsilon * lambda_max are rounding.

    Raises:
      InputError: if the shape does not fit the batches.

    >>> blocks = KernelBlocks(np.ones((2, 2)), (Batch.CLEAN, Batch.ROBUST))
    >>> blocks.mixed_clean(0.5)
    array([[1.]])
    """

    gram: Float[np.ndarray, "*s m m"]
    batches: tuple[Batch, ...] = tuple(Batch)
    epsilon: float = float(np.finfo(np.float32).eps)

    def __post_init__(self) -> None:
        size = self.gram.shape[-1]
        if not self.batches or self.gram.shape[-2] != size or size % len(self.batches):
            raise InputError(
                f"a Gram matrix of {len(self.batches)} batches must be square with a multiple of "
                f"{len(self.batches)} rows, got shape {self.gram.shape}"
            )
        if list(self.batches) != [b for b in Batch if b in self.batches]:
            raise InputError(f"batches must be distinct and in order, got {self.batches}")

    @property
    def num_images(self) -> int:
        """N, the images of a batch."""
        return self.gram.shape[-1] // len(self.batches)

    def cross(self, rows: Batch, columns: Batch) -> Float[np.ndarray, "*s n n"]:
        """The block J_rows J_columns^T."""
        i, j = (self._position(batch) for batch in (rows, columns))
        n = self.num_images
        return self.gram[..., i * n : (i + 1) * n, j * n : (j + 1) * n]

    def _position(self, batch: Batch) -> int:
        if batch not in self.batches:
            raise InputError(
                f"the run holds kernels of {', '.join(self.batches)} images, not of {batch} ones"
            )
        return self.batches.index(batch)

    def holds(self, kernel: Kernel) -> bool:
        """Whether the kernel can be formed from these batches."""
        return set(kernel.batches) <= set(self.batches)

    def kernel(
        self, kernel: Kernel, beta: float | Float[np.ndarray, " b"] | None = None
    ) -> Float[np.ndarray, "*s n n"]:
        """A kernel by name; beta is needed for the mixed ones and ignored by the others.

        Several betas give mixed kernels [b, *s, n, n], one for each.
        """
        kernel = Kernel(kernel)
        if not kernel.mixed:
            return self.cross(kernel.batches[0], kernel.batches[0])
        betas = np.asarray(np.nan if beta is None else beta)
        betas = betas.reshape(*betas.shape, *(1,) * self.gram.ndim)
        if not ((betas >= 0) & (betas <= 1)).all():
            raise InputError(f"beta must lie in [0, 1], got {beta}")
        first, second = kernel.batches
        cross = self.cross(first, second)
        with np.errstate(invalid="ignore"):  # 0 times an overflow is NaN, which is its status
            return (
                (1 - betas) ** 2 * self.cross(first, first)
                + betas * (1 - betas) * (cross + cross.swapaxes(-1, -2))
                + betas**2 * self.cross(second, second)
            )

    @property
    def clean(self) -> Float[np.ndarray, "*s n n"]:
        """K, the kernel on clean images."""
        return self.kernel(Kernel.CLEAN)

    @property
    def robust(self) -> Float[np.ndarray, "*s n n"]:
        """K_rho, the kernel on attacked images."""
        return self.kernel(Kernel.ROBUST)

    @property
    def twice(self) -> Float[np.ndarray, "*s n n"]:
        """K_2rho, the kernel on twice-attacked images."""
        return self.kernel(Kernel.TWICE)

    def mixed_clean(self, beta: float) -> Float[np.ndarray, "*s n n"]:
        """K_all of Wu et al., whose bound is on clean accuracy."""
        return self.kernel(Kernel.MIXED_CLEAN, beta)

    def mixed_robust(self, beta: float) -> Float[np.ndarray, "*s n n"]:
        """K~_all of Wu et al., whose bound is on robust accuracy."""
        return self.kernel(Kernel.MIXED_ROBUST, beta)

    def __getitem__(self, index) -> "KernelBlocks":
        """The matrices at an index of a stack."""
        return replace(self, gram=self.gram[index])
