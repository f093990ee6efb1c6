"""`NetworkTable`: a search space that is a list of networks, each with a name."""

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ntknas.errors import InputError
from ntknas.spaces.space import Label, NetworkLike

__all__ = ["NamedNetwork", "NetworkTable"]


@dataclass(frozen=True)
class NamedNetwork:
    """One network of a table.

    Attributes:
        id: Label of the network.
    """

    id: Label

    @property
    def string(self) -> str:
        """The label."""
        return str(self.id)

    @property
    def is_constant(self) -> bool:
        """Always False: it is not known whether the output of a network ignores the input."""
        return False


class _Fixed:
    """A network whose parameters are already known."""

    def __init__(self, apply_fn: Any, params: Any):
        self.apply = apply_fn
        self._params = params

    def init(self, key: Any, images: Any) -> Any:
        """The known parameters; the key has no effect."""
        return self._params


def _is_nnx(network: Any) -> bool:
    """Whether a network is an NNX module; whoever has one has imported `flax.nnx`."""
    nnx = sys.modules.get("flax.nnx")
    return nnx is not None and isinstance(network, nnx.Module)


class NetworkTable:
    """Networks of your own as a space without neighbours; see `ntknas.spaces.Space`.

    Args:
        networks: Networks by label: each has `init` and `apply` (a Flax Linen module), is a pair
            `(apply_fn, params)`, or is a Flax NNX module.

    Raises:
        InputError: If there are no networks, or one of them has neither form.

    Example:
        >>> table = NetworkTable({"linear": (lambda w, x: x.reshape(len(x), -1) @ w, 0.0)})
        >>> [network.id for network in table.parse("all")]
        ['linear']
    """

    name = "networks"

    def __init__(self, networks: Mapping[Any, Any]):
        if not networks:
            raise InputError("expected at least one network, got none")
        self._networks: dict[Label, NetworkLike] = {}
        for label, network in networks.items():
            if isinstance(network, tuple) and len(network) == 2 and callable(network[0]):
                self._networks[label] = _Fixed(*network)
            elif hasattr(network, "init") and hasattr(network, "apply"):
                self._networks[label] = network
            elif _is_nnx(network):
                self._networks[label] = _Fixed(network, None)
            else:
                raise InputError(
                    f"expected network {label!r} as a Flax module or as (apply_fn, params), "
                    f"got {type(network).__name__}"
                )

    def parse(self, spec: Any) -> list[NamedNetwork]:
        """The networks that `spec` names: "all", a label, or several.

        Args:
            spec: Labels of the networks to select, or "all".

        Raises:
            InputError: If `spec` names nothing, or something unknown.
        """
        if isinstance(spec, NamedNetwork):
            spec = spec.id
        if isinstance(spec, str) and spec == "all":
            return [NamedNetwork(label) for label in self._networks]
        if isinstance(spec, (str, int, np.integer)) and not isinstance(spec, bool):
            if spec not in self._networks:
                known = ", ".join(map(str, self._networks))
                raise InputError(f"expected a label of a network: {known}; got {spec!r}")
            return [NamedNetwork(spec if isinstance(spec, str) else int(spec))]
        if isinstance(spec, Iterable) and not isinstance(spec, (bytes, Mapping)):
            chosen = list(dict.fromkeys(one for item in spec for one in self.parse(item)))
            if not chosen:
                raise InputError("expected at least one network, got an empty list")
            return chosen
        raise InputError(f"expected labels of networks, got {spec!r}")

    def representative(self, architecture: NamedNetwork) -> NamedNetwork:
        """The network itself."""
        return architecture

    def sample(self, count: int, seed: int) -> list[NamedNetwork]:
        """A random draw without replacement.

        Args:
            count: Number of networks to draw.
            seed: Seed of the random order.

        Raises:
            InputError: If `count` is below 1 or above the number of networks.
        """
        every = self.parse("all")
        if not 1 <= count <= len(every):
            raise InputError(f"expected 1 to {len(every)} networks to sample, got {count}")
        return [every[i] for i in np.random.default_rng(seed).permutation(len(every))[:count]]

    def neighbours(self, architecture: NamedNetwork) -> list[NamedNetwork]:
        """An empty list: the networks of a table have no neighbours."""
        return []

    def counts(self, architecture: NamedNetwork, sizes: Mapping[str, int]) -> dict[str, float]:
        """An empty dictionary; the engine adds the number of parameters."""
        return {}

    def build(self, architecture: NamedNetwork, network: Any = None) -> NetworkLike:
        """The network with the label of the architecture."""
        return self._networks[architecture.id]
