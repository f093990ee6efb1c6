"""The size of a cell's network: number of parameters and of multiply-accumulates.

The benchmark builds and runs every operation of a cell, so dead edges count too. Both numbers are
sums over the list of layers (`ntknas.spaces.nasbench201.layers`).
"""

from functools import cache

from ntknas.spaces.nasbench201.layers import layers
from ntknas.spaces.nasbench201.listing import Ops
from ntknas.spaces.nasbench201.selection import ArchitectureLike, architecture_of

__all__ = ["flops", "num_parameters"]


def num_parameters(
    architecture: ArchitectureLike, *, channels: int = 16, cells: int = 5, classes: int = 10
) -> int:
    """The number of trainable parameters of the benchmark's PyTorch network.

    Convolutions have no bias. Each convolution except the 1x1 of a shortcut is followed by a batch
    normalisation with a scale and a shift per channel. The classifier has a bias. Running
    statistics are not parameters.

    Args:
        architecture: Cell of the network.
        channels: Number of channels C of the first stage.
        cells: Number of cells per stage.
        classes: Number of logits.

    Returns:
        The number of parameters.

    Raises:
        InputError: If a size is below 1.

    Example:
        >>> num_parameters("code:333333")
        1531546
    """
    architecture = architecture_of(architecture)
    return _sizes(tuple(sorted(architecture.ops)), channels, cells, classes, 32)[0]


def flops(
    architecture: ArchitectureLike,
    *,
    channels: int = 16,
    cells: int = 5,
    classes: int = 10,
    image_size: int = 32,
) -> int:
    """Multiply-accumulates of one forward pass on one image, as NAS-Bench-201 counts FLOPs.

    Counted are every convolution (kernel height x width x input x output channels x output pixels)
    and the classifier (inputs x logits, and one for each bias). Batch normalisation, ReLU, pooling
    and additions are not counted. One multiply-accumulate counts once. The benchmark prints this
    number divided by a million.

    Args:
        architecture: Cell of the network.
        channels: Number of channels C of the first stage.
        cells: Number of cells per stage.
        classes: Number of logits.
        image_size: Height and width of the image in pixels; a multiple of 4.

    Returns:
        The number of multiply-accumulates.

    Raises:
        InputError: If a size is below 1, or `image_size` is not a multiple of 4.

    Example:
        >>> flops("code:333333")
        220119690
    """
    architecture = architecture_of(architecture)
    return _sizes(tuple(sorted(architecture.ops)), channels, cells, classes, image_size)[1]


@cache
def _sizes(ops: Ops, channels: int, cells: int, classes: int, image_size: int) -> tuple[int, int]:
    """Parameters and FLOPs; they depend on how often an operation occurs, not on which edge."""
    listed = layers(ops, channels=channels, cells=cells, classes=classes, image_size=image_size)
    return sum(layer.parameters for layer in listed), sum(layer.flops for layer in listed)
