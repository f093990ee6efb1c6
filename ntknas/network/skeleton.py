"""The NAS-Bench-201 network in Flax: stem, three stages of equal cells, classifier.

One definition takes the cell's operations as Python integers (then only their weights exist) or as
an array (then every edge holds the weights of both convolutions, and one compiled program serves
all architectures). `initial_variables` draws the same values for a weight that both have.

References:
  Dong & Yang, NAS-Bench-201, ICLR 2020; layer order as in the package xautodl 1.0.0.
"""

from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ntknas.architecture import EDGES
from ntknas.network.layerwise import ConvNormWeights, Probe, conv_norm, linear, norm_layer
from ntknas.network.operations import (
    EdgeWeights,
    apply_operation,
    relu_conv_norm,
    traced_cell,
)
from ntknas.network.spec import Init, NetworkSpec, Norm

__all__ = ["Network"]

_CONV_1X1, _CONV_3X3 = 2, 3


def _initialiser(init: Init):
    if init is Init.KAIMING:
        return nn.initializers.kaiming_normal()
    # Variance 1 / (3 fan_in) is that of the uniform distribution within 1 / sqrt(fan_in).
    return nn.initializers.variance_scaling(1 / 3, "fan_in", "uniform")


class _Norm(nn.Module):
    """Scale, bias and, if frozen, running statistics of a normalisation layer."""

    features: int
    spec: NetworkSpec

    @nn.compact
    def __call__(self) -> tuple:
        norm, shape = self.spec.norm, (self.features,)
        if norm is Norm.NONE:
            return (None, None, None, None)
        scale = self.param("scale", nn.initializers.ones, shape)
        bias = self.param("bias", nn.initializers.zeros, shape)
        if norm is not Norm.FROZEN:
            return (scale, bias, None, None)
        mean = self.variable("batch_stats", "mean", jnp.zeros, shape)
        variance = self.variable("batch_stats", "variance", jnp.ones, shape)
        return (scale, bias, mean.value, variance.value)


class _ConvNorm(nn.Module):
    """Kernel of a convolution without bias, and the normalisation behind it."""

    size: int
    inputs: int
    features: int
    spec: NetworkSpec

    @nn.compact
    def __call__(self) -> ConvNormWeights:
        shape = (self.size, self.size, self.inputs, self.features)
        kernel = self.param("kernel", _initialiser(self.spec.init), shape)
        return ConvNormWeights(kernel, *_Norm(self.features, self.spec, name="norm")())


class _Cell(nn.Module):
    """Four nodes; each later node sums the edges that end in it."""

    channels: int
    spec: NetworkSpec
    ops: tuple[int, ...]  # empty: the call brings them as data

    @nn.compact
    def __call__(
        self, x: Float[Array, "n h w c"], op_codes: Int[Array, "6"] | None, probe: Probe | None
    ):
        weights = tuple(
            EdgeWeights(
                conv_1x1=self._weights(1, edge) if self._needs(_CONV_1X1, edge) else None,
                conv_3x3=self._weights(3, edge) if self._needs(_CONV_3X3, edge) else None,
            )
            for edge in range(len(EDGES))
        )
        if op_codes is not None:
            return traced_cell(self.spec.norm, op_codes, weights, x, probe), None
        nodes: list[Any] = [x, 0.0, 0.0, 0.0]
        for op, own, (source, target) in zip(self.ops, weights, EDGES, strict=True):
            edge = apply_operation(op, own, nodes[source], norm=self.spec.norm, probe=probe)
            nodes[target] += edge
        return nodes[-1], None

    def _needs(self, op: int, edge: int) -> bool:
        return not self.ops or self.ops[edge] == op

    def _weights(self, size: int, edge: int) -> ConvNormWeights:
        source, target = EDGES[edge]
        name = f"edge_{source}_{target}_conv_{size}x{size}"
        return _ConvNorm(size, self.channels, self.channels, self.spec, name=name)()


