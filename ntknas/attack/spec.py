"""Which attack A_rho is run, in pixel units."""

import enum
from dataclasses import dataclass

from jaxtyping import Array, Float

from ntknas.errors import InputError

__all__ = ["AttackName", "AttackSpec", "Scalar"]

Scalar = float | Float[Array, ""]


class AttackName(enum.StrEnum):
    """`FGSM` takes one signed gradient step of length rho; `PGD` takes many small ones."""

    FGSM = "fgsm"
    PGD = "pgd"


@dataclass(frozen=True)
class AttackSpec:
    """An attack at any radius rho.

    The defaults are PGD as NAS-RobBench-201 evaluates with: 20 steps of 2.5 rho / 20 from a random
    start (Wu et al., ICLR 2024).

    Attributes:
      name: the algorithm.
      steps: gradient steps of PGD; FGSM takes one, whatever is given.
      step_size: length of a step in pixel units [0, 1]; None: 2.5 rho / steps.
      random_start: whether PGD starts from a uniform draw in the ball.

    Raises:
      InputError: for an unknown name, fewer than one step, or a step size that is not positive.

    >>> AttackSpec(steps=10).step_size_at(8 / 255) * 255
    2.0
    """

    name: AttackName = AttackName.PGD
    steps: int = 20
    step_size: float | None = None
    random_start: bool = True

    def __post_init__(self) -> None:
        if self.name not in list(AttackName):
            raise InputError(f"attack must be one of {', '.join(AttackName)}, got {self.name!r}")
        object.__setattr__(self, "name", AttackName(self.name))
        if self.steps < 1:
            raise InputError(f"attack steps must be at least 1, got {self.steps}")
        if self.step_size is not None and not 0 < self.step_size < float("inf"):
            raise InputError(f"attack step size must be positive, got {self.step_size}")
        if self.name is AttackName.FGSM:  # one spelling: it has no other settings
            for name, value in (("steps", 1), ("step_size", None), ("random_start", False)):
                object.__setattr__(self, name, value)

    def step_size_at(self, rho: Scalar) -> Scalar:
        """The length of a PGD step at radius rho, in pixel units; rho may be traced."""
        return 2.5 * rho / self.steps if self.step_size is None else self.step_size
