"""Settings of the network around a cell: width, depth, classes, normalisation, initialisation.

The skeleton is NAS-Bench-201's (Dong & Yang, ICLR 2020, figure 1).
"""

import enum
import math
import operator
from dataclasses import dataclass
from typing import Any

from ntknas.errors import InputError, shorten
from ntknas.layers.norm import Norm
from ntknas.notebook import short_repr

__all__ = ["Init", "NetworkSpec"]


class Init(enum.StrEnum):
    """How weights are drawn.

    * `PYTORCH`: PyTorch's defaults, uniform within 1/sqrt(fan_in) for every kernel and for the
      classifier's bias (the published setting).
    * `KAIMING`: Normal weights of variance 2/fan_in (He et al. 2015) and zero biases (as TE-NAS).
    """

    PYTORCH = "pytorch"
    KAIMING = "kaiming"


@dataclass(frozen=True)
class NetworkSpec:
    """The network around the cell.

    Attributes:
        channels: Width C of the first stage; the other stages have widths 2 C and 4 C.
        cells: Number of cells per stage (5 in the benchmark).
        classes: Number of logits K.
        image_size: Height and width of an image in pixels, a multiple of 4.
        norm: Normalisation statistics.
        init: Distribution of the initial weights.
        mean: Mean of each colour channel in pixel units [0, 1]; the network subtracts it.
        std: Standard deviation of each colour channel in pixel units; the network divides by it.

    Raises:
        InputError: For a value of a wrong type or outside its range.

    Example:
        >>> NetworkSpec(cells=1).norm.coupled
        True
    """

    channels: int = 16
    cells: int = 5
    classes: int = 10
    image_size: int = 32
    norm: Norm = Norm.BATCH
    init: Init = Init.PYTORCH
    mean: tuple[float, float, float] = (125.3 / 255, 123.0 / 255, 113.9 / 255)
    std: tuple[float, float, float] = (63.0 / 255, 62.1 / 255, 66.7 / 255)

    __repr__ = short_repr

    def __post_init__(self) -> None:
        set_ = object.__setattr__
        for name in ("channels", "cells", "classes", "image_size"):
            set_(self, name, _whole_number(name, getattr(self, name)))
        for name in ("channels", "cells", "classes"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.image_size < 4 or self.image_size % 4:
            raise InputError(f"image_size must be a multiple of 4, got {self.image_size}")
        set_(self, "norm", _choice(Norm, self.norm))
        set_(self, "init", _choice(Init, self.init))
        set_(self, "mean", _colours("mean", self.mean))
        set_(self, "std", _colours("std", self.std))
        if not all(map(math.isfinite, self.mean)):
            raise InputError(f"mean must be finite, got {self.mean}")
        if not all(0 < value < math.inf for value in self.std):
            raise InputError(f"std must be positive and finite, got {self.std}")


def _whole_number(name: str, value: Any) -> int:
    """A whole number of any integer type."""
    try:
        return operator.index(value)
    except TypeError:
        raise InputError(f"{name} must be a whole number, got {value!r}") from None


def _colours(name: str, values: Any) -> tuple[float, ...]:
    """Three numbers, one per colour channel."""
    try:
        numbers = tuple(map(float, values))
    except (TypeError, ValueError):
        numbers = ()
    if len(numbers) != 3:
        raise InputError(f"{name} must be three numbers, one per colour, got {shorten(values)}")
    return numbers


def _choice(kind: type[enum.StrEnum], value: str) -> enum.StrEnum:
    """The member of an enumeration that has a value."""
    try:
        return kind(value)
    except ValueError:
        raise InputError(
            f"{kind.__name__.lower()} must be one of {', '.join(kind)}, got {value!r}"
        ) from None
