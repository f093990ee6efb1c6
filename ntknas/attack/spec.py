"""Which attack A_rho is run, in pixel units. Needs no JAX."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real
from typing import Any

from ntknas.errors import InputError, Remark
from ntknas.registry import Registry

__all__ = ["ATTACKS", "AttackSpec", "LogitsFn", "Scalar", "check_radius"]

Scalar = Any
"""A number or a traced scalar."""

LogitsFn = Callable[[Any], Any]
"""Type of a network with its weights, `images [n, h, w, c] -> logits [n, k]`."""

ATTACKS: Registry[Any] = Registry(
    "attack", {"pgd": "ntknas.attack.pgd:pgd", "fgsm": "ntknas.attack.fgsm:fgsm"}
)
"""Attacks by name, each an `ntknas.attack.Attack`."""


_USUAL = 64
"""Radii above this number of 255ths are unusual."""


def check_radius(radius: Scalar, name: str = "rho", example: str = "8/255") -> None:
    """Raise InputError for a radius or step that is not in pixel units of [0, 1].

    A length above 64/255, with which an attack can blank most of an image, gives a `Remark`.

    Args:
        radius: Length in pixel units; a traced scalar has no value yet, and is not checked.
        name: Name of the length in messages.
        example: A usual length, for messages.

    Example:
        >>> check_radius(8 / 255)
        >>> try:
        ...     check_radius(8)
        ... except InputError as error:
        ...     str(error)
        'rho must lie in [0, 1], in pixel units such as 8/255, got 8'
    """
    if radius is None or isinstance(radius, (str, bytes)):
        raise InputError(f"{name} must be a number such as {example}, got {radius!r}")
    if not isinstance(radius, Real):
        return  # a traced scalar has no value yet
    if not 0 <= float(radius) <= 1:
        raise InputError(
            f"{name} must lie in [0, 1], in pixel units such as {example}, got {float(radius):g}"
        )
    if float(radius) > _USUAL / 255 + 1e-9:
        warnings.warn(
            f"{name} {float(radius):.4g} is above {_USUAL}/255; pixels lie in [0, 1], and usual "
            f"values are near {example}",
            Remark,
            stacklevel=3,
        )


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
        InputError: For an unknown name, fewer than one step, or a step size outside (0, 1].

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
        if isinstance(self.step_size, Real) and float(self.step_size) == 0:
            raise InputError("attack step size must be positive, got 0")
        if self.step_size is not None:
            check_radius(self.step_size, "attack step size", "2/255")
        if self.name == "fgsm":  # FGSM has no settings: all its specs are made equal
            for name, value in (("steps", 1), ("step_size", None), ("random_start", False)):
                object.__setattr__(self, name, value)

    def step_size_at(self, rho: Scalar) -> Scalar:
        """The length of a step at radius rho, in pixel units; rho may be traced."""
        return 2.5 * rho / self.steps if self.step_size is None else self.step_size
