"""`Family`: a search space of your own, made of named choices.

    Family("small_cnn", SmallCNN, {"depth": (1, 2, 3), "width": (8, 16, 32)})

Each architecture is one combination of choices, and `SmallCNN(depth=..., width=...)` is its
network. For a space of another form, implement `ntknas.spaces.Space`.
"""

import itertools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ntknas.errors import InputError
from ntknas.spaces.space import Label, NetworkLike

__all__ = ["Family", "Member"]


@dataclass(frozen=True)
class Member:
    """One architecture of a family.

    Attributes:
        family: Name of the family.
        id: Label of the architecture in runs and tables.
        choices: Chosen value of each named choice.
    """

    family: str
    id: Label
    choices: Mapping[str, Any] = field(compare=False)

    @property
    def string(self) -> str:
        """The choices as text.

        Example:
            >>> Member("cnn", "small", {"depth": 1, "width": 8}).string
            'depth=1, width=8'
        """
        return ", ".join(f"{name}={value}" for name, value in self.choices.items())

    @property
    def is_constant(self) -> bool:
        """Always False: it is not known whether the output of a member ignores the input."""
        return False


class Family:
    """A search space of named choices; see `ntknas.spaces.Space`.

    Args:
        name: Name of the space in settings and runs.
        build: Function that receives the choices as keyword arguments and returns a network with
            `init` and `apply`, such as a Flax module.
        choices: Values to choose from, by name; similar values stand next to each other.
        label: Function that receives the choices as keyword arguments and returns a label: a whole
            number, or a text without commas. None means labels such as depth1_width8.
        unique: Function that receives the choices as keyword arguments and returns the choices that
            represent all architectures that compute the same function. None means that every
            architecture represents itself.

    Raises:
        InputError: If there is nothing to choose from, or two architectures have the same label.

    Example:
        >>> space = Family("mlp", dict, {"depth": (1, 2), "width": (8, 16, 32)})
        >>> [member.id for member in space.parse("all")][:3]
        ['depth1_width8', 'depth1_width16', 'depth1_width32']
        >>> [member.id for member in space.neighbours(space.parse("depth1_width16")[0])]
        ['depth2_width16', 'depth1_width8', 'depth1_width32']
    """

    def __init__(
        self,
        name: str,
        build: Callable[..., Any],
        choices: Mapping[str, Sequence[Any]],
        *,
        label: Callable[..., Label] | None = None,
        unique: Callable[..., Mapping[str, Any]] | None = None,
    ):
        if not choices or not all(len(values) for values in choices.values()):
            raise InputError(f"expected values to choose from for every name, got {choices!r}")
        self.name = name
        self._build = build
        self._choices = {name: tuple(values) for name, values in choices.items()}
        self._label = label or _default_label
        self._unique = unique
        combinations = itertools.product(*self._choices.values())
        every = [self.member(**dict(zip(choices, values, strict=True))) for values in combinations]
        self._members = {member.id: member for member in every}
        if len(self._members) < len(every):
            labels = [member.id for member in every]
            twice = next(label for label in labels if labels.count(label) > 1)
            raise InputError(f"expected distinct labels of architectures, got {twice!r} twice")

    def __repr__(self) -> str:
        return f"Family({self.name!r}, {len(self)} architectures)"

    def __len__(self) -> int:
        return len(self._members)

    def member(self, **choices: Any) -> Member:
        """The architecture with these choices.

        Args:
            **choices: One value for each name.

        Raises:
            InputError: If a name is missing or unknown, or a value cannot be chosen.
        """
        if set(choices) != set(self._choices):
            raise InputError(
                f"expected a value for each of {', '.join(self._choices)}, "
                f"got values for {', '.join(choices) or 'none'}"
            )
        for name, value in choices.items():
            if value not in self._choices[name]:
                raise InputError(
                    f"expected {name} to be one of {', '.join(map(str, self._choices[name]))}, "
                    f"got {value!r}"
                )
        ordered = {name: choices[name] for name in self._choices}
        label = self._label(**ordered)
        if not isinstance(label, (int, str)) or isinstance(label, bool) or "," in str(label):
            raise InputError(
                f"expected labels that are whole numbers or texts without commas, got {label!r}"
            )
        return Member(self.name, label, ordered)

    def parse(self, spec: Any) -> list[Member]:
        """The architectures that `spec` names, without duplicates.

        Args:
            spec: Architectures to select, as "all", "random:COUNT[:SEED]", a label, labels
                separated by commas, a member, or several of these.

        Raises:
            InputError: If `spec` names nothing, or something unknown.
        """
        chosen = list(dict.fromkeys(self._expand(spec)))
        if not chosen:
            raise InputError("expected at least one architecture, got an empty list")
        return chosen

    def _expand(self, spec: Any) -> list[Member]:
        """The architectures that `spec` names; duplicates are kept."""
        if isinstance(spec, Member):
            return [self._known(spec.id)]
        if isinstance(spec, (int, np.integer)) and not isinstance(spec, bool):
            return [self._known(int(spec))]
        if isinstance(spec, str):
            return self._parse(spec.strip())
        if isinstance(spec, Iterable) and not isinstance(spec, (bytes, Mapping)):
            return [member for item in spec for member in self._expand(item)]
        raise InputError(f"expected 'all', random:COUNT[:SEED] or labels, got {spec!r}")

    def _parse(self, spec: str) -> list[Member]:
        """The architectures that a text names."""
        if spec == "all":
            return list(self._members.values())
        if spec.startswith("random:"):
            match = re.fullmatch(r"random:([0-9]{1,9})(?::([0-9]{1,18}))?", spec)
            if match is None:
                raise InputError(
                    f"expected random:COUNT or random:COUNT:SEED with whole numbers, got {spec!r}"
                )
            return self.sample(int(match[1]), int(match[2] or 0))
        return [self._known(label.strip()) for label in spec.split(",")]

    def _known(self, label: Label) -> Member:
        """The member with this label; digits given as text also match a whole number."""
        if label not in self._members and isinstance(label, str) and label.isdecimal():
            label = int(label)
        if label not in self._members:
            some = ", ".join(map(str, list(self._members)[:3]))
            raise InputError(f"expected a label of {self.name} ({some}, ...), got {label!r}")
        return self._members[label]

    def representative(self, architecture: Member) -> Member:
        """The member that represents all members that compute the same function."""
        if self._unique is None:
            return architecture
        return self.member(**self._unique(**architecture.choices))

    def sample(self, count: int, seed: int) -> list[Member]:
        """A random draw without replacement.

        With the same seed, a smaller draw is the beginning of a larger one.

        Args:
            count: Number of architectures to draw.
            seed: Seed of the random order.

        Raises:
            InputError: If `count` is below 1 or above the number of architectures.
        """
        if not 1 <= count <= len(self):
            raise InputError(f"expected 1 to {len(self)} architectures to sample, got {count}")
        every = list(self._members.values())
        order = np.random.default_rng(seed).permutation(len(every))
        return [every[position] for position in order[:count]]

    def neighbours(self, architecture: Member) -> list[Member]:
        """The members that differ in exactly one choice."""
        chosen = architecture.choices
        return [
            self.member(**{**chosen, name: value})
            for name, values in self._choices.items()
            for value in values
            if value != chosen[name]
        ]

    def counts(self, architecture: Member, sizes: Mapping[str, int]) -> dict[str, float]:
        """An empty dictionary; the engine adds the number of parameters."""
        return {}

    def build(self, architecture: Member, network: Any = None) -> NetworkLike:
        """The network of the member."""
        return self._build(**architecture.choices)


def _default_label(**choices: Any) -> str:
    """A label made of the names and values, such as depth1_width8; commas become points."""
    return "_".join(f"{name}{value}" for name, value in choices.items()).replace(",", ".")
