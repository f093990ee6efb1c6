"""The layers of a network, and the parts of its kernel that are kept.

A tangent kernel is a sum over layers, K = sum_l K_l, where K_l holds the products of the gradients
of layer l. Besides their sum two things are kept:

* the *layer cosine kernel*, the mean over live layers of K_l normalised to a unit diagonal. Only
  the gradients of weights (kernels and scales) count in it, not those of biases. A layer is live
  if one of these gradients is not zero. It is the tangent kernel of a Jacobian whose rows are
  normalised layer by layer, and is mixed like one (`ntknas.kernel.joint`).
* the sums over some layers, if they are asked for (`PARTS`).
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

__all__ = ["PARTS", "Grams", "Layers", "layers_of_paths"]

PARTS = ("none", "groups", "layers")
"""What can be kept of a kernel besides its sum: nothing, groups of layers, or every layer."""

Path = tuple[str, ...]
"""The names that lead to a parameter, such as `("stem", "norm", "scale")`."""


class Grams(NamedTuple):
    """Joint Gram matrices as they are computed, on a device or on the host.

    Attributes:
        whole: The kernel, matrices `[..., m, m]`.
        layer_cosine: The layer cosine kernel `[..., m, m]`.
        parts: The kernels of the parts `[..., m, m]`, by name.
    """

    whole: Any
    layer_cosine: Any
    parts: "OrderedDict[str, Any]"


@dataclass(frozen=True)
class Layers:
    """The layers that a kernel is a sum over.

    Attributes:
        names: Names of the L layers.
        of: Function from the path of a parameter to the name of its layer.
        parts: Name of each part that is kept, with the names of its layers.
        biases: Whether the kernel is also taken over biases.
    """

    names: tuple[str, ...]
    of: Callable[[Path], str]
    parts: tuple[tuple[str, tuple[str, ...]], ...] = ()
    biases: bool = True


def layers_of_paths(paths: list[Path], keep: str = "none") -> Layers:
    """The layers of any network: parameters of one module are one layer.

    Args:
        paths: Paths of the parameters.
        keep: A member of `PARTS`. The groups are the outermost modules.

    Returns:
        Layers, named by their modules, joined with dots; "network" for a parameter without one.

    Example:
        >>> paths = [("a", "kernel"), ("a", "bias"), ("b", "c", "kernel")]
        >>> layers_of_paths(paths).names, layers_of_paths(paths, "groups").parts
        (('a', 'b.c'), (('a', ('a',)), ('b', ('b.c',))))
    """

    def of(path: Path) -> str:
        return ".".join(path[:-1]) or "network"

    names = tuple(dict.fromkeys(map(of, paths)))
    if keep == "layers":
        return Layers(names, of, tuple((name, (name,)) for name in names))
    groups: dict[str, list[str]] = {}
    for name in names if keep == "groups" else ():
        groups.setdefault(name.partition(".")[0], []).append(name)
    return Layers(names, of, tuple((group, tuple(held)) for group, held in groups.items()))
