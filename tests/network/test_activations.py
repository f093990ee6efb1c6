"""What a watched network shows, against PyTorch's hooks; and derivatives by its factors."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

from ntknas.layers import Norm
from ntknas.network import Network, NetworkSpec, initial_variables, unit_factors
from ntknas.network.activations import edge_layers, lone_layer
from ntknas.spaces.nasbench201 import LayerKind, layers
from tests.kernel.models import ARCH, CLASSES, draws, nas_network, quick_jit
from tests.network.reference import Normalised, to_numpy, to_torch
from tests.tolerances import TOLERANCES

CELLS, CHANNELS, SIZE = 2, 4, 8
SPEC = NetworkSpec(channels=CHANNELS, cells=CELLS, classes=CLASSES, image_size=SIZE)
OPS = jnp.array(ARCH.ops)
# The last modules of PyTorch's network before the next width: two blocks, the last cell, the mean.
PLACES = ("stem", f"cells.{CELLS}", f"cells.{2 * CELLS + 1}", f"cells.{3 * CELLS + 1}")
equal = partial(np.testing.assert_allclose, **TOLERANCES["float64"])


def hooked(oracle, images):
    """What every module of PyTorch's network takes and gives, by its name."""
    seen = {}
    for name, module in oracle.named_modules():
        if isinstance(module, torch.nn.ReLU):
            module.inplace = False

        def keep(module, inputs, output, name=name):
            seen[name] = (inputs[0], output)

        module.register_forward_hook(keep)
    oracle.train()
    return seen, Normalised(oracle)(to_torch(images, torch.float64))


def of_the_architecture(groups):
    """The values of its layers, each [n, ...]."""
    return [v for group in groups for there, v in zip(*group, strict=True) if there]


def test_everything_shown_is_what_pytorch_computes(float64):
    images, _ = draws()
    oracle, _, params = nas_network(Norm.BATCH, cells=CELLS)
    apply = quick_jit(partial(Network(SPEC).apply, method="watch"))
    logits, shown = apply({"params": params}, images, OPS)
    seen, expected = hooked(oracle, images)
    equal(logits, expected.detach().numpy())
    listed = layers(ARCH.ops, channels=CHANNELS, cells=CELLS, classes=CLASSES, image_size=SIZE)
    convolutions = [layer for layer in listed if layer.kind is LayerKind.CONVOLUTION]
    stem, *blocks = [layer for layer in convolutions if layer.cell is None]
    behind_relu = [*blocks, *(layer for layer in convolutions if layer.cell is not None)]
    relus = ["lastact.1", *(layer.torch.removesuffix("1") + "0" for layer in behind_relu)]
    given = [layer.torch for layer in (*behind_relu, stem)]
    for ours, theirs in (
        (of_the_architecture(shown.rectified), [seen[name][0] for name in relus]),
        (of_the_architecture(shown.convolved), [seen[name][1] for name in given]),
        (shown.features, [seen[name][1] for name in (*PLACES, "global_pooling")]),
        ([shown.last], [seen["lastact.0"][1]]),
    ):
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs, strict=True):
            equal(a, to_numpy(b).reshape(a.shape))


def test_factors_scale_what_convolutions_give(float64):
    """Without normalisation the last stage's factors act on the edges that have a convolution."""
    spec = NetworkSpec(channels=2, cells=1, classes=CLASSES, image_size=SIZE, norm=Norm.NONE)
    images, _ = draws(3)
    variables = jax.tree.map(jnp.asarray, initial_variables(spec, 0))
    variables = jax.tree.map(lambda leaf: leaf.astype(images.dtype), variables)
    ones = unit_factors(spec, len(images), images.dtype)

    @quick_jit
    def run(factors):
        logits, shown = Network(spec).apply(variables, images, OPS, factors, method="watch")
        return logits, (shown.features, shown.convolved)

    logits, (features, _) = run(ones)
    equal(logits, quick_jit(Network(spec).apply)(variables, images, OPS))
    doubled = run(ones._replace(stem=2 * ones.stem))[1][0]
    equal(doubled[0], 2 * features[0])

    # Factors of layers that are not there change nothing, those of the others do.
    present = ones.layers(OPS)[-2].present
    off = jnp.where(present[None, :, None, None, None, None] == 1, ones.stages[2], 7.0)
    equal(run(ones._replace(stages=(*ones.stages[:2], off)))[0], logits)
    on = jnp.where(present[None, :, None, None, None, None] == 1, 7.0, ones.stages[2])
    assert abs(run(ones._replace(stages=(*ones.stages[:2], on)))[0] - logits).max() > 1e-3

    # What goes into a sum, scaled alike, scales the sum: for every image and channel.
    first, second = ones.reductions
    scale = jnp.asarray(np.random.default_rng(1).uniform(0.5, 2, first.conv_b.shape))
    both = first._replace(conv_b=scale, shortcut=scale)
    scaled = run(ones._replace(reductions=(both, second)))[1][0]
    equal(scaled[1], scale * features[1])


def test_unit_factors_have_one_for_every_channel_of_every_image():
    spec = NetworkSpec(channels=3, cells=2)
    factors = unit_factors(spec, 5, jnp.float32)
    assert factors.stem.shape == (5, 1, 1, 3)
    widths = [[leaf.shape for leaf in block] for block in factors.reductions]
    assert widths == [[(5, 1, 1, 6)] * 3, [(5, 1, 1, 12)] * 3]
    assert [leaf.shape for leaf in factors.stages] == [(2, 6, 5, 1, 1, c) for c in (3, 6, 12)]
    for leaf in jax.tree.leaves(factors):
        assert leaf.dtype == jnp.float32
        np.testing.assert_array_equal(leaf, 1)
    listed = factors.layers(jnp.array((3, 0, 2, 4, 1, 0)))
    lone = [group for group in listed if len(group.present) == 1]
    assert len(lone) == 6 + 1
    assert all(group.present[0] == 1 for group in lone)
    stages = [group for group in listed if len(group.present) > 1]
    for group, width in zip(stages, (3, 6, 12), strict=True):
        np.testing.assert_array_equal(group.present, [1, 0, 1, 0, 0, 0] * 2)
        assert group.values.shape == (12, 5, 1, 1, width)


@pytest.mark.parametrize("op", range(5))
def test_an_edge_has_a_layer_if_it_is_a_convolution(op):
    values = jnp.arange(12.0).reshape(2, 6, 1)
    edges = edge_layers(values, jnp.full(6, op))
    np.testing.assert_array_equal(edges.present, np.full(12, op in (2, 3)))
    np.testing.assert_array_equal(edges.values[:, 0], np.arange(12))
    lone = lone_layer(values[0])
    np.testing.assert_array_equal(lone.present, [1])
    np.testing.assert_array_equal(lone.values, values[:1])
