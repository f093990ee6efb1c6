"""The cost of scoring an architecture, in floating-point operations and bytes.

The operations that the algorithm asks for are counted by layer, for the edges that can matter
(`live_operations`). The counts follow from the settings alone; nothing is built or compiled. A
benchmark divides them by its seconds and by `measured_peak`.

Products take two operations per multiply-accumulate, and their counts are exact:

* Convolutions: A forward pass and the gradient of its input take the taps that fall inside the
  image, which is what XLA counts. The gradient of its kernel takes all taps, because
  `ntknas.layers.convolution` computes it as a product of patches that include the padding.
* The classifier, and the products of Jacobians.

Everything else takes a few operations per element, counted from the code of the layers. The column
"prepared" is for standardised activations and signs, which a forward pass prepares once for all of
its pull-backs. Operations per element::

                                                                           gradient
    operation (elements)                    forward  prepared  pull-back  of images
    normalisation, measured statistics
      (output)                                    8         6          7          7
    normalisation, running statistics
      (output)                                    3         0          4          1
    ReLU (input)                                  1         1          1          1
    average pooling (output)                      5         0          5          5
    sum at a node
      (each value after the first)                1         0          1          1
    mean of 2 x 2 pixels in a shortcut
      (input; pull-back: output)                  1         0          1          1
    sum behind a residual block
      (output; pull-back: input)                  1         0          1          1
    mean over the last activations
      (input)                                     1         0          0          0
    pixels                                        2         0          0          1
    step of an attack (pixels)                    9

Operations without an axis of pixels are left out: the classifier's bias, the loss, and sums of Gram
blocks.
"""

import time
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from ntknas.errors import InputError
from ntknas.kernel import Batch, Logits
from ntknas.layers import Norm
from ntknas.network import NetworkSpec
from ntknas.runs import ScoringSpec
from ntknas.spaces.nasbench201 import (
    EDGES,
    OPERATIONS,
    Architecture,
    ArchitectureLike,
    Layer,
    LayerKind,
    architecture_of,
    layers,
    live_operations,
)

__all__ = ["Cost", "measured_peak", "run_cost"]

_SKIP, _POOL = OPERATIONS.index("skip_connect"), OPERATIONS.index("avg_pool_3x3")
_FLOAT_BYTES = 4

_NORM_FORWARD = {Norm.BATCH: 8, Norm.IMAGE: 8, Norm.FROZEN: 3, Norm.NONE: 0}
_NORM_PREPARED = {Norm.BATCH: 6, Norm.IMAGE: 6, Norm.FROZEN: 0, Norm.NONE: 0}
_NORM_PULL_BACK = {Norm.BATCH: 7, Norm.IMAGE: 7, Norm.FROZEN: 4, Norm.NONE: 0}
_NORM_INPUT_GRADIENT = _NORM_PULL_BACK | {Norm.FROZEN: 1}
_POOLING, _STANDARDISING, _ATTACK_STEP = 5, 2, 9


@dataclass(frozen=True)
class Cost:
    """The work of one architecture under one seed.

    Attributes:
        forward_flops: Products of the Jacobians' forward passes.
        activation_gradient_flops: Products of the Jacobians' pull-backs to the input of each layer.
            The stem has none, because no kernel needs a gradient of the images.
        weight_gradient_flops: Products of the Jacobians' pull-backs to the kernels of each layer.
        attack_flops: Products of the attacks, in forward passes and gradients of the images.
        contraction_flops: Products of Jacobians with each other.
        elementwise_flops: All other operations of Jacobians and attacks (see the module's table).
        bytes: Float32 traffic that remains if all elementwise operations are fused into the product
            before or after them. Each of these is written once and read once: in each forward pass
            the output of every convolution, of the classifier, and the value of every node that is
            not a copy of another node; in each pull-back and attack step the cotangents of these;
            and the gradient of every parameter by every image. Images, weights, patches, and
            repeated reads are left out.
    """

    forward_flops: int
    activation_gradient_flops: int
    weight_gradient_flops: int
    attack_flops: int
    contraction_flops: int
    elementwise_flops: int
    bytes: int

    @property
    def product_flops(self) -> int:
        """The operations of convolutions and matrix products."""
        return self.flops - self.elementwise_flops

    @property
    def flops(self) -> int:
        """All operations."""
        return (
            self.forward_flops
            + self.activation_gradient_flops
            + self.weight_gradient_flops
            + self.attack_flops
            + self.contraction_flops
            + self.elementwise_flops
        )


class _Product(NamedTuple):
    """Multiply-accumulates of a convolution or the classifier on one image, and its output size."""

    macs: int  # taps inside the image
    input_macs: int  # taps of the gradient of the input; 0 if nothing needs it
    padded_macs: int  # all taps, those in the padding included
    outputs: int


