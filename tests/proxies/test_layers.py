"""The layers that proxies sum over."""

import jax
import jax.numpy as jnp

from ntknas.network import NetworkSpec, initial_variables
from ntknas.proxies.layers import is_weight, layer_weights
from ntknas.spaces.nasbench201 import LayerKind, layers

SPEC = NetworkSpec(channels=3, cells=2)


def test_layers_are_convolutions_shortcuts_and_the_classifier():
    """The super-network has both convolutions of every edge: those of two architectures."""
    params = jax.tree.map(jnp.asarray, initial_variables(SPEC, 0)["params"])
    found = layer_weights(params)
    expected = 0
    for op in (2, 3):
        listed = layers((op,) * 6, channels=3, cells=2)
        expected += sum(layer.weights for layer in listed if op == 2 or layer.cell is not None)
    assert sum(weights.size for _, weights in found) == expected
    stacked = [weights for name, weights in found if name.startswith("stage_")]
    assert len(stacked) == 3 * 6 * 2
    assert {len(weights) for weights in stacked} == {SPEC.cells}
    others = [name for name, _ in found if not name.startswith("stage_")]
    assert sorted(others) == ["classifier", *["reduction_1"] * 3, *["reduction_2"] * 3, "stem"]
    kinds = (LayerKind.CONVOLUTION, LayerKind.SHORTCUT, LayerKind.LINEAR)
    alone = [layer for layer in layers((0,) * 6) if layer.kind in kinds]
    assert len(alone) == len(others)


def test_biases_and_scales_are_no_weights():
    params = initial_variables(SPEC, 0)["params"]
    names = {
        path[-1].key: is_weight(path) for path, _ in jax.tree_util.tree_leaves_with_path(params)
    }
    assert names == {"kernel": True, "shortcut": True, "bias": False, "scale": False}
