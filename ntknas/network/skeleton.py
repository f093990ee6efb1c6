"""The NAS-Bench-201 network in Flax: stem, three stages of equal cells, classifier.

One definition takes the cell's operations as Python integers, as an array, or as the route of a
bundle of architectures. With integers, only the weights of these operations exist. Otherwise every
edge holds the weights of both convolutions, and one compiled program serves all architectures.
`initial_variables` draws the same values for a weight that all forms have.

With integers and frozen normalisation, the network is PyTorch's. `apply` is its `eval()`, and
`apply(..., mutable=["batch_stats"])` its `train()`: layers are normalised by statistics of the
batch, and the running statistics move towards them.

References:
    Dong & Yang, NAS-Bench-201, ICLR 2020; layer order as in the package xautodl 1.0.0.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ntknas.errors import InputError
from ntknas.kernel.bundled import bundled_conv_norm, bundled_linear, bundled_norm_layer
from ntknas.kernel.layerwise import ConvNormWeights, Probe, conv_norm, linear, norm_layer
from ntknas.layers import (
    Norm,
    conv_output,
    convolve_trained,
    normalise_batch,
    normalise_with,
    standardise,
)
from ntknas.network.activations import (
    NO_FACTORS,
    Activations,
    Factors,
    ReductionFactors,
    Watched,
    edge_layers,
    lone_layer,
)
from ntknas.network.bundles import Route, bundled_cell
from ntknas.network.cells import EdgeWeights, apply_operation, traced_cell, watched_cell
from ntknas.network.parts import edge_layers_of
from ntknas.network.spec import Init, NetworkSpec
from ntknas.network.taps import Taps, tapped
from ntknas.spaces.nasbench201 import EDGES, KERNEL_SIZES

__all__ = ["Network"]

_CONV_1X1, _CONV_3X3 = 2, 3
_MOMENTUM = 0.1  # weight of a batch in running statistics, PyTorch's default


def _initialiser(init: Init):
    """Flax's initialiser of kernels."""
    if init is Init.KAIMING:
        return nn.initializers.kaiming_normal()
    # Variance 1 / (3 fan_in) is that of the uniform distribution within 1 / sqrt(fan_in).
    return nn.initializers.variance_scaling(1 / 3, "fan_in", "uniform")


def _trains(module: nn.Module) -> bool:
    """Whether running statistics are to move, as in PyTorch's `train()`."""
    return module.is_mutable_collection("batch_stats") and not module.is_initializing()


class _Norm(nn.Module):
    """Scale, bias and, if frozen, running statistics of a normalisation layer.

    Called with activations, it normalises them by their own statistics, and moves the running ones.
    """

    features: int
    spec: NetworkSpec

    @nn.compact
    def __call__(self, x: Float[Array, "n h w c"] | None = None) -> Any:
        norm, shape = self.spec.norm, (self.features,)
        if norm is Norm.NONE:
            return (None, None, None, None)
        scale = self.param("scale", nn.initializers.ones, shape)
        bias = self.param("bias", nn.initializers.zeros, shape)
        if norm is not Norm.FROZEN:
            return (scale, bias, None, None)
        mean = self.variable("batch_stats", "mean", jnp.zeros, shape)
        variance = self.variable("batch_stats", "variance", jnp.ones, shape)
        if x is None:
            return (scale, bias, mean.value, variance.value)
        count = x.size // self.features
        if count < 2:
            raise InputError(
                "expected at least two values per channel where running statistics move, got "
                f"{count}"
            )
        normalised, batch_mean, batch_variance = normalise_batch(x, scale, bias)
        unbiased = batch_variance * (count / (count - 1))
        mean.value += _MOMENTUM * (batch_mean - mean.value)
        variance.value += _MOMENTUM * (unbiased - variance.value)
        return normalised


class _ConvNorm(nn.Module):
    """Kernel of a convolution without bias, and the normalisation behind it.

    Called with activations, it is the layer in training (see `_Norm`).
    """

    size: int
    inputs: int
    features: int
    spec: NetworkSpec

    @nn.compact
    def __call__(self, x: Float[Array, "n h w i"] | None = None, *, stride: int = 1) -> Any:
        shape = (self.size, self.size, self.inputs, self.features)
        kernel = self.param("kernel", _initialiser(self.spec.init), shape)
        norm = _Norm(self.features, self.spec, name="norm")
        if x is None:
            return ConvNormWeights(kernel, *norm())
        return norm(convolve_trained(x, kernel, stride=stride))


