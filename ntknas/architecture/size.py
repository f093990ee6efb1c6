"""The size of the network that a cell makes: parameters and multiply-accumulates.

The network is NAS-Bench-201's (Dong & Yang, ICLR 2020): a 3x3 stem of C channels, three stages of
`cells` cells at C, 2C, 4C channels, a stride-2 residual block before the second and the third
stage, batch norm and a linear classifier. Every chosen operation is built and run, so dead edges
count too.
"""

from ntknas.architecture.cell import Architecture
from ntknas.architecture.space import OPERATIONS
from ntknas.errors import InputError

__all__ = ["flops", "num_parameters"]

# Weights of an edge's convolution for one input and one output channel.
_TAPS = {OPERATIONS.index("nor_conv_1x1"): 1, OPERATIONS.index("nor_conv_3x3"): 9}


def _check(**sizes: int) -> None:
    for name, size in sizes.items():
        if size < 1:
            raise InputError(f"expected {name} of at least 1, got {size}")


def num_parameters(
    architecture: Architecture, *, channels: int = 16, cells: int = 5, classes: int = 10
) -> int:
    """The number of trainable parameters, as the benchmark's PyTorch network has them.

    Convolutions have no bias; each but the shortcut's 1x1 is followed by a batch norm with a scale
    and a shift per channel; the classifier has a bias. Running statistics are not parameters.

    Args:
        architecture: The cell.
        channels: C, the channels of the first stage.
        cells: Cells in each stage.
        classes: Number of logits.

    Returns:
        The count.

    Raises:
        InputError: If a size is below 1.

    Example:
        >>> num_parameters(Architecture.from_code("333333"))
        1531546
    """
    _check(channels=channels, cells=cells, classes=classes)
    taps = [_TAPS[op] for op in architecture.ops if op in _TAPS]
    total = (27 + 2) * channels
    for width in (channels, 2 * channels, 4 * channels):
        total += cells * sum(k * width**2 + 2 * width for k in taps)
    for width in (2 * channels, 4 * channels):
        narrow = width // 2
        total += 9 * narrow * width + 2 * width + 9 * width**2 + 2 * width + narrow * width
    width = 4 * channels
    return total + 2 * width + (width + 1) * classes


def flops(
    architecture: Architecture,
    *,
    channels: int = 16,
    cells: int = 5,
    classes: int = 10,
    image_size: int = 32,
) -> int:
    """Multiply-accumulates of one forward pass on one image, as NAS-Bench-201 counts FLOPs.

    Counted: every convolution (kernel height x width x input x output channels x output pixels)
    and the classifier (inputs x logits, and one for each bias). Not counted: batch norm, ReLU,
    pooling, additions. One multiply-accumulate counts once. The benchmark prints this number
    divided by a million.

    Args:
        architecture: The cell.
        channels: C, the channels of the first stage.
        cells: Cells in each stage.
        classes: Number of logits.
        image_size: Height and width of the image in pixels; a multiple of 4, as each residual
            block's shortcut halves it exactly.

    Returns:
        The count.

    Raises:
        InputError: If a size is below 1 or `image_size` is no multiple of 4.

    Example:
        >>> flops(Architecture.from_code("333333"))
        220119690
    """
    _check(channels=channels, cells=cells, classes=classes, image_size=image_size)
    if image_size % 4:
        raise InputError(f"expected image_size to be a multiple of 4, got {image_size}")
    taps = sum(_TAPS.get(op, 0) for op in architecture.ops)
    total = 27 * channels * image_size**2
    for stage, width in enumerate((channels, 2 * channels, 4 * channels)):
        pixels = (image_size >> stage) ** 2
        total += cells * taps * width**2 * pixels
        if stage > 0:
            narrow = width // 2
            total += (9 * narrow * width + 9 * width**2 + narrow * width) * pixels
    return total + (4 * channels + 1) * classes
