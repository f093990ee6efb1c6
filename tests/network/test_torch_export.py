"""Weights on their way to PyTorch: the same logits there, and the same weights back."""

import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

from ntknas.errors import InputError
from ntknas.layers import Norm
from ntknas.network import (
    Network,
    NetworkSpec,
    export_torch_weights,
    initial_variables,
    load_torch_weights,
    save_torch_weights,
)
from ntknas.spaces.nasbench201 import Architecture
from tests.network.reference import MEAN, STD, to_torch, torch_network
from tests.tolerances import TOLERANCES

# 1x1 and 3x3 convolutions, pooling, a skip connection and no edge at all.
ARCH = Architecture.from_code("324130")
SPEC = NetworkSpec(channels=4, cells=2, norm=Norm.FROZEN)


@pytest.fixture(scope="module")
def variables():
    """Random weights, with statistics, scales and biases away from their start."""
    rng = np.random.default_rng(0)
    return jax.tree.map(
        lambda leaf: (leaf + rng.uniform(0.1, 0.4, leaf.shape)).astype(np.float32),
        initial_variables(SPEC, 0, ARCH.ops),
    )


def test_pytorchs_logits_are_ours(variables):
    network = torch_network(ARCH, channels=4, cells=2, seed=9).eval()
    network.load_state_dict(export_torch_weights(variables, SPEC, ARCH))  # strict
    images = np.random.default_rng(1).random((3, 32, 32, 3)).astype(np.float32)
    ours = Network(SPEC).apply(jax.tree.map(jnp.asarray, variables), jnp.asarray(images), ARCH.ops)
    with torch.no_grad():
        theirs = network(to_torch((images - np.array(MEAN)) / np.array(STD)))[1]
    np.testing.assert_allclose(ours, theirs, **TOLERANCES["float32"])


def test_a_way_there_and_back(variables):
    back = load_torch_weights(export_torch_weights(variables, SPEC, ARCH), ARCH)
    jax.tree.map(np.testing.assert_array_equal, back.variables, variables)


def test_a_way_from_pytorch_and_back():
    state = torch_network(ARCH, channels=4, cells=2, classes=7).state_dict()
    loaded = load_torch_weights(state, ARCH, mean=MEAN, std=STD)
    again = export_torch_weights(loaded.variables, loaded.spec, ARCH)
    assert set(again) == set(state)
    for name, tensor in state.items():
        assert torch.equal(again[name], tensor), name


def test_a_file_with_its_normaliser_is_read_with_it(variables, tmp_path):
    spec = NetworkSpec(
        channels=4, cells=2, norm=Norm.FROZEN, mean=(0.5, 0.25, 0.125), std=(0.25, 0.5, 0.75)
    )
    file = tmp_path / "weights.pt"
    save_torch_weights(file, variables, spec, ARCH, normaliser=True)
    state = torch.load(file, weights_only=True)
    assert state["0.mean"].shape == (3, 1, 1)
    loaded = load_torch_weights(file, ARCH)
    assert loaded.spec == spec
    assert loaded.normaliser == "of the checkpoint"
    jax.tree.map(np.testing.assert_array_equal, loaded.variables, variables)
    assert [entry.name for entry in tmp_path.iterdir()] == ["weights.pt"]


@pytest.mark.parametrize("code", ["324100", "324133", "424130"])
def test_weights_of_another_architecture(variables, code):
    with pytest.raises(InputError, match="not those of architecture"):
        export_torch_weights(variables, SPEC, Architecture.from_code(code))


def test_weights_of_another_width(variables):
    wide = NetworkSpec(channels=8, cells=2, norm=Norm.FROZEN)
    with pytest.raises(InputError, match="entry stem.0.weight: expected shape"):
        export_torch_weights(variables, wide, ARCH)


def test_networks_without_running_statistics(variables):
    with pytest.raises(InputError, match="norm frozen to export, got norm batch"):
        export_torch_weights(variables, NetworkSpec(channels=4, cells=2), ARCH)


def test_a_folder_that_does_not_exist(variables, tmp_path):
    with pytest.raises(InputError, match="cannot write PyTorch weights to"):
        save_torch_weights(tmp_path / "no" / "w.pt", variables, SPEC, ARCH)


def test_missing_pytorch_names_the_extra(variables, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(InputError, match=r"ntknas\[torch\]"):
        export_torch_weights(variables, SPEC, ARCH)