class _Cell(nn.Module):
    """Four nodes; each node after the first sums the edges that end in it.

    Returns the value of the last node and, with factors, the inputs of the edges and the outputs of
    their convolutions.
    """

    channels: int
    spec: NetworkSpec
    ops: tuple[int, ...]  # empty if the call brings them as data
    watched: bool

    @nn.compact
    def __call__(
        self,
        x: Float[Array, "*b n h w c"],
        op_codes: Int[Array, "6"] | Route | None,
        probes: tuple[Probe, ...] | None,
        factors: Float[Array, "6 n 1 1 c"] | None,
        tap: Float[Array, "n h w c"] | None,
    ):
        if _trains(self):
            return self._train(x), None
        weights = tuple(
            EdgeWeights(
                conv_1x1=self._layer(1, edge)() if self._needs(_CONV_1X1, edge) else None,
                conv_3x3=self._layer(3, edge)() if self._needs(_CONV_3X3, edge) else None,
            )
            for edge in range(len(EDGES))
        )
        norm = self.spec.norm
        if self.watched:
            assert isinstance(op_codes, jax.Array)
            value, shown = watched_cell(norm, op_codes, weights, factors, x)
            return _tapped(value, tap), shown
        if isinstance(op_codes, tuple):
            return bundled_cell(norm, op_codes, weights, x, probes), None
        if op_codes is not None:
            return traced_cell(norm, op_codes, weights, x, probes), None
        nodes: list[Any] = [x, 0.0, 0.0, 0.0]
        each = probes or (None,) * len(EDGES)
        for op, edge_weights, probe, (source, target) in zip(
            self.ops, weights, each, EDGES, strict=True
        ):
            nodes[target] += apply_operation(
                op, edge_weights, nodes[source], norm=norm, probe=probe
            )
        return nodes[-1], None

    def _needs(self, op: int, edge: int) -> bool:
        """Whether the edge holds the weights of an operation."""
        return not self.ops or self.ops[edge] == op

    def _train(self, x: Float[Array, "n h w c"]) -> Float[Array, "n h w c"]:
        """The last node in training."""
        nodes: list[Any] = [x, 0.0, 0.0, 0.0]
        for edge, (op, (source, target)) in enumerate(zip(self.ops, EDGES, strict=True)):
            if op in KERNEL_SIZES:
                layer = self._layer(KERNEL_SIZES[op], edge)
                nodes[target] += layer(jax.nn.relu(nodes[source]))
            else:
                value = apply_operation(op, EdgeWeights(), nodes[source], norm=self.spec.norm)
                nodes[target] += value
        return nodes[-1]

    def _layer(self, size: int, edge: int) -> _ConvNorm:
        """The edge's convolution of a kernel size."""
        source, target = EDGES[edge]
        name = f"edge_{source}_{target}_conv_{size}x{size}"
        return _ConvNorm(size, self.channels, self.channels, self.spec, name=name)