class _Reduction(nn.Module):
    """Residual block that halves the image and doubles the channels."""

    channels: int
    spec: NetworkSpec

    @nn.compact
    def __call__(self, x: Float[Array, "n h w c"], probe: Probe | None) -> Float[Array, "n p q o"]:
        norm, inputs, channels = self.spec.norm, x.shape[-1], self.channels
        conv_a = _ConvNorm(3, inputs, channels, self.spec, name="conv_a")()
        conv_b = _ConvNorm(3, channels, channels, self.spec, name="conv_b")()
        shape = (1, 1, inputs, channels)
        shortcut = self.param("shortcut", _initialiser(self.spec.init), shape)
        y = relu_conv_norm(x, conv_a, norm=norm, stride=2, probe=probe)
        y = relu_conv_norm(y, conv_b, norm=norm, probe=probe)
        n, h, w, _ = x.shape
        halved = x.reshape(n, h // 2, 2, w // 2, 2, inputs).mean((2, 4))
        return y + conv_norm(halved, ConvNormWeights(shortcut), norm=Norm.NONE, probe=probe)


class Network(nn.Module):
    """Images to logits.

    Call it with `images` [N, H, W, 3], pixels in [0, 1] (it subtracts mean and divides by std
    itself), and `ops`, the six operation codes of the cell: a tuple of Python integers (static)
    or an integer array [6] (data). Returns logits [N, K]. With a `probe`, for operations as data
    and images that do not interact, the one gradient taken is the kernel
    (`ntknas.network.layerwise`).

    >>> from ntknas.network import NetworkSpec
    >>> network = Network(NetworkSpec(channels=4, cells=1))
    >>> images = jnp.zeros((2, 32, 32, 3))
    >>> ops = (3, 1, 2, 0, 4, 1)
    >>> variables = jax.jit(network.init, static_argnums=2)(jax.random.key(0), images, ops)
    >>> jax.jit(network.apply, static_argnums=2)(variables, images, ops).shape
    (2, 10)
    """

    spec: NetworkSpec

    @nn.compact
    def __call__(
        self,
        images: Float[Array, "n h w 3"],
        ops: Sequence[int] | Int[Array, "6"],
        probe: Probe | None = None,
    ) -> Float[Array, "n k"]:
        """Logits [N, K] of the images, for a cell given by Python integers or by an array."""
        spec, dtype = self.spec, images.dtype
        op_codes = ops if isinstance(ops, jax.Array) else None
        static = () if isinstance(ops, jax.Array) else tuple(int(op) for op in ops)

        mean, std = (jnp.asarray(v, dtype)[None, None, None] for v in (spec.mean, spec.std))
        x = (images - mean) / std
        stem = _ConvNorm(3, 3, spec.channels, spec, name="stem")()
        x = conv_norm(x, stem, norm=spec.norm, probe=probe)
        for stage in range(3):
            channels = spec.channels * 2**stage
            if stage:
                x = _Reduction(channels, spec, name=f"reduction_{stage}")(x, probe)
            cells = nn.scan(
                _Cell,
                variable_axes={"params": 0, "batch_stats": 0},
                split_rngs={"params": True},
                in_axes=nn.broadcast,
                length=spec.cells,
            )
            x, _ = cells(channels, spec, static, name=f"stage_{stage}")(x, op_codes, probe)
        head_norm = _Norm(channels, spec, name="head_norm")()
        x = norm_layer(x, head_norm, norm=spec.norm, probe=probe)
        features = jax.nn.relu(x).mean((1, 2))
        return _Classifier(spec, name="classifier")(features, probe)


class _Classifier(nn.Module):
    """Linear layer with bias."""

    spec: NetworkSpec

    @nn.compact
    def __call__(self, features: Float[Array, "n c"], probe: Probe | None) -> Float[Array, "n k"]:
        inputs, classes = features.shape[-1], self.spec.classes
        kernel = self.param("kernel", _initialiser(self.spec.init), (inputs, classes))
        bias = self.param("bias", self._bias_initialiser(inputs), (classes,))
        return linear(features, kernel, bias, probe=probe)

    def _bias_initialiser(self, inputs: int):
        if self.spec.init is Init.KAIMING:
            return nn.initializers.zeros
        bound = inputs**-0.5
        return lambda key, shape: jax.random.uniform(key, shape, minval=-bound, maxval=bound)
