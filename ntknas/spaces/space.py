"""What a search space is: a Protocol, and the registry of the spaces that have a name.

A space knows what its architectures are called and how they hang together. It needs no JAX, except
where it builds a network.
"""

from collections.abc import Mapping
from typing import Any, Protocol, TypeVar, runtime_checkable

from ntknas.registry import Registry

__all__ = ["SPACES", "Candidate", "Label", "NetworkLike", "Space"]

Label = int | str
"""What names an architecture in runs and tables: a whole number or a text."""


@runtime_checkable
class Candidate(Protocol):
    """An architecture of some space: hashable, and equal to another one of the same meaning."""

    @property
    def id(self) -> Label:
        """Its label in runs and tables."""
        ...

    @property
    def string(self) -> str:
        """What it is, written out."""
        ...

    @property
    def is_constant(self) -> bool:
        """Whether its output never depends on the input; such networks rank last."""
        ...


A = TypeVar("A", bound=Candidate)


@runtime_checkable
class NetworkLike(Protocol):
    """A network that is not built yet to the last weight, such as a Flax module.

    Its variables may hold collections besides "params"; those are kept as they are.
    """

    def init(self, key: Any, images: Any) -> Any:
        """Draw the variables, from a JAX key, for images [n, h, w, c] with pixels in [0, 1]."""
        ...

    def apply(self, variables: Any, images: Any) -> Any:
        """The logits [n, k] of the images."""
        ...


@runtime_checkable
class Space(Protocol[A]):
    """A search space.

    Attributes:
        name: Its name in settings and runs.
    """

    name: str

    def parse(self, spec: Any) -> list[A]:
        """The architectures that a user names, without duplicates.

        Args:
            spec: "all", "random:COUNT[:SEED]", a label, several of them, or architectures.

        Raises:
            InputError: If nothing or something unknown is named.
        """
        ...

    def representative(self, architecture: A) -> A:
        """The one architecture that stands for all that compute the same (the unique form)."""
        ...

    def sample(self, count: int, seed: int) -> list[A]:
        """A random draw without replacement; a smaller draw begins a larger one."""
        ...

    def neighbours(self, architecture: A) -> list[A]:
        """The architectures one step away: the moves of local search and of mutation."""
        ...

    def counts(self, architecture: A, sizes: Mapping[str, int]) -> dict[str, float]:
        """Scores that need no network, such as the number of parameters.

        Args:
            architecture: The architecture.
            sizes: Sizes of the network around it, where the space has any: channels, cells,
                classes, image_size.
        """
        ...

    def build(self, architecture: A, network: Any = None) -> NetworkLike:
        """The architecture's network.

        Args:
            architecture: The architecture.
            network: Settings of the network around it, where the space has any.
        """
        ...


SPACES: Registry[Space] = Registry(
    "space", {"nasbench201": "ntknas.spaces.nasbench201.space:NASBENCH201"}
)
"""Search spaces by name. A run of a space that is not here can be read, but not extended."""
