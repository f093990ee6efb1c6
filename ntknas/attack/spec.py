"""Which attack A_rho is run, in pixel units. Needs no JAX."""

import math
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from numbers import Integral, Real
from typing import Any, NamedTuple

from ntknas.errors import InputError, Remark
from ntknas.notebook import short_repr
from ntknas.registry import Registry

__all__ = [
    "ATTACKS",
    "BALLS",
    "AttackSpec",
    "LogitsFn",
    "Scalar",
    "check_in_kernels",
    "check_radius",
    "check_read",
    "settings_of",
]

Scalar = Any
"""A number or a traced scalar."""

LogitsFn = Callable[[Any], Any]
"""Type of a network with its weights, `images [n, h, w, c] -> logits [n, k]`."""

BALLS = ("linf", "l2")
"""Norms of the ball that attacked images stay in: the largest change of a pixel, or Euclidean."""

ATTACKS: Registry[Any] = Registry(
    "attack",
    {
        "pgd": "ntknas.attack.pgd:pgd",
        "fgsm": "ntknas.attack.fgsm:fgsm",
        "apgd-ce": "ntknas.attack.apgd:apgd_ce",
        "apgd-dlr": "ntknas.attack.apgd:apgd_dlr",
        "apgd-t": "ntknas.attack.apgd:apgd_t",
        "fab-t": "ntknas.attack.fab:fab_t",
        "square": "ntknas.attack.square:square",
        "autoattack": "ntknas.attack.autoattack:autoattack",
    },
)
"""Attacks by name, each an `ntknas.attack.Attack`."""


class Settings(NamedTuple):
    """What an attack reads of its `AttackSpec`.

    Attributes:
        steps: Number of steps, unless the spec says another.
        names: Settings that the attack reads. Specs that differ in others only are made equal.
        balls: Balls that the attack works in.
        in_kernels: Whether kernels can be taken on its images: whether it changes images that are
            misclassified already, as those of an untrained network are.
    """

    steps: int
    names: tuple[str, ...] = ("steps", "step_size", "random_start", "restarts")
    balls: tuple[str, ...] = BALLS
    in_kernels: bool = True


_APGD = Settings(100, ("steps", "random_start", "restarts"))
_SETTINGS = {
    "fgsm": Settings(1, ()),
    "apgd-ce": _APGD,
    "apgd-dlr": _APGD,
    "apgd-t": _APGD,
    "fab-t": Settings(100, ("steps", "restarts"), in_kernels=False),
    "square": Settings(5000, ("steps",), balls=("linf",)),
    "autoattack": Settings(100, ("steps",), balls=("linf",), in_kernels=False),
}
_STANDARD = ("apgd-ce", "apgd-t", "fab-t", "square")
_QUERIES_PER_STEP = 50  # AutoAttack: 100 steps of gradients, 5000 queries


def settings_of(name: str) -> Settings:
    """What an attack reads of its spec; an attack of your own reads everything.

    Args:
        name: Name of the attack.

    Example:
        >>> settings_of("apgd-ce").steps, settings_of("square").steps
        (100, 5000)
    """
    return _SETTINGS.get(name, Settings(20))


_USUAL = 64
"""Radii above this number of 255ths are unusual."""


