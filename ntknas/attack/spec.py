"""Which attack A_rho is run, in pixel units. Needs no JAX."""

from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real
from typing import Any

from ntknas.errors import InputError
from ntknas.registry import Registry

__all__ = ["ATTACKS", "AttackSpec", "LogitsFn", "Scalar"]

Scalar = Any
"""A number or a traced scalar."""

LogitsFn = Callable[[Any], Any]
"""Type of a network with its weights, `images [n, h, w, c] -> logits [n, k]`."""

ATTACKS: Registry[Any] = Registry(
    "attack", {"pgd": "ntknas.attack.pgd:pgd", "fgsm": "ntknas.attack.fgsm:fgsm"}
)
"""Attacks by name, each an `ntknas.attack.Attack`."""


@dataclass(frozen=True)
class AttackSpec:
    """An attack at any radius rho.

    The defaults are the PGD of NAS-RobBench-201's evaluation: 20 steps of 2.5 rho / 20 from a
    random start (Wu et al., ICLR 2024).

    Attributes:
        name: Name of the algorithm, one of `ATTACKS`.
        steps: Number of gradient steps; FGSM takes one step, whatever the number.
        step_size: Length of a step in pixel units [0, 1]; None means 2.5 rho / steps.
        random_start: Whether to start from a uniform draw in the ball.

    Raises:
        InputError: For an unknown name, fewer than one step, or a step size that is not positive.

    Example:
        >>> AttackSpec(steps=10).step_size_at(8 / 255) * 255
        2.0
    """

    name: str = "pgd"
    steps: int = 20
    step_size: Scalar | None = None
    random_start: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", ATTACKS.check(str(self.name)))
        if self.steps < 1:
            raise InputError(f"attack steps must be at least 1, got {self.steps}")
        # A traced step size has no value yet.
        if isinstance(self.step_size, Real) and not 0 < float(self.step_size) < float("inf"):
            raise InputError(f"attack step size must be positive, got {self.step_size}")
        if self.name == "fgsm":  # FGSM has no settings: all its specs are made equal
            for name, value in (("steps", 1), ("step_size", None), ("random_start", False)):
                object.__setattr__(self, name, value)

    def step_size_at(self, rho: Scalar) -> Scalar:
        """The length of a step at radius rho, in pixel units; rho may be traced."""
        return 2.5 * rho / self.steps if self.step_size is None else self.step_size
