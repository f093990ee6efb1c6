"""`Space`: the Protocol of search spaces, and the registry of the spaces that have a name.

A space names its architectures and says which of them are neighbours. It needs JAX only to build a
network.
"""

from collections.abc import Mapping
from typing import Any, Protocol, TypeVar, runtime_checkable

from ntknas.registry import Registry

__all__ = ["SPACES", "Candidate", "Label", "NetworkLike", "Space"]

Label = int | str
"""The name of an architecture in runs and tables: a whole number or a text."""


@runtime_checkable
class Candidate(Protocol):
    """An architecture of a search space.

    Architectures are hashable. Two that mean the same are equal.
    """

    @property
    def id(self) -> Label:
        """The label of the architecture in runs and tables."""
        ...

    @property
    def string(self) -> str:
        """The architecture as text."""
        ...

    @property
    def is_constant(self) -> bool:
        """Whether the output never depends on the input; such networks rank last."""
        ...


A = TypeVar("A", bound=Candidate)


@runtime_checkable
class NetworkLike(Protocol):
    """A network whose weights are not drawn yet, such as a Flax module.

    Its variables may hold collections besides "params"; those are kept as they are.
    """

    def init(self, key: Any, images: Any) -> Any:
        """Draw the variables, from a JAX key, for images `[n, h, w, c]` with pixels in [0, 1]."""
        ...

    def apply(self, variables: Any, images: Any) -> Any:
        """The logits `[n, k]` of the images."""
        ...


@runtime_checkable
class Space(Protocol[A]):
    """A search space.

    Attributes:
        name: Name of the space in settings and runs.
    """

    name: str

    def parse(self, spec: Any) -> list[A]:
        """The architectures that `spec` names, without duplicates.

        Args:
            spec: Architectures to select, as "all", "random:COUNT[:SEED]", a label, several labels,
                or architectures.

        Raises:
            InputError: If `spec` names nothing, or something unknown.
        """
        ...

    def representative(self, architecture: A) -> A:
        """The architecture that represents all architectures that compute the same function."""
        ...

    def sample(self, count: int, seed: int) -> list[A]:
        """A random draw without replacement.

        With the same seed, a smaller draw is the beginning of a larger one.

        Args:
            count: Number of architectures to draw.
            seed: Seed of the random order.
        """
        ...

    def neighbours(self, architecture: A) -> list[A]:
        """The architectures one step away, which local search and mutation can move to."""
        ...

    def counts(self, architecture: A, sizes: Mapping[str, int]) -> dict[str, float]:
        """Scores that need no network, such as the number of parameters.

        Args:
            architecture: Architecture to count.
            sizes: Sizes of the network around the architecture, if the space has any: channels,
                cells, classes, image_size.
        """
        ...

    def build(self, architecture: A, network: Any = None) -> NetworkLike:
        """The network of an architecture.

        Args:
            architecture: Architecture to build.
            network: Settings of the network around the architecture, if the space has any.
        """
        ...


SPACES: Registry[Space] = Registry(
    "space", {"nasbench201": "ntknas.spaces.nasbench201.space:NASBENCH201"}
)
"""Search spaces by name. A run of a space that is not listed can be read, but not extended."""