def check_radius(
    radius: Scalar, name: str = "rho", example: str = "8/255", *, ball: str = "linf"
) -> None:
    """Raise InputError for a radius or step that is not in pixel units of [0, 1].

    A length above 64/255, with which an attack can blank most of an image, gives a `Remark`. A
    Euclidean length may be any number that is not negative.

    Args:
        radius: Length in pixel units; a traced scalar has no value yet, and is not checked.
        name: Name of the length in messages.
        example: A usual length, for messages.
        ball: Ball that the length belongs to, one of `BALLS`.

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
    if ball == "l2":
        if not 0 <= float(radius) < math.inf:
            raise InputError(f"{name} must be a finite length of 0 or more, got {radius}")
        return
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
        steps: Number of gradient steps, or of queries of Square. None means the attack's own: 20
            for PGD, 100 for APGD, FAB and AutoAttack, 5000 queries for Square. AutoAttack's Square
            makes 50 queries per step. FGSM takes one step, whatever the number.
        step_size: Length of a step of PGD in pixel units [0, 1]; None means 2.5 rho / steps.
        random_start: Whether PGD and APGD start from a random point of the ball; the others have no
            choice.
        ball: Norm of the ball: "linf", in which every pixel changes by up to rho, or "l2", in which
            rho is the Euclidean length of the change.
        restarts: Number of runs of PGD, APGD and FAB from starts of their own, of which the best
            image counts.

    Raises:
        InputError: For an unknown name or ball, a ball that the attack has no form for, fewer than
            one step or restart, or a step size outside (0, 1].

    Example:
        >>> AttackSpec(steps=10).step_size_at(8 / 255) * 255
        2.0
        >>> AttackSpec("apgd-ce").steps
        100
    """

    name: str = "pgd"
    steps: Any = None
    step_size: Scalar | None = None
    random_start: bool = True
    ball: str = "linf"
    restarts: int = 1

    __repr__ = short_repr

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", ATTACKS.check(str(self.name)))
        settings = settings_of(self.name)
        if self.steps is None:
            object.__setattr__(self, "steps", settings.steps)
        for name in ("steps", "restarts"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
                raise InputError(f"attack {name} must be at least 1, got {value}")
        if self.ball not in BALLS:
            raise InputError(f"expected ball to be one of {', '.join(BALLS)}, got {self.ball!r}")
        if self.ball not in settings.balls:
            raise InputError(f"{self.name} has the ball {settings.balls[0]} only, got {self.ball}")
        # A traced step size has no value yet.
        if isinstance(self.step_size, Real) and float(self.step_size) == 0:
            raise InputError("attack step size must be positive, got 0")
        if self.step_size is not None:
            check_radius(self.step_size, "attack step size", "2/255", ball=self.ball)
        for name, value in _UNREAD.items():
            if name not in settings.names:
                object.__setattr__(self, name, value)

    @property
    def components(self) -> tuple["AttackSpec", ...]:
        """The attacks that it consists of: AutoAttack's four, or itself."""
        if self.name != "autoattack":
            return (self,)
        gradients = [replace(self, name=name, random_start=True) for name in _STANDARD[:-1]]
        return (*gradients, AttackSpec(_STANDARD[-1], _QUERIES_PER_STEP * self.steps))

    def step_size_at(self, rho: Scalar) -> Scalar:
        """The length of a step of PGD at radius rho, in pixel units; rho may be traced."""
        return 2.5 * rho / self.steps if self.step_size is None else self.step_size


_UNREAD = {"steps": 1, "step_size": None, "random_start": False, "restarts": 1}
"""Values that settings get which an attack does not read."""


def check_read(name: str, settings: Mapping[str, Any]) -> None:
    """Raise InputError for a setting that an attack does not read.

    Args:
        name: Name of the attack.
        settings: Settings of `AttackSpec` by name; those that are None are not given.

    Example:
        >>> check_read("apgd-ce", {"restarts": 2, "step_size": None})
    """
    for setting, value in settings.items():
        if value is not None and setting not in settings_of(name).names:
            words = setting.replace("_", " ")
            raise InputError(f"{name} has no {words} to set, got {words} {value}")


def check_in_kernels(spec: AttackSpec) -> None:
    """Raise InputError for an attack whose images kernels cannot be taken on.

    Args:
        spec: The attack.

    Example:
        >>> check_in_kernels(AttackSpec("apgd-ce"))
    """
    if not settings_of(spec.name).in_kernels:
        others = ", ".join(name for name in ATTACKS if settings_of(name).in_kernels)
        raise InputError(
            f"expected an attack of kernels: {others}; got {spec.name}, which leaves misclassified "
            "images as they are, and so most images of an untrained network"
        )
