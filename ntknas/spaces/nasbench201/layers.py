"""The layers of a NAS-Bench-201 network, in one list.

Parameters, FLOPs, the cost model and the names in PyTorch checkpoints are all derived from this
list. The network is that of Dong & Yang, NAS-Bench-201, ICLR 2020: a 3x3 stem of C channels, three
stages of `cells` equal cells at C, 2C, 4C channels, a residual block of stride 2 before the second
and the third stage, normalisation, average pooling and a linear classifier.
"""

import enum
from typing import NamedTuple

from ntknas.errors import InputError
from ntknas.spaces.nasbench201.listing import EDGES, OPERATIONS, Ops

__all__ = ["KERNEL_SIZES", "Layer", "LayerKind", "layers"]

KERNEL_SIZES = {OPERATIONS.index("nor_conv_1x1"): 1, OPERATIONS.index("nor_conv_3x3"): 3}
"""Kernel size of each operation that is a convolution, by op code."""


class LayerKind(enum.Enum):
    """What a layer computes.

    * `CONVOLUTION`: a convolution without bias, followed by a normalisation.
    * `SHORTCUT`: a convolution without bias and without normalisation.
    * `NORMALISATION`: a normalisation alone.
    * `LINEAR`: the classifier, with a bias.
    """

    CONVOLUTION = enum.auto()
    SHORTCUT = enum.auto()
    NORMALISATION = enum.auto()
    LINEAR = enum.auto()

    @property
    def normalised(self) -> bool:
        """Whether the layer has a normalisation, with its scale and shift."""
        return self in (LayerKind.CONVOLUTION, LayerKind.NORMALISATION)


class Layer(NamedTuple):
    """One layer with weights.

    Attributes:
        kind: Kind of the layer.
        path: Path of the layer in the Flax variables.
        torch: Name of the layer in a PyTorch state_dict of the package xautodl.
        torch_norm: Name of the layer's normalisation in the state_dict; None if it has none.
        cell: Position of the layer's cell in its stage, whose weights Flax stacks; None outside of
            cells.
        edge: Position of the layer's edge in `EDGES`; None outside of cells.
        size: Height and width of the convolution's kernel; 1 for other layers.
        stride: Stride of the convolution; 1 for other layers.
        inputs: Number of input channels.
        outputs: Number of output channels, or of logits for the classifier.
        side: Height and width of the output in pixels; 1 for the classifier.
    """

    kind: LayerKind
    path: tuple[str, ...]
    torch: str
    torch_norm: str | None
    cell: int | None
    edge: int | None
    size: int
    stride: int
    inputs: int
    outputs: int
    side: int

    @property
    def weights(self) -> int:
        """The number of entries of the kernel."""
        if self.kind is LayerKind.NORMALISATION:
            return 0
        return self.size**2 * self.inputs * self.outputs

    @property
    def parameters(self) -> int:
        """The number of trainable parameters."""
        bias = self.outputs if self.kind is LayerKind.LINEAR else 0
        return self.weights + bias + 2 * self.outputs * self.kind.normalised

    @property
    def flops(self) -> int:
        """Multiply-accumulates on one image, as NAS-Bench-201 counts them: padding included."""
        bias = self.outputs if self.kind is LayerKind.LINEAR else 0
        return self.weights * self.side**2 + bias


def layers(
    ops: Ops, *, channels: int = 16, cells: int = 5, classes: int = 10, image_size: int = 32
) -> list[Layer]:
    """Every layer with weights, in the order of PyTorch's modules.

    Args:
        ops: Six op codes.
        channels: Number of channels C of the first stage.
        cells: Number of cells per stage.
        classes: Number of logits.
        image_size: Height and width of an image in pixels; a multiple of 4, because the shortcut
            of each residual block halves it exactly.

    Returns:
        The layers that have weights.

    Raises:
        InputError: If a size is below 1, or `image_size` is not a multiple of 4.

    Example:
        >>> [layer.torch for layer in layers((3, 0, 0, 0, 0, 0), cells=1)][:3]
        ['stem.0', 'cells.0.layers.0.op.1', 'cells.1.conv_a.op.1']
    """
    sizes = {"channels": channels, "cells": cells, "classes": classes, "image_size": image_size}
    for name, size in sizes.items():
        if size < 1:
            raise InputError(f"expected {name} of at least 1, got {size}")
    if image_size % 4:
        raise InputError(f"expected image_size to be a multiple of 4, got {image_size}")

    convolution, listed = LayerKind.CONVOLUTION, []
    listed.append(
        Layer(convolution, ("stem",), "stem.0", "stem.1", None, None, 3, 1, 3, channels, image_size)
    )
    index = 0  # position of the next module in PyTorch's list of cells and residual blocks
    for stage in range(3):
        width, side = channels * 2**stage, image_size >> stage
        if stage:
            narrow, block, torch = width // 2, f"reduction_{stage}", f"cells.{index}"
            for part, inputs, stride in (("conv_a", narrow, 2), ("conv_b", width, 1)):
                at = f"{torch}.{part}.op"
                path, names = (block, part), (f"{at}.1", f"{at}.2")
                listed.append(
                    Layer(convolution, path, *names, None, None, 3, stride, inputs, width, side)
                )
            listed.append(
                Layer(
                    LayerKind.SHORTCUT,
                    (block, "shortcut"),
                    f"{torch}.downsample.1",
                    *(None, None, None, 1, 1, narrow, width, side),
                )
            )
            index += 1
        for cell in range(cells):
            for edge, (op, (source, target)) in enumerate(zip(ops, EDGES, strict=True)):
                if op in KERNEL_SIZES:
                    size = KERNEL_SIZES[op]
                    path = (f"stage_{stage}", f"edge_{source}_{target}_conv_{size}x{size}")
                    at = f"cells.{index}.layers.{edge}.op"
                    names = (f"{at}.1", f"{at}.2")
                    listed.append(
                        Layer(convolution, path, *names, cell, edge, size, 1, width, width, side)
                    )
            index += 1
    listed.append(
        Layer(
            LayerKind.NORMALISATION,
            ("head_norm",),
            "lastact.0",
            "lastact.0",
            *(None, None, 1, 1, width, width, side),
        )
    )
    listed.append(
        Layer(
            LayerKind.LINEAR,
            ("classifier",),
            "classifier",
            *(None, None, None, 1, 1, width, classes, 1),
        )
    )
    return listed