class _Counts(NamedTuple):
    """What a network computes on one image: products, and numbers of elements per operation."""

    stem: _Product
    products: list[_Product]  # without the stem
    pixels: int
    normalised: int
    rectified: int
    rectified_backward: int
    pooled: int
    cell_sums: int
    cell_sums_backward: int
    halved: int
    residual: int
    averaged: int
    nodes: int


def run_cost(architecture: ArchitectureLike, spec: ScoringSpec) -> Cost:
    """The operations and bytes of scoring an architecture under one seed.

    With N images per batch and B batches (one clean batch, and per radius one attacked and one
    twice-attacked batch):

    * Coupled kernels take B forward passes of N images and B N pull-backs through N images.
    * Other kernels take B N forward passes and B N pull-backs of one image.
    * Attacks: There is one attack per radius, or two for twice-attacked images. Each of its steps
      (their number is in `spec.attack`) is a forward pass and a gradient of N images.
    * Products of Jacobians: There are three per batch if coupled batches are chained
      (`chained_gram`). Otherwise all batches are multiplied with all.
    * `Logits.TRACE` repeats all but the attacks once per logit.

    Args:
        architecture: The cell. Edges that cannot matter count as none. A convolution of a node that
            nothing reaches has no input gradient. Nothing else is subtracted: where no gradient
            passes through the cell, the skeleton counts in full. So do attacks behind such a
            convolution.
        spec: Settings of the run. Gradients are those of the layers that the architecture has. A
            program with the weights of all operations also multiplies zeros, which is overhead and
            is not counted.

    Returns:
        The counts.

    Raises:
        InputError: For settings of another space than NAS-Bench-201, or an attack other than PGD
            and FGSM.

    Example:
        >>> spec = ScoringSpec(batch_size=16, batches=(Batch.CLEAN,))
        >>> cost = run_cost(Architecture.from_code("333333"), spec)
        >>> cost.forward_flops, cost.weight_gradient_flops, cost.attack_flops
        (6380431360, 112701276160, 0)
    """
    architecture = architecture_of(architecture)
    network, n = spec.cell_network, spec.batch_size
    live = Architecture(live_operations(architecture))
    counts = _counts(live, network)
    attacked = len(set(spec.batches) - {Batch.CLEAN})
    batches = (Batch.CLEAN in spec.batches) + attacked * len(spec.rhos)
    attacks = (1 + (Batch.TWICE_ATTACKED in spec.batches)) * len(spec.rhos) if attacked else 0
    if attacks and spec.attack.name not in ("pgd", "fgsm"):
        raise InputError(f"the cost of pgd and fgsm is known, got {spec.attack.name}")
    attack_norm = spec.attack_norm or network.norm
    directions = network.classes if spec.logits is Logits.TRACE else 1

    # Numbers of images that go through the network, forward and backward.
    forward = directions * batches * n
    backward = forward * n if network.norm.coupled else forward
    attack = attacks * spec.attack.steps * n
    parameters = _num_parameters(live, spec)
    chained = network.norm.coupled and batches > 1
    contractions = directions * (3 * batches if chained else batches**2)

    every = counts.stem.macs + sum(p.macs for p in counts.products)
    inner = sum(p.input_macs for p in counts.products)
    weight = counts.stem.padded_macs + sum(p.padded_macs for p in counts.products)
    values = counts.nodes + counts.stem.outputs + sum(p.outputs for p in counts.products)
    rows = forward * parameters
    return Cost(
        forward_flops=2 * forward * every,
        activation_gradient_flops=2 * backward * inner,
        weight_gradient_flops=2 * backward * weight,
        attack_flops=2 * attack * (every + inner + counts.stem.macs),
        contraction_flops=2 * contractions * n**2 * parameters,
        elementwise_flops=forward * _forward_elementwise(counts, network.norm)
        + backward * _backward_elementwise(counts, _NORM_PULL_BACK[network.norm])
        + attack
        * (
            _forward_elementwise(counts, attack_norm)
            + _backward_elementwise(counts, _NORM_INPUT_GRADIENT[attack_norm])
            + (1 + _ATTACK_STEP) * counts.pixels
        ),
        bytes=2 * _FLOAT_BYTES * (values * (forward + backward + 2 * attack) + rows),
    )


def _forward_elementwise(counts: _Counts, norm: Norm) -> int:
    """Elementwise operations of a forward pass of one image, its preparations included."""
    return (
        _STANDARDISING * counts.pixels
        + (_NORM_FORWARD[norm] + _NORM_PREPARED[norm]) * counts.normalised
        + 2 * counts.rectified  # the value and its sign
        + _POOLING * counts.pooled
        + counts.cell_sums
        + counts.halved
        + counts.residual
        + counts.averaged
    )


def _backward_elementwise(counts: _Counts, per_normalised: int) -> int:
    """Elementwise operations of a pull-back through one image."""
    # A shortcut has a quarter of its input's pixels; a block's two cotangents add at its input.
    return (
        per_normalised * counts.normalised
        + counts.rectified_backward
        + _POOLING * counts.pooled
        + counts.cell_sums_backward
        + counts.halved // 4
        + counts.halved
    )


