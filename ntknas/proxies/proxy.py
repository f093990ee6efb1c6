"""Families of zero-cost proxies: their Protocol, the registry, and the inputs that all share.

The loss is the mean cross-entropy of the batch. Operations are data, so that one compiled program
serves all architectures. Layers that an architecture lacks, or that do not reach its output, do not
count. For networks whose output does not depend on their input every proxy is finite: it is zero
where the definition gives zero, and at its floor where the definition takes a logarithm.
"""

import enum
from collections.abc import Callable, Collection
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
import optax
from jaxtyping import Array, Float, Int

from ntknas.network import Network, NetworkSpec
from ntknas.registry import Registry

__all__ = ["PROXIES", "TINY", "Draw", "Proxy", "ProxyInputs", "cross_entropy", "logits_of"]

TINY = 1e-30
"""Number that keeps arguments of logarithms and denominators away from 0."""


class Draw(enum.IntEnum):
    """What is folded into the key of `ProxyInputs` before it is used for one more draw.

    * `MECO`: MeCo's image.
    * `AZ`: Signs that AZ-NAS sends back through the blocks.

    Numbers start at 2, because the halves of a key are the key with 0 and with 1.
    """

    MECO = 2
    AZ = 3


class ProxyInputs(NamedTuple):
    """Inputs that a seed fixes for every architecture.

    Attributes:
        variables: Variables of the network, with the weights of every operation.
        gaussian: Parameters with standard normal weights (Zen-NAS).
        images: Pixels in [0, 1].
        labels: Classes of the images.
        key: Key of Zen-NAS's images and of the Hessian's first direction, which are its two halves;
            other draws fold a number into it (`Draw`).
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
        names: Names of the family's scores, as in `ntknas.scores.SCORES`.
        double: Whether the family is computed in float64, with absolute weights and no
            normalisation. Proxies whose values grow with every layer need this.
    """

    names: tuple[str, ...]
    double: bool

    def device(
        self,
        network: NetworkSpec,
        ops: Int[Array, "6"],
        inputs: ProxyInputs,
        names: Collection[str],
    ) -> dict[str, Array]:
        """The values that are computed on the device; traced.

        Args:
            network: The network's specification; without normalisation if `double`.
            ops: Six operation codes of the cell, as data.
            inputs: Inputs that the seed fixes; in float64 and with absolute weights if `double`.
            names: Names of the scores that are asked for, some of the family's; static.

        Returns:
            Arrays by name; the family chooses the names.
        """
        ...

    def host(self, values: dict[str, np.ndarray]) -> dict[str, float]:
        """The scores, from the values of `device` in float64; others may be among them."""
        ...


PROXIES: Registry[Proxy] = Registry(
    "family of proxies",
    {
        "gradients": "ntknas.proxies.gradients:GRADIENTS",
        "hessian": "ntknas.proxies.hessian:HESSIAN",
        "input_jacobian": "ntknas.proxies.input_jacobian:INPUT_JACOBIAN",
        "zen": "ntknas.proxies.zen:ZEN",
        "synflow": "ntknas.proxies.synflow:SYNFLOW",
        "croze": "ntknas.proxies.croze:CROZE",
        "meco": "ntknas.proxies.meco:MECO",
        "zico": "ntknas.proxies.zico:ZICO",
        "az": "ntknas.proxies.az:AZ",
        "vkdnw": "ntknas.proxies.vkdnw:VKDNW",
        "robust_zcp": "ntknas.proxies.robust_zcp:ROBUST_ZCP",
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

    The program is that of `Network.watch`, whose second derivatives are smaller programs.

    Args:
        network: The network's specification.
        ops: Six operation codes of the cell.
        inputs: Inputs that the seed fixes.
    """

    def logits(params: Any, images: Array) -> Array:
        variables = {**inputs.variables, "params": params}
        return Network(network).apply(variables, images, ops, method="watch")[0]

    return logits
