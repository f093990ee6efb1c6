"""The kernel of every layer and the layer cosine kernel, against a plain float64 Jacobian."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from ntknas.errors import InputError
from ntknas.kernel import Batch, JointGram, KernelName, chained_gram, kernel_blocks, probed_gram
from ntknas.layers import Norm
from ntknas.network import GROUPS, Network, NetworkSpec, cell_layers, initial_variables, part_names
from tests.kernel.models import draws, flat, quick_jit, user_cnn
from tests.tolerances import of_largest

N = 3
# 3x3, 1x1, a skip, a pool, an absent edge, and a 3x3 convolution whose edge is live.
OPS = (3, 2, 1, 4, 0, 3)


def plain_layers(apply_fn, params):
    """Gradients of the sum of logits [n, w] by layer, of weights and of biases apart.

    The layer is found from the path by other means than the package's.
    """
    rows = quick_jit(jax.jacrev(lambda params: apply_fn(params).sum(1)))(params)
    found: dict[str, dict[bool, list]] = {}
    for path, leaf in jax.tree_util.tree_leaves_with_path(rows):
        keys = [entry.key for entry in path]
        layer = keys[0]
        if layer[:6] == "stage_":
            source, target = keys[1].split("_")[1:3]
            layer = f"stage_{int(layer[6:]) + 1}.edge_{source}_{target}"
        of_layer = found.setdefault(layer, {True: [], False: []})
        of_layer[keys[-1] == "bias"].append(np.asarray(leaf).reshape(len(leaf), -1))
    return {
        layer: {kind: np.concatenate(rows or [np.zeros((N, 1))], 1) for kind, rows in kinds.items()}
        for layer, kinds in found.items()
    }


def plain_cosine(layers):
    """The mean over live layers of the cosines of the rows of weight gradients."""
    cosines = []
    for kinds in layers.values():
        rows = kinds[False]
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        if lengths.max() > 0:
            unit = np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0)
            cosines.append(unit @ unit.T)
    return np.mean(cosines, axis=0)


@pytest.mark.parametrize(
    ("norm", "chained", "cells"),
    [
        pytest.param(Norm.BATCH, False, 1, marks=pytest.mark.slow),
        pytest.param(Norm.BATCH, True, 1, marks=pytest.mark.slow),
        pytest.param(Norm.IMAGE, False, 2, marks=pytest.mark.slow),
    ],
)
def test_layers_of_the_cell_network(norm, chained, cells, float64):
    """With two cells a stage, an edge's layer holds the edge's convolutions of both cells."""
    spec = NetworkSpec(channels=2, cells=cells, norm=norm)
    variables = jax.tree.map(lambda a: jnp.asarray(a, jnp.float64), initial_variables(spec, 0))
    network, codes = Network(spec), jnp.array(OPS)
    images = jnp.asarray(np.random.default_rng(0).uniform(size=(1, N, 8, 8, 3)))

    def apply_fn(params, images=images[0]):
        return network.apply({"params": params}, images, codes)

    @quick_jit
    def grams(images):
        options = {"layers": cell_layers("layers"), "coupled": norm.coupled}
        if chained:
            return chained_gram(apply_fn, variables["params"], images, [(0,)], **options)
        return probed_gram(
            lambda probes, images: network.apply(variables, images, codes, probes),
            images,
            [(0,)],
            **options,
        )

    found = grams(images)
    layers = plain_layers(apply_fn, variables["params"])
    assert set(layers) == set(part_names("layers")) == set(found.parts)
    kernels = {
        layer: sum(rows @ rows.T for rows in kinds.values()) for layer, kinds in layers.items()
    }
    whole = sum(kernels.values())
    np.testing.assert_allclose(found.whole[0], whole, **of_largest(whole, "float64"))
    for layer, part in found.parts.items():
        np.testing.assert_allclose(part[0], kernels[layer], **of_largest(whole, "float64"))
    assert found.parts["stage_1.edge_0_2"].any()
    assert not found.parts["stage_1.edge_1_2"].any()  # a skip connection
    np.testing.assert_allclose(found.layer_cosine[0], plain_cosine(layers), rtol=1e-9, atol=1e-12)


def test_groups_are_sums_of_layers_and_sum_to_the_kernel():
    held = [layer for layers in GROUPS.values() for layer in layers]
    assert tuple(held) == part_names("layers")
    assert dict(cell_layers("groups").parts) == GROUPS
    assert list(GROUPS) == [
        *("stem", "stage_1", "reduction_1", "stage_2", "reduction_2", "stage_3", "head")
    ]


def test_of_weights_alone(float64):
    """The parts leave biases out; the layer cosine kernel never has them."""
    spec = NetworkSpec(channels=2, cells=1, norm=Norm.IMAGE)
    variables = jax.tree.map(lambda a: jnp.asarray(a, jnp.float64), initial_variables(spec, 0))
    network, codes = Network(spec), jnp.array(OPS)
    images = jnp.asarray(np.random.default_rng(0).uniform(size=(1, N, 8, 8, 3)))

    def grams(biases):
        return quick_jit(
            lambda images: probed_gram(
                lambda probes, images: network.apply(variables, images, codes, probes),
                images,
                [(0,)],
                layers=cell_layers("groups", biases=biases),
                coupled=False,
            )
        )(images)

    with_biases, without = grams(True), grams(False)
    np.testing.assert_allclose(without.layer_cosine, with_biases.layer_cosine, rtol=1e-12)
    assert float(abs(with_biases.whole - without.whole).max()) > 1e-3
    for found in (with_biases, without):
        total = sum(found.parts.values())
        np.testing.assert_allclose(total, found.whole, **of_largest(found.whole, "float64"))


@pytest.mark.parametrize("coupled", [True, False])
def test_modules_are_the_layers_of_any_network(coupled, float64):
    images, labels = draws(4)
    apply_fn, params = user_cnn(images, coupled=coupled)
    options = {"batches": (Batch.CLEAN,), "coupled": coupled}
    joint = kernel_blocks(apply_fn, params, images, labels, parts="layers", **options)
    assert sorted(joint.parts) == ["Conv_0", "Dense_0", "Dense_1"]
    np.testing.assert_allclose(sum(joint.parts.values()), joint.gram, rtol=1e-12)
    rows = {
        name: flat(
            jax.jacrev(lambda own, name=name: apply_fn(merged(params, name, own), images).sum(1))(
                params["params"][name]
            )
        )
        for name in params["params"]
    }
    for name, of_layer in rows.items():
        np.testing.assert_allclose(joint.part(name).clean, of_layer @ of_layer.T, rtol=1e-9)


class LinenMLP(nn.Module):
    """Two layers."""

    @nn.compact
    def __call__(self, x):
        """The logits."""
        x = nn.tanh(nn.Dense(5, name="a")(x.reshape(len(x), -1)))
        return nn.Dense(3, name="b")(x)


class NnxMLP(nnx.Module):
    """The same two layers."""

    def __init__(self, params):
        for name, weights in params.items():
            layer = nnx.Linear(*weights["kernel"].shape, rngs=nnx.Rngs(0))
            layer.kernel[...], layer.bias[...] = weights["kernel"], weights["bias"]
            setattr(self, name, layer)

    def __call__(self, x):
        """The logits."""
        return self.b(nnx.tanh(self.a(x.reshape(len(x), -1))))


@pytest.mark.parametrize("parts", ["layers", "groups"])
def test_layers_of_nnx_are_those_of_linen(parts):
    images, labels = draws(4)
    variables = LinenMLP().init(jax.random.key(0), images)
    module = NnxMLP(variables["params"])
    graph, state = nnx.split(module)
    options: dict[str, Any] = {"batches": (Batch.CLEAN,), "coupled": False, "parts": parts}
    linen = kernel_blocks(LinenMLP(), variables, images, labels, **options)
    assert sorted(linen.parts) == ["a", "b"]
    assert linen.layer_cosine is not None

    def merge(state, images):
        return nnx.merge(graph, state)(images)

    for network, params in ((module, None), (merge, state)):
        found = kernel_blocks(network, params, images, labels, **options)
        assert sorted(found.parts) == ["a", "b"]
        for name, part in linen.parts.items():
            np.testing.assert_allclose(found.parts[name], part, rtol=1e-5)
        assert found.layer_cosine is not None
        np.testing.assert_allclose(found.layer_cosine, linen.layer_cosine, rtol=1e-5)


def merged(params, name, own):
    return {"params": {**params["params"], name: own}}


def test_a_layer_without_gradients_is_not_counted():
    """Of two layers one is never used: the mean is over the other."""
    images, labels = draws(3)

    def apply_fn(params, x):
        return x.reshape(len(x), -1) @ params["used"]["kernel"] + 0 * params["idle"]["kernel"].sum()

    params = {"used": {"kernel": jnp.ones((192, 3))}, "idle": {"kernel": jnp.ones(5)}}
    joint = kernel_blocks(apply_fn, params, images, labels, batches=(Batch.CLEAN,), coupled=False)
    cosine = joint.of_layer_cosine()
    assert cosine is not None
    np.testing.assert_allclose(np.diagonal(cosine.gram), 1, rtol=1e-6)


def test_mixing_is_that_of_the_jacobian_normalised_layer_by_layer():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(2, 4, 20))
    rows /= np.linalg.norm(rows, axis=-1, keepdims=True)
    stacked = rows.reshape(8, 20)
    batches = (Batch.CLEAN, Batch.ATTACKED)
    joint = JointGram(np.eye(8), batches, 1e-16, layer_cosine=stacked @ stacked.T)
    mixed = 0.7 * rows[0] + 0.3 * rows[1]
    cosine = joint.of_layer_cosine()
    assert cosine is not None
    np.testing.assert_allclose(cosine.kernel(KernelName.MIXED_CLEAN, 0.3), mixed @ mixed.T)


def test_bad_parts():
    images, labels = draws(2)
    apply_fn, params = user_cnn(images)
    with pytest.raises(InputError, match="expected parts of none, groups, layers, got all"):
        kernel_blocks(apply_fn, params, images, labels, parts="all", coupled=False)
    joint = JointGram(np.eye(2), (Batch.CLEAN,), 1e-7)
    with pytest.raises(InputError, match=r"expected a part that was kept \(none\), got 'stem'"):
        joint.part("stem")