def _counts(live: Architecture, network: NetworkSpec) -> _Counts:
    """The products and elements of a network with the live edges of a cell."""
    edges = [
        (op, source, target) for op, (source, target) in zip(live.ops, EDGES, strict=True) if op
    ]
    targets = [target for _, _, target in edges]
    # The input of a convolution of a node that nothing reaches needs no gradient.
    sources = [source for _, source, _ in edges if source == 0 or source in targets]
    unreached = {
        edge for edge, (source, _) in enumerate(EDGES) if live.ops[edge] and source not in sources
    }
    pools = sum(op == _POOL for op, _, _ in edges)
    sums, sums_backward = (len(ends) - len(set(ends)) for ends in (targets, sources))
    # A node whose only edge is a skip is the same array as the edge's source.
    nodes = len(set(targets)) - sum(
        op == _SKIP and targets.count(target) == 1 for op, _, target in edges
    )

    size, width, cells = network.image_size, network.channels, network.cells
    stem, *others = layers(
        live.ops, channels=width, cells=cells, classes=network.classes, image_size=size
    )
    widths = [(width * 2**stage, size >> stage) for stage in range(3)]
    cell_elements = cells * sum(channels * side**2 for channels, side in widths)
    residual = sum(channels * side**2 for channels, side in widths[1:])
    halved = sum(layer.inputs * (2 * layer.side) ** 2 for layer in others if _is_shortcut(layer))
    last = widths[-1][0] * widths[-1][1] ** 2  # elements behind the last normalisation
    rectified = last + sum(_rectified(layer) for layer in others)
    return _Counts(
        stem=_product(stem, reached=True),
        products=[
            _product(layer, reached=layer.edge not in unreached)
            for layer in others
            if layer.kind is not LayerKind.NORMALISATION
        ],
        pixels=3 * size**2,
        normalised=sum(
            layer.outputs * layer.side**2 for layer in (stem, *others) if layer.kind.normalised
        ),
        rectified=rectified,
        rectified_backward=rectified
        - sum(_rectified(layer) for layer in others if layer.edge in unreached),
        pooled=pools * cell_elements,
        cell_sums=sums * cell_elements,
        cell_sums_backward=sums_backward * cell_elements,
        halved=halved,
        residual=residual,
        averaged=last,
        nodes=nodes * cell_elements + residual,
    )


def _is_shortcut(layer: Layer) -> bool:
    """Whether the layer is the shortcut of a reduction."""
    return layer.kind is LayerKind.SHORTCUT


def _rectified(layer: Layer) -> int:
    """Elements of the ReLU in front of a convolution that is not the stem; 0 for other layers."""
    return layer.inputs * (layer.stride * layer.side) ** 2 * (layer.kind is LayerKind.CONVOLUTION)


def _product(layer: Layer, *, reached: bool) -> _Product:
    """A convolution, padded by (size - 1) / 2, or the classifier."""
    # With stride 2 the last taps end inside the image, so only the first column is in the padding.
    outside = 0 if layer.size == 1 else (2 if layer.stride == 1 else 1)
    macs = layer.inputs * layer.outputs * (layer.size * layer.side - outside) ** 2
    return _Product(
        macs=macs,
        input_macs=macs if reached else 0,
        padded_macs=layer.inputs * layer.outputs * (layer.size * layer.side) ** 2,
        outputs=layer.outputs * layer.side**2,
    )


def _num_parameters(live: Architecture, spec: ScoringSpec) -> int:
    """The number of parameters that the kernel is taken over."""
    network = spec.cell_network
    listed = layers(
        live.ops, channels=network.channels, cells=network.cells, classes=network.classes
    )
    normalised = sum(layer.outputs for layer in listed if layer.kind.normalised)
    total = sum(layer.parameters for layer in listed)
    weights_alone = spec.parameters == "weights"
    if network.norm is Norm.NONE:
        total -= 2 * normalised
    elif weights_alone:
        total -= normalised
    return total - network.classes * weights_alone


def measured_peak(seconds: float = 1.0) -> float:
    """The rate of float32 matrix products on the default device.

    Args:
        seconds: Duration of the measurement in seconds; at least one product is timed.

    Returns:
        Operations per second of the fastest 2048 x 2048 product at full float32 precision.
    """
    size = 2048
    matrix = jnp.ones((size, size), jnp.float32)
    product = jax.jit(lambda a: jnp.dot(a, a, precision=lax.Precision.HIGHEST))
    product(matrix).block_until_ready()
    fastest = float("inf")
    end = time.perf_counter() + seconds
    while True:
        start = time.perf_counter()
        product(matrix).block_until_ready()
        now = time.perf_counter()
        fastest = min(fastest, now - start)
        if now >= end:
            return 2 * size**3 / fastest
