"""What a family of zero-cost proxies is: a Protocol, the registry, and the inputs that all share.

The loss is the mean cross-entropy of the batch. Operations are data, so that one compiled program
serves all architectures; what an architecture lacks, or what does not reach its output, takes no
part. For networks whose output does not depend on their input every proxy is finite: zero where the
definition gives it, and at its floor where it takes a logarithm.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
import optax
from jaxtyping import Array, Float, Int

from ntknas.network import Network, NetworkSpec
from ntknas.registry import Registry

__all__ = ["PROXIES", "TINY", "Proxy", "ProxyInputs", "cross_entropy", "logits_of"]

TINY = 1e-30
"""What logarithms and quotients are kept away from 0 by."""


class ProxyInputs(NamedTuple):
    """What a seed fixes for every architecture.

    Attributes:
        variables: Variables of the network, with the weights of every operation.
        gaussian: Parameters with standard normal weights (Zen-NAS).
        images: Pixels in [0, 1].
        labels: Classes of the images.
        key: Key of Zen-NAS's images and of the Hessian's first direction.
    """

    variables: dict[str, Any]
    gaussian: dict[str, Any]
    images: Float[Array, "n h w c"]
    labels: Int[Array, " n"]
    key: Array


@runtime_checkable
class Proxy(Protocol):
    """A family of proxies that share their work: one file, and an entry of `PROXIES`.

    Attributes:
        names: The scores that it gives, names of `ntknas.scores.SCORES`.
        double: Whether it is computed in float64, with absolute weights and no normalisation, as
            proxies whose values grow with every layer need.
    """

    names: tuple[str, ...]
    double: bool

    def device(
        self, network: NetworkSpec, ops: Int[Array, "6"], inputs: ProxyInputs
    ) -> dict[str, Array]:
        """What is computed on the device; traced.

        Args:
            network: The network's specification; without normalisation if `double`.
            ops: Six operation codes, as data.
            inputs: What the seed fixes; in float64, with absolute weights, if `double`.

        Returns:
            Arrays by names of the family's choice.
        """
        ...

    def host(self, values: dict[str, np.ndarray]) -> dict[str, float]:
        """The proxies of what `device` returned, in float64."""
        ...


PROXIES: Registry[Proxy] = Registry(
    "family of proxies",
    {
        "weights": "ntknas.proxies.weights:WEIGHTS",
        "hessian": "ntknas.proxies.hessian:HESSIAN",
        "input_jacobian": "ntknas.proxies.input_jacobian:INPUT_JACOBIAN",
        "activity": "ntknas.proxies.activity:ACTIVITY",
        "zen": "ntknas.proxies.zen:ZEN",
        "synflow": "ntknas.proxies.synflow:SYNFLOW",
        "croze": "ntknas.proxies.croze:CROZE",
    },
)
"""Families of proxies by name."""


def cross_entropy(logits: Float[Array, "n k"], labels: Int[Array, " n"]) -> Float[Array, ""]:
    """The mean cross-entropy of a batch."""
    return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()


def logits_of(
    network: NetworkSpec, ops: Int[Array, "6"], inputs: ProxyInputs
) -> Callable[[Any, Array], Array]:
    """The network as a function of parameters and images.

    Its program is the watched one, whose second derivatives are smaller.

    Args:
        network: The network's specification.
        ops: Six operation codes.
        inputs: What the seed fixes.
    """

    def logits(params: Any, images: Array) -> Array:
        variables = {**inputs.variables, "params": params}
        return Network(network).apply(variables, images, ops, method="watch")[0]

    return logits