class _Reduction(nn.Module):
    """Residual block that halves the image and doubles the channels.

    Returns its output and, with factors, the inputs of its two ReLUs and the outputs of the
    convolutions behind them.
    """

    channels: int
    spec: NetworkSpec

    @nn.compact
    def __call__(
        self, x: Float[Array, "*b n h w c"], probe: Probe | None, factors: ReductionFactors | None
    ) -> tuple[Float[Array, "*b n p q o"], list[tuple[Array, Array]]]:
        inputs, channels, norm = x.shape[-1], self.channels, self.spec.norm
        layer_a = _ConvNorm(3, inputs, channels, self.spec, name="conv_a")
        layer_b = _ConvNorm(3, channels, channels, self.spec, name="conv_b")
        shape = (1, 1, inputs, channels)
        kernel = ConvNormWeights(self.param("shortcut", _initialiser(self.spec.init), shape))
        *images, h, w, _ = x.shape
        halved = x.reshape(*images, h // 2, 2, w // 2, 2, inputs).mean((-4, -2))
        if _trains(self):
            y = layer_b(jax.nn.relu(layer_a(jax.nn.relu(x), stride=2)))
            return y + convolve_trained(halved, kernel.kernel), []
        conv_a, conv_b = layer_a(), layer_b()
        if factors is None:
            layer = conv_norm if x.ndim == 4 else bundled_conv_norm
            y = layer(jax.nn.relu(x), conv_a, norm=norm, stride=2, probe=probe)
            y = layer(jax.nn.relu(y), conv_b, norm=norm, probe=probe)
            return y + layer(halved, kernel, norm=Norm.NONE, probe=probe), []
        y, convolved_a = _watched_conv_norm(jax.nn.relu(x), conv_a, factors.conv_a, norm, stride=2)
        z, convolved_b = _watched_conv_norm(jax.nn.relu(y), conv_b, factors.conv_b, norm)
        shortcut, _ = _watched_conv_norm(halved, kernel, factors.shortcut, Norm.NONE)
        return z + shortcut, [(x, convolved_a), (y, convolved_b)]


def _watched_conv_norm(x, weights: ConvNormWeights, factor, norm: Norm, *, stride: int = 1):
    """The output of convolution, factor and normalisation, and that of the convolution alone."""
    convolved = conv_output(x, weights.kernel, stride)
    scaled = convolved if factor is None else convolved * factor
    known = standardise(scaled, norm)
    return normalise_with(known, scaled, *weights[1:], norm=norm), convolved


def _tapped(x, tap):
    """A block's output behind its tap; None stands for no tap."""
    return x if tap is None else tapped(x, tap)


class Network(nn.Module):
    """The network, from images to logits.

    Attributes:
        spec: Width, depth, classes, normalisation and initialisation.

    Example:
        >>> from ntknas.network import NetworkSpec, initial_variables
        >>> network = Network(NetworkSpec(channels=4, cells=1))
        >>> images = jnp.zeros((2, 32, 32, 3))
        >>> ops = (0, 0, 0, 3, 0, 0)
        >>> variables = initial_variables(network.spec, 0, ops)
        >>> jax.jit(network.apply, static_argnums=2)(variables, images, ops).shape
        (2, 10)
    """

    spec: NetworkSpec

    def __call__(
        self,
        images: Float[Array, "*b n h w 3"],
        ops: Sequence[int] | Int[Array, "6"] | Route,
        probes: Mapping[str, Probe] | None = None,
    ) -> Float[Array, "*b n k"]:
        """The logits of the images.

        Args:
            images: Pixels in [0, 1]; the network subtracts mean and divides by std itself. For a
                bundle they have two more axes in front, architectures and groups.
            ops: The six operation codes of the cell: a tuple of Python integers (static), or an
                integer array (data); or the route of a bundle (`ntknas.network.bundles`).
            probes: A probe for every layer (`ntknas.network.cell_layers`), whose gradient is the
                layer's part of the kernel (`ntknas.kernel.layerwise`). With probes, no parameter
                has a gradient.

        Returns:
            Logits, with the leading axes of the images.
        """
        return self._run(images, ops, probes, None, None)[0]

    def watch(
        self,
        images: Float[Array, "n h w 3"],
        ops: Int[Array, "6"],
        factors: Factors | None = None,
        taps: Taps | None = None,
    ) -> tuple[Float[Array, "n k"], Activations]:
        """The logits and the layers' activations, by `network.apply(..., method="watch")`.

        The program has two derivatives. It takes more memory than that of the logits.

        Args:
            images: Pixels in [0, 1].
            ops: The six operation codes of the cell, as data.
            factors: Factors of the outputs of convolutions; None means factors of 1.
            taps: Taps behind the blocks (`ntknas.network.taps`); None means none.

        Returns:
            Logits [n, k] and activations.
        """
        return self._run(images, ops, None, factors or NO_FACTORS, taps)

    @nn.compact
    def _run(
        self,
        images,
        ops,
        probes: Mapping[str, Probe] | None,
        factors: Factors | None,
        taps: Taps | None,
    ):
        """The logits and, with factors, the layers' activations."""
        spec, dtype, norm = self.spec, images.dtype, self.spec.norm
        probe_of = (lambda layer: None) if probes is None else probes.__getitem__
        bundled = images.ndim > 4
        op_codes = ops if bundled or isinstance(ops, jax.Array) else None
        static = tuple(int(op) for op in ops) if op_codes is None else ()

        channel_shape = (*(1,) * (images.ndim - 1), 3)
        mean, std = (jnp.asarray(v, dtype).reshape(channel_shape) for v in (spec.mean, spec.std))
        x = (images - mean) / std
        trains = _trains(self)
        if trains and (not static or norm is not Norm.FROZEN):
            raise InputError(
                "expected static operations and norm frozen where running statistics move, got "
                f"norm {norm} and {'static' if static else 'traced'} operations"
            )
        stem = _ConvNorm(3, 3, spec.channels, spec, name="stem")
        if trains:
            x = stem(x)
        elif factors is None:
            convolution = bundled_conv_norm if bundled else conv_norm
            x = convolution(x, stem(), norm=norm, probe=probe_of("stem"))
        else:
            x, stem_convolved = _watched_conv_norm(x, stem(), factors.stem, norm)
            x = _tapped(x, taps and taps.stem)
        features, reductions, stages, blocks = [], [], [], []
        for stage in range(3):
            channels = spec.channels * 2**stage
            if stage:
                block_factors = None if factors is None else factors.reductions[stage - 1]
                name = f"reduction_{stage}"
                block = _Reduction(channels, spec, name=name)
                x, values = block(x, probe_of(name), block_factors)
                x = _tapped(x, taps and taps.reductions[stage - 1])
                reductions += values
            features.append(x)
            stage_factors = None if factors is None else factors.stages[stage]
            stage_taps = taps and taps.stages[stage]
            by_cell = [nn.broadcast if each is None else 0 for each in (stage_factors, stage_taps)]
            cells = nn.scan(
                _Cell,
                variable_axes={"params": 0, "batch_stats": 0},
                split_rngs={"params": True},
                in_axes=(nn.broadcast, nn.broadcast, *by_cell),
                length=spec.cells,
            )
            edge_probes = probes and tuple(map(probe_of, edge_layers_of(stage)))
            x, values = cells(channels, spec, static, factors is not None, name=f"stage_{stage}")(
                x, op_codes, edge_probes, stage_factors, stage_taps
            )
            stages.append(values)
            if factors is not None:
                # A cell's first edge starts from the cell's input, the output of the block before.
                blocks += [features[-1], *values[0][1:, 0], x]
        features.append(x)
        head_norm = _Norm(channels, spec, name="head_norm")
        if trains:
            last = head_norm(x)
        elif factors is None:
            normalisation = bundled_norm_layer if bundled else norm_layer
            last = normalisation(x, head_norm(), norm=norm, probe=probe_of("head_norm"))
        else:
            last = normalise_with(standardise(x, norm), x, *head_norm(), norm=norm)
        pooled = jax.nn.relu(last).mean((-3, -2))
        logits = _Classifier(spec, name="classifier")(pooled, probe_of("classifier"))
        if factors is None:
            return logits, None
        assert op_codes is not None  # operations are data where a network is watched
        edges = [
            [edge_layers(values, op_codes) for values in kind] for kind in zip(*stages, strict=True)
        ]
        lone = [[lone_layer(values) for values in kind] for kind in zip(*reductions, strict=True)]
        rectified: tuple[Watched, ...] = (lone_layer(last), *lone[0], *edges[0])
        convolved: tuple[Watched, ...] = (*lone[1], *edges[1], lone_layer(stem_convolved))
        return logits, Activations(rectified, convolved, (*features, pooled), tuple(blocks), last)


class _Classifier(nn.Module):
    """The last layer, linear with a bias."""

    spec: NetworkSpec

    @nn.compact
    def __call__(
        self, features: Float[Array, "*b n c"], probe: Probe | None
    ) -> Float[Array, "*b n k"]:
        inputs, classes = features.shape[-1], self.spec.classes
        kernel = self.param("kernel", _initialiser(self.spec.init), (inputs, classes))
        bias = self.param("bias", self._bias_initialiser(inputs), (classes,))
        layer = linear if features.ndim == 2 else bundled_linear
        return layer(features, kernel, bias, probe=probe)

    def _bias_initialiser(self, inputs: int):
        """Flax's initialiser of the bias."""
        if self.spec.init is Init.KAIMING:
            return nn.initializers.zeros
        bound = inputs**-0.5
        return lambda key, shape: jax.random.uniform(key, shape, minval=-bound, maxval=bound)
