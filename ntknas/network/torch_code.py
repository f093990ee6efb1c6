"""Source of a network for PyTorch: one file that needs no package but torch. Needs no JAX."""

from typing import Any

from ntknas.network.spec import NetworkSpec
from ntknas.spaces.nasbench201 import EDGES, Architecture, architecture_of

__all__ = ["torch_code"]

_OPERATIONS = {
    0: "Zero()",
    1: "nn.Identity()",
    2: "ReLUConvBN(channels, channels, 1)",
    3: "ReLUConvBN(channels, channels, 3)",
    4: "nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False)",
}

_SOURCE = '''\
"""Architecture {index} of NAS-Bench-201 in PyTorch, written by ntknas.

{string}

The names of the weights are those of NAS-Bench-201's own code (the package xautodl), so that its
checkpoints fit, and those of `ntknas train --export-torch FILE`:

    model = network()
    model.load_state_dict(torch.load(FILE))
    logits = model.eval()(images)  # images [n, 3, h, w] with pixels in [0, 1]
"""

import torch
from torch import nn


class Normaliser(nn.Module):
    """Pixels in [0, 1], normalised by colour."""

    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.tensor({mean}).view(3, 1, 1))
        self.register_buffer("std", torch.tensor({std}).view(3, 1, 1))

    def forward(self, images):
        return (images - self.mean) / self.std


class ReLUConvBN(nn.Module):
    """ReLU, a convolution and batch normalisation."""

    def __init__(self, inputs, outputs, size, stride=1):
        super().__init__()
        convolution = nn.Conv2d(inputs, outputs, size, stride, padding=size // 2, bias=False)
        self.op = nn.Sequential(nn.ReLU(), convolution, nn.BatchNorm2d(outputs))

    def forward(self, x):
        return self.op(x)


class Zero(nn.Module):
    """No edge."""

    def forward(self, x):
        return torch.zeros_like(x)


class Cell(nn.Module):
    """Four nodes; each is the sum of its edges from earlier nodes."""

    def __init__(self, channels):
        super().__init__()
        self.layers = nn.ModuleList(
            [
{edges}
            ]
        )

    def forward(self, x):
        edges, nodes = iter(self.layers), [x]
        for target in range(1, 4):
            nodes.append(sum(next(edges)(nodes[source]) for source in range(target)))
        return nodes[-1]


class Reduction(nn.Module):
    """A residual block that halves the image."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.conv_a = ReLUConvBN(inputs, outputs, 3, stride=2)
        self.conv_b = ReLUConvBN(outputs, outputs, 3)
        self.downsample = nn.Sequential(
            nn.AvgPool2d(2, stride=2), nn.Conv2d(inputs, outputs, 1, bias=False)
        )

    def forward(self, x):
        return self.downsample(x) + self.conv_b(self.conv_a(x))


class Network(nn.Module):
    """Stem, three stages of cells with reductions between them, and a classifier."""

    def __init__(self, channels={channels}, cells={cells}, classes={classes}):
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels)
        )
        self.cells = nn.ModuleList()
        for stage in range(3):
            if stage:
                self.cells.append(Reduction(channels, 2 * channels))
                channels *= 2
            self.cells.extend(Cell(channels) for _ in range(cells))
        self.lastact = nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU())
        self.classifier = nn.Linear(channels, classes)

    def forward(self, x):
        x = self.stem(x)
        for cell in self.cells:
            x = cell(x)
        return self.classifier(self.lastact(x).mean((2, 3)))


def network():
    """The network for images with pixels in [0, 1]."""
    return nn.Sequential(Normaliser(), Network())
'''


def torch_code(architecture: Any, spec: NetworkSpec | None = None) -> str:
    """The source of an architecture's network in PyTorch, as a module that imports torch alone.

    Its function `network` gives Sequential(Normaliser, Network), which takes images with pixels in
    [0, 1]. Weights have the names of `ntknas.network.export_torch_weights` with `normaliser`.

    Args:
        architecture: The cell, or its id or string.
        spec: The network around the cell: channels, cells, classes, mean and standard deviation of
            the colours. None means NAS-Bench-201's for CIFAR-10.

    Returns:
        Python source.

    Raises:
        InputError: If there is no such architecture.

    Example:
        >>> torch_code(9930).splitlines()[-1]
        '    return nn.Sequential(Normaliser(), Network())'
    """
    found: Architecture = architecture_of(architecture)
    spec = NetworkSpec() if spec is None else spec
    edges = "\n".join(
        f"                {_OPERATIONS[op]},  # node {source} to node {target}"
        for (source, target), op in zip(EDGES, found.ops, strict=True)
    )
    return _SOURCE.format(
        index=found.id,
        string=found.string,
        edges=edges,
        mean=list(spec.mean),
        std=list(spec.std),
        channels=spec.channels,
        cells=spec.cells,
        classes=spec.classes,
    )
