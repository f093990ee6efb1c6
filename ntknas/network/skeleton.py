"""The NAS-Bench-201 network in Flax: stem, three stages of equal cells, classifier.

One definition takes the cell's operations as Python integers (then only their weights exist) or as
an array (then every edge holds the weights of both convolutions, and one compiled program serves
all architectures). `initial_variables` draws the same values for a weight that both have.

References:
  Dong & Yang, NAS-Bench-201, ICLR 2020; layer order as in the package xautodl 1.0.0.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ntknas.architecture import EDGES
from ntknas.network.convolution import convolve
from ntknas.network.layerwise import ConvNormWeights, Probe, conv_norm, linear, norm_layer
from ntknas.network.normalisation import normalise
from ntknas.network.operations import (
    EdgeWeights,
    apply_operation,
    traced_cell,
    watched_cell,
)
from ntknas.network.spec import Init, NetworkSpec, Norm

__all__ = ["Network"]

_CONV_1X1, _CONV_3X3 = 2, 3
_WATCHED = ("intermediates", "perturbations")


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
            if self.is_mutable_collection("intermediates"):
                return self._watched(op_codes, weights, x), None
            return traced_cell(self.spec.norm, op_codes, weights, x, probe), None
        nodes: list[Any] = [x, 0.0, 0.0, 0.0]
        for op, own, (source, target) in zip(self.ops, weights, EDGES, strict=True):
            edge = apply_operation(op, own, nodes[source], norm=self.spec.norm, probe=probe)
            nodes[target] += edge
        return nodes[-1], None

    def _watched(self, op_codes, weights, x):
        """As `traced_cell`, but what convolutions take and give is sown and can be scaled."""
        ones = jnp.ones((len(EDGES), len(x), 1, 1, self.channels), x.dtype)
        factors = self.perturb("edges_factor", ones)
        # Derivatives keep a cell's input and compute the rest again.
        cell = jax.checkpoint(partial(watched_cell, self.spec.norm))
        y, (taken, given) = cell(op_codes, weights, factors, x)
        self.sow("intermediates", "edges_taken", taken)
        self.sow("intermediates", "edges_given", given)
        return y

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
        inputs, channels = x.shape[-1], self.channels
        conv_a = _ConvNorm(3, inputs, channels, self.spec, name="conv_a")()
        conv_b = _ConvNorm(3, channels, channels, self.spec, name="conv_b")()
        shape = (1, 1, inputs, channels)
        shortcut = self.param("shortcut", _initialiser(self.spec.init), shape)
        y = _conv_norm(self, "conv_a", x, conv_a, stride=2, probe=probe)
        y = _conv_norm(self, "conv_b", y, conv_b, probe=probe)
        n, h, w, _ = x.shape
        halved = x.reshape(n, h // 2, 2, w // 2, 2, inputs).mean((2, 4))
        kernel = ConvNormWeights(shortcut)
        z = conv_norm(halved, kernel, norm=Norm.NONE, probe=probe)
        return y + _scaled(self, "shortcut", z)


class Network(nn.Module):
    """Images to logits.

    Call it with `images` [N, H, W, 3], pixels in [0, 1] (it subtracts mean and divides by std
    itself), and `ops`, the six operation codes of the cell: a tuple of Python integers (static)
    or an integer array [6] (data). Returns logits [N, K]. With a `probe` no parameter has a
    gradient; the probe's is the kernel (`ntknas.network.layerwise`).

    >>> from ntknas.network import NetworkSpec
    >>> network = Network(NetworkSpec(channels=4, cells=1))
    >>> images = jnp.zeros((2, 32, 32, 3))
    >>> ops = (3, 1, 2, 0, 4, 1)
    >>> variables = jax.jit(network.init, static_argnums=2)(jax.random.key(0), images, ops)
    >>> jax.jit(network.apply, static_argnums=2)(variables, images, ops).shape
    (2, 10)

    With operations as data and `mutable=["intermediates"]`, `apply` also returns what layers take
    and give: `NAME_taken`, the input of a convolution's ReLU; `NAME_given`, its output before
    normalisation; `features_0..4`, after the stem, the two reductions, the last stage and the
    pooling. Those of a stage's edges are stacked, [cells, 6, N, H, W, C]. The collection
    `perturbations` then holds what is added to the factors `NAME_factor` [..., N, 1, 1, C], which
    are 1, of each image's output channels. This program is smaller, above all its second
    derivatives, and takes more memory.
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
        x = _conv_norm(self, "stem", x, stem, relu=False, probe=probe)
        for stage in range(3):
            channels = spec.channels * 2**stage
            if stage:
                x = _Reduction(channels, spec, name=f"reduction_{stage}")(x, probe)
            self.sow("intermediates", f"features_{stage}", x)
            cells = nn.scan(
                _Cell,
                variable_axes={name: 0 for name in ("params", "batch_stats", *_WATCHED)},
                split_rngs={"params": True},
                in_axes=nn.broadcast,
                length=spec.cells,
            )
            x, _ = cells(channels, spec, static, name=f"stage_{stage}")(x, op_codes, probe)
        self.sow("intermediates", "features_3", x)
        head_norm = _Norm(channels, spec, name="head_norm")()
        x = norm_layer(x, head_norm, norm=spec.norm, probe=probe)
        self.sow("intermediates", "head_taken", x)
        features = jax.nn.relu(x).mean((1, 2))
        self.sow("intermediates", "features_4", features)
        return _Classifier(spec, name="classifier")(features, probe)


def _conv_norm(module, name, x, weights, *, stride=1, relu=True, probe=None):
    """ReLU, unless it is the stem, convolution, normalisation; sown and scaled, if asked to."""
    taken = jax.nn.relu(x) if relu else x
    if not module.is_mutable_collection("intermediates"):
        return conv_norm(taken, weights, norm=module.spec.norm, stride=stride, probe=probe)
    given = convolve(taken, weights.kernel, stride=stride)
    if relu:
        module.sow("intermediates", f"{name}_taken", x)
    module.sow("intermediates", f"{name}_given", given)
    return normalise(_scaled(module, name, given), *weights[1:], norm=module.spec.norm)


def _scaled(module: nn.Module, name: str, given: jax.Array) -> jax.Array:
    """What a convolution gave, times factors of its channels that can be differentiated by."""
    if not module.is_mutable_collection("intermediates"):
        return given
    n, *_, channels = given.shape
    return given * module.perturb(f"{name}_factor", jnp.ones((n, 1, 1, channels), given.dtype))


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
