"""A cell's own network: a Flax-like face of the network with static operations."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ntknas.layers import Norm
from ntknas.network import CellNetwork, Network, NetworkSpec, build, initial_variables
from ntknas.spaces import NetworkLike
from ntknas.spaces.nasbench201 import Architecture, num_parameters

CELL = Architecture.from_code("304123")
SPEC = NetworkSpec(channels=2, cells=2, classes=3, image_size=8)


def test_it_is_what_a_space_builds():
    network = build(CELL, SPEC)
    assert isinstance(network, NetworkLike)
    assert network == CellNetwork(CELL, SPEC)
    assert hash(network) == hash(CellNetwork(CELL, SPEC))
    assert build(CELL).spec == NetworkSpec()


@pytest.mark.parametrize(
    "key", [5, np.int64(5), np.uint8(5), jax.random.key(5), jax.random.PRNGKey(5)], ids=type
)
def test_variables_are_the_draws_of_the_seed(key):
    variables = build(CELL, SPEC).init(key, jnp.zeros((1, 8, 8, 3)))
    chex.assert_trees_all_equal(variables, initial_variables(SPEC, 5, CELL.ops))
    assert all(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(variables))
    sizes = {"channels": 2, "cells": 2, "classes": 3}
    total = sum(leaf.size for leaf in jax.tree.leaves(variables["params"]))
    assert total == num_parameters(CELL, **sizes)


def test_variables_of_frozen_normalisation_hold_its_statistics():
    frozen = NetworkSpec(channels=2, cells=1, image_size=8, norm=Norm.FROZEN)
    assert set(build(CELL, frozen).init(0)) == {"params", "batch_stats"}


def test_logits_are_those_of_the_network():
    network = build(CELL, SPEC)
    variables = network.init(0)
    images = jnp.asarray(np.random.default_rng(0).uniform(size=(4, 8, 8, 3)), jnp.float32)
    expected = jax.jit(Network(SPEC).apply, static_argnums=2)(variables, images, CELL.ops)
    logits = jax.jit(network.apply)(variables, images)
    assert logits.shape == (4, 3)
    np.testing.assert_array_equal(logits, expected)
