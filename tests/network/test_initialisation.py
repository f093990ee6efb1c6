"""Initial weights: distribution, and what a draw depends on."""

import math

import jax
import numpy as np
import pytest
from scipy import stats

from ntknas.layers import Norm
from ntknas.network import Init, NetworkSpec, initial_variables
from ntknas.spaces.nasbench201 import Architecture
from tests.network.reference import torch_network

SPEC = NetworkSpec(channels=4, cells=2)
PINNED_STEM = [
    -0.020925333723425865,
    -0.08855882287025452,
    -0.19038257002830505,
    0.054010674357414246,
]
PINNED_EDGE = [0.10318095237016678, -0.12391386926174164, -0.13809865713119507, 0.1726474016904831]
PINNED_KAIMING = [
    0.15797439217567444,
    0.07937364280223846,
    -0.017561834305524826,
    0.08505471795797348,
]


def leaves(variables) -> dict[str, np.ndarray]:
    return {
        "/".join(entry.key for entry in path): leaf
        for path, leaf in jax.tree_util.tree_leaves_with_path(variables)
    }


@pytest.fixture(scope="module")
def wide():
    """Weights of the benchmark's width under both initialisers."""
    return {init: leaves(initial_variables(NetworkSpec(init=init, cells=1), 0)) for init in Init}


WIDE_KERNELS = [
    ("params/stem/kernel", 27),
    ("params/reduction_2/conv_a/kernel", 9 * 32),
    ("params/reduction_1/shortcut", 16),
    ("params/stage_2/edge_0_1_conv_3x3/kernel", 9 * 64),
    ("params/stage_1/edge_2_3_conv_1x1/kernel", 32),
    ("params/classifier/kernel", 64),
]


@pytest.mark.parametrize(("name", "fan_in"), WIDE_KERNELS)
def test_pytorch_kernels_are_uniform_within_the_inverse_root_of_fan_in(wide, name, fan_in):
    kernel, bound = wide[Init.PYTORCH][name], fan_in**-0.5
    assert np.abs(kernel).max() <= np.float32(bound)
    assert kernel.var() == pytest.approx(1 / (3 * fan_in), rel=8 / math.sqrt(kernel.size))
    assert stats.kstest(kernel.ravel(), stats.uniform(-bound, 2 * bound).cdf).pvalue > 1e-3


@pytest.mark.parametrize(("name", "fan_in"), WIDE_KERNELS)
def test_kaiming_kernels_are_normal_of_variance_two_over_fan_in(wide, name, fan_in):
    kernel = wide[Init.KAIMING][name]
    assert kernel.var() == pytest.approx(2 / fan_in, rel=8 / math.sqrt(kernel.size))
    assert stats.kstest(kernel.ravel(), stats.norm(0, math.sqrt(2 / fan_in)).cdf).pvalue > 1e-3


def test_bounds_are_those_that_pytorch_draws_within():
    arch = Architecture.from_id(0)
    network = torch_network(arch, cells=1)
    ours = leaves(initial_variables(NetworkSpec(cells=1), 0, arch.ops))
    pairs = {
        "params/stem/kernel": network.stem[0].weight,
        "params/classifier/kernel": network.classifier.weight,
        "params/classifier/bias": network.classifier.bias,
        "params/reduction_1/conv_a/kernel": network.cells[1].conv_a.op[1].weight,
    }
    for name, theirs in pairs.items():
        theirs = theirs.detach().double().numpy()
        size = theirs.size
        # The largest of n uniform draws falls short of the bound by about 1 / n of it.
        assert np.abs(ours[name]).max() == pytest.approx(np.abs(theirs).max(), rel=15 / size + 1e-3)
        statistic = stats.ks_2samp(ours[name].ravel(), theirs.ravel())
        assert statistic.pvalue > 1e-3


def test_biases_scales_and_statistics(wide):
    assert 0 < np.abs(wide[Init.PYTORCH]["params/classifier/bias"]).max() <= 64**-0.5
    assert not wide[Init.KAIMING]["params/classifier/bias"].any()
    frozen = leaves(initial_variables(NetworkSpec(channels=4, cells=1, norm=Norm.FROZEN), 0))
    for variables in (*wide.values(), frozen):
        for name, leaf in variables.items():
            if name.endswith(("/scale", "/variance")):
                np.testing.assert_array_equal(leaf, 1)
            elif name.endswith(("norm/bias", "/mean")):
                np.testing.assert_array_equal(leaf, 0)
    assert any(name.startswith("batch_stats/") for name in frozen)


@pytest.mark.parametrize("norm", list(Norm))
def test_modes_share_their_draws(norm):
    spec = NetworkSpec(channels=4, cells=2, norm=norm)
    variables, expected = (leaves(initial_variables(s, 0)) for s in (spec, SPEC))
    assert any("batch_stats" in name for name in variables) == (norm is Norm.FROZEN)
    assert any("norm" in name for name in variables) == (norm is not Norm.NONE)
    for name, leaf in variables.items():
        if not name.startswith("batch_stats/"):
            np.testing.assert_array_equal(leaf, expected[name])


@pytest.mark.parametrize("index", [0, 1000, 13714, 10])
def test_static_weights_are_those_of_the_super_network(index):
    arch = Architecture.from_id(index)
    everything = leaves(initial_variables(SPEC, 3))
    static = leaves(initial_variables(SPEC, 3, arch.ops))
    for name, leaf in static.items():
        np.testing.assert_array_equal(leaf, everything[name])
    convolutions = sum(op in (2, 3) for op in arch.ops)
    assert sum("/edge_" in n and n.endswith("kernel") for n in static) == 3 * convolutions


def test_more_cells_keep_the_first_ones():
    few, many = (leaves(initial_variables(NetworkSpec(channels=4, cells=c), 5)) for c in (2, 5))
    assert few.keys() == many.keys()
    for name, leaf in few.items():
        cells = 2 if "/stage_" in name else len(leaf)
        np.testing.assert_array_equal(leaf, many[name][:cells])


def test_every_cell_path_and_seed_draws_anew():
    """No value is drawn twice by two weights, two cells or two seeds."""
    drawn: list[np.ndarray] = []
    for seed in (0, 1):
        for name, leaf in leaves(initial_variables(SPEC, seed)).items():
            if "norm" in name:
                continue
            rows = leaf if "/stage_" in name else leaf[None]
            drawn += [row.ravel() for row in rows]
    # Bounds differ between widths, so compare the underlying draws up to scale.
    firsts = {tuple(np.round(d[:4] / np.abs(d[:4]).max(), 4)) for d in drawn}
    assert len(firsts) == len(drawn)


def test_repeatable_and_independent_of_jax(float64):
    """The values are NumPy's, pinned here: no platform, JAX version or 64-bit switch moves them."""
    params = initial_variables(NetworkSpec(channels=4, cells=1), 0)["params"]
    stem, kernel = params["stem"]["kernel"], params["stage_1"]["edge_0_2_conv_1x1"]["kernel"]
    assert {leaf.dtype for leaf in jax.tree.leaves(params)} == {np.dtype(np.float32)}
    np.testing.assert_array_equal(stem[0, 0, 0], np.array(PINNED_STEM, np.float32))
    np.testing.assert_array_equal(kernel[0, 0, 0, 0, :4], np.array(PINNED_EDGE, np.float32))
    kaiming = initial_variables(NetworkSpec(channels=4, cells=1, init=Init.KAIMING), 0)["params"]
    np.testing.assert_array_equal(
        kaiming["stem"]["kernel"][0, 0, 0], np.array(PINNED_KAIMING, np.float32)
    )
