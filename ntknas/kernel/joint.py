"""`JointGram`: every kernel of clean, attacked and twice-attacked images, in one matrix.

With J, J_rho, J_2rho the Jacobians on x, A_rho(x) and A_rho(A_rho(x)) (Wu et al., ICLR 2024,
section 4) and beta in [0, 1] the weight of the robust loss:

    clean K = J J^T,  robust K_rho = J_rho J_rho^T,  twice K_2rho = J_2rho J_2rho^T
    mixed clean   ((1-beta) J     + beta J_rho ) ((1-beta) J     + beta J_rho )^T
    mixed robust  ((1-beta) J_rho + beta J_2rho) ((1-beta) J_rho + beta J_2rho)^T

So one [3 N, 3 N] matrix holds the kernels at every beta in closed form. The same holds for the
kernel of every part of the parameters, and for the layer cosine kernel (`ntknas.kernel.parts`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from jaxtyping import Float

from ntknas.errors import InputError
from ntknas.kernel.names import Batch, KernelName
from ntknas.kernel.parts import Grams
from ntknas.notebook import html_facts

__all__ = ["JointGram"]


@dataclass(frozen=True)
class JointGram:
    """The joint Gram matrix of one network, or a stack of them.

    Attributes:
        gram: Matrices `[..., b n, b n]` in float64, ordered by batch and then by image.
        batches: The b batches that it holds, in the order of `Batch`.
        epsilon: Machine epsilon of the arithmetic that computed it. Eigenvalues below
            n * epsilon * lambda_max are rounding.
        parameters: What was differentiated, for readers; empty if that is not recorded.
        layer_cosine: Matrices of the layer cosine kernel, of the shape of `gram`; None if they are
            not known.
        parts: Matrices of the parts that were kept, of the shape of `gram`, by name.

    Raises:
        InputError: If the shape does not fit the batches, or the batches are out of order.

    Example:
        >>> gram = JointGram(np.ones((2, 2)), (Batch.CLEAN, Batch.ATTACKED), epsilon=1e-7)
        >>> gram.mixed_clean(0.5)
        array([[1.]])
    """

    gram: Float[np.ndarray, "*s m m"]
    batches: tuple[Batch, ...]
    epsilon: float
    parameters: str = ""
    layer_cosine: Float[np.ndarray, "*s m m"] | None = None
    parts: Mapping[str, Float[np.ndarray, "*s m m"]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        size = self.gram.shape[-1]
        if not self.batches or self.gram.shape[-2] != size or size % len(self.batches):
            raise InputError(
                f"a Gram matrix of {len(self.batches)} batches must be square with a multiple of "
                f"{len(self.batches)} rows, got shape {self.gram.shape}"
            )
        if list(self.batches) != [b for b in Batch if b in self.batches]:
            raise InputError(f"batches must be distinct and in order, got {self.batches}")

    @classmethod
    def from_array(cls, gram: Any, batches: tuple[Batch, ...]) -> "JointGram":
        """The matrix as it was computed, made exactly symmetric.

        Args:
            gram: Products of Jacobians `[..., b n, b n]`, a NumPy or a JAX array, symmetric up to
                rounding. Its type is that of the arithmetic.
            batches: The b batches, in the order of `Batch`.

        Returns:
            The matrix in float64, with the machine epsilon of the array's type.

        Example:
            >>> JointGram.from_array(np.eye(2, dtype=np.float32), (Batch.CLEAN,)).epsilon
            1.1920928955078125e-07
        """
        gram = np.asarray(gram)
        return cls(_symmetric(gram), batches, float(np.finfo(gram.dtype).eps))

    @classmethod
    def from_grams(cls, grams: Grams, batches: tuple[Batch, ...]) -> "JointGram":
        """The matrices with their parts as they were computed, made exactly symmetric.

        Args:
            grams: Matrices `[..., b n, b n]`, NumPy or JAX arrays.
            batches: The b batches, in the order of `Batch`.
        """
        return replace(
            cls.from_array(grams.whole, batches),
            layer_cosine=_symmetric(np.asarray(grams.layer_cosine)),
            parts={name: _symmetric(np.asarray(part)) for name, part in grams.parts.items()},
        )

    @classmethod
    def stack(cls, grams: Sequence["JointGram"]) -> "JointGram":
        """Joint Gram matrices of the same shape as one stack, with a new axis in front.

        Args:
            grams: At least one. Parts that not all of them hold are dropped.
        """
        first, cosines = grams[0], [gram.layer_cosine for gram in grams]
        names = [name for name in first.parts if all(name in gram.parts for gram in grams)]
        known = [cosine for cosine in cosines if cosine is not None]
        return replace(
            first,
            gram=np.stack([gram.gram for gram in grams]),
            layer_cosine=np.stack(known) if len(known) == len(grams) else None,
            parts={name: np.stack([gram.parts[name] for gram in grams]) for name in names},
        )

    def __repr__(self) -> str:
        stack = "x".join(map(str, self.gram.shape[:-2]))
        return (
            f"JointGram({stack + ' of ' if stack else ''}{self.num_images} images: "
            f"{', '.join(self.batches)}; epsilon {self.epsilon:.3g}"
            f"{f'; {len(self.parts)} parts' * bool(self.parts)}"
            f"{'; ' * bool(self.parameters)}{self.parameters})"
        )

    def _repr_html_(self) -> str:
        """What a notebook shows: the batches, and the eigenvalues of a single matrix's kernels."""
        facts: list[tuple[str, object]] = [
            ("matrices", " x ".join(map(str, self.gram.shape))),
            ("batches", f"{', '.join(self.batches)}; {self.num_images} images each"),
            ("machine epsilon", f"{self.epsilon:.3g}"),
        ]
        if self.parameters:
            facts.append(("parameters", self.parameters))
        if self.parts:
            facts.append(("parts", ", ".join(self.parts)))
        if self.gram.ndim == 2 and np.isfinite(self.gram).all():
            for batch in self.batches:
                values = np.linalg.eigvalsh(self.kernel(batch.kernel))
                ends = f"eigenvalues {values[0]:.4g} to {values[-1]:.4g}"
                facts.append((f"{batch.kernel} kernel", ends))
        return html_facts("joint Gram matrix", facts)

    @property
    def num_images(self) -> int:
        """N, the number of images in a batch."""
        return self.gram.shape[-1] // len(self.batches)

    def cross(self, rows: Batch, columns: Batch) -> Float[np.ndarray, "*s n n"]:
        """The block J_rows J_columns^T.

        Args:
            rows: Batch of the left Jacobian.
            columns: Batch of the right Jacobian.

        Returns:
            The block `[..., n, n]`.

        Raises:
            InputError: If the matrix does not hold one of the batches.
        """
        i, j = (self._position(batch) for batch in (rows, columns))
        n = self.num_images
        return self.gram[..., i * n : (i + 1) * n, j * n : (j + 1) * n]

    def _position(self, batch: Batch) -> int:
        """The position of a batch among those that the matrix holds."""
        if batch not in self.batches:
            held, missing = (
                ", ".join(b.replace("_", "-") for b in names) for names in (self.batches, (batch,))
            )
            raise InputError(f"expected a kernel of {held} images, got one of {missing} images")
        return self.batches.index(batch)

    def holds(self, kernel: KernelName) -> bool:
        """Whether the kernel can be formed from these batches."""
        return set(kernel.batches) <= set(self.batches)

    def kernel(
        self, name: KernelName | str, beta: float | Float[np.ndarray, " k"] | None = None
    ) -> Float[np.ndarray, "*s n n"]:
        """A kernel by its name.

        Args:
            name: Name of the kernel.
            beta: Weight of the robust loss in [0, 1], needed for the mixed kernels and ignored by
                the others. An array of k weights gives mixed kernels `[k, ..., n, n]`.

        Returns:
            The kernel `[..., n, n]`.

        Raises:
            InputError: If there is no kernel of this name, the matrix lacks a batch that it is made
                of, or beta is missing or lies outside [0, 1].
        """
        name = KernelName(name)
        if not name.mixed:
            return self.cross(name.batches[0], name.batches[0])
        betas = np.asarray(np.nan if beta is None else beta)
        betas = betas.reshape(*betas.shape, *(1,) * self.gram.ndim)
        if not ((betas >= 0) & (betas <= 1)).all():
            raise InputError(f"beta must lie in [0, 1], got {beta}")
        first, second = name.batches
        cross = self.cross(first, second)
        with np.errstate(invalid="ignore"):  # 0 times an overflow is NaN, which is kept
            return (
                (1 - betas) ** 2 * self.cross(first, first)
                + betas * (1 - betas) * (cross + cross.swapaxes(-1, -2))
                + betas**2 * self.cross(second, second)
            )

    @property
    def clean(self) -> Float[np.ndarray, "*s n n"]:
        """K, the kernel of the clean images."""
        return self.kernel(KernelName.CLEAN)

    @property
    def robust(self) -> Float[np.ndarray, "*s n n"]:
        """K_rho, the kernel of the attacked images."""
        return self.kernel(KernelName.ROBUST)

    @property
    def twice(self) -> Float[np.ndarray, "*s n n"]:
        """K_2rho, the kernel of the twice-attacked images."""
        return self.kernel(KernelName.TWICE)

    def mixed_clean(self, beta: float) -> Float[np.ndarray, "*s n n"]:
        """K_all of Wu et al., whose bound is on clean accuracy."""
        return self.kernel(KernelName.MIXED_CLEAN, beta)

    def mixed_robust(self, beta: float) -> Float[np.ndarray, "*s n n"]:
        """K~_all of Wu et al., whose bound is on robust accuracy."""
        return self.kernel(KernelName.MIXED_ROBUST, beta)

    def part(self, name: str) -> "JointGram":
        """The joint Gram matrix of one part of the parameters.

        Args:
            name: Name of a part that was kept.

        Raises:
            InputError: If there is no such part.
        """
        if name not in self.parts:
            held = ", ".join(self.parts) or "none"
            raise InputError(f"expected a part that was kept ({held}), got {name!r}")
        return replace(self, gram=self.parts[name], layer_cosine=None, parts={})

    def of_layer_cosine(self) -> "JointGram | None":
        """The layer cosine kernel as a joint Gram matrix of its own; None if it is not known."""
        if self.layer_cosine is None:
            return None
        return replace(self, gram=self.layer_cosine, layer_cosine=None, parts={})

    def __getitem__(self, index: Any) -> "JointGram":
        """The matrices at an index of a stack."""
        return self.map(lambda matrices: matrices[index])

    def map(self, function: Callable[[np.ndarray], np.ndarray]) -> "JointGram":
        """The same function of all matrices: of the kernel, the layer cosine kernel and the parts.

        Args:
            function: Function of matrices `[..., m, m]`.
        """
        cosine = self.layer_cosine
        return replace(
            self,
            gram=function(self.gram),
            layer_cosine=None if cosine is None else function(cosine),
            parts={name: function(part) for name, part in self.parts.items()},
        )


def _symmetric(gram: np.ndarray) -> Float[np.ndarray, "*s m m"]:
    """A matrix in float64, made exactly symmetric."""
    exact = gram.astype(np.float64)
    with np.errstate(invalid="ignore"):  # opposite infinities add up to NaN, which is kept
        return (exact + exact.swapaxes(-1, -2)) / 2
