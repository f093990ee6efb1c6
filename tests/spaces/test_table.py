"""A list of networks as a space: labels, selections, networks, and every mistake."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ntknas.errors import InputError
from ntknas.spaces import Candidate, NamedNetwork, NetworkTable


def linear(params, images):
    return images.reshape(len(images), -1) @ params


WEIGHTS = jnp.arange(24.0).reshape(12, 2)
MODULE = nn.Dense(2)
NETWORKS = {"linear": (linear, WEIGHTS), "flax, wide": MODULE, 7: (linear, 2 * WEIGHTS)}


@pytest.fixture
def table():
    return NetworkTable(NETWORKS)


def labels(networks):
    return [network.id for network in networks]


def test_selections(table):
    every = table.parse("all")
    assert labels(every) == list(NETWORKS)
    assert all(isinstance(network, Candidate) for network in every)
    assert [network.string for network in every] == ["linear", "flax, wide", "7"]
    assert not any(network.is_constant for network in every)
    assert table.parse("flax, wide") == [NamedNetwork("flax, wide")]  # a comma is part of a label
    assert table.parse(7) == table.parse(np.int64(7)) == table.parse(every[2]) == [every[2]]
    assert type(table.parse(np.int64(7))[0].id) is int
    assert labels(table.parse([7, "linear", 7, every[0]])) == [7, "linear"]
    assert table.parse(every) == every


def test_samples_of_one_seed_begin_alike(table):
    drawn = table.sample(3, 5)
    assert set(drawn) == set(table.parse("all"))
    assert drawn[:2] == table.sample(2, 5)
    for count in (0, 4):
        with pytest.raises(InputError, match=f"expected 1 to 3 networks to sample, got {count}"):
            table.sample(count, 0)


def test_a_list_has_no_steps_and_no_counts(table):
    network = table.parse("linear")[0]
    assert table.representative(network) is network
    assert table.neighbours(network) == []
    assert table.counts(network, {"channels": 16}) == {}


def test_parameters_that_are_there_are_the_variables(table):
    images = jnp.asarray(np.random.default_rng(0).uniform(size=(3, 2, 2, 3)), jnp.float32)
    network = table.build(NamedNetwork(7))
    variables = [network.init(jax.random.key(seed), images) for seed in (0, 1)]
    assert variables[0] is variables[1]
    np.testing.assert_allclose(
        network.apply(variables[0], images), 2 * linear(WEIGHTS, images), rtol=1e-6
    )
    assert table.build(NamedNetwork("flax, wide")) is MODULE


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("none", "linear, flax, wide, 7.* got 'none'"),
        ("7", "got '7'"),
        ("linear,7", "got 'linear,7'"),
        (3, "got 3"),
        ([], "got an empty list"),
        (["linear", "x"], "got 'x'"),
        (True, "expected labels of networks, got True"),
        (2.5, "expected labels of networks, got 2.5"),
        ({"linear": 1}, "expected labels of networks"),
    ],
)
def test_bad_selections(table, spec, message):
    with pytest.raises(InputError, match=message) as caught:
        table.parse(spec)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("networks", "message"),
    [
        ({}, "at least one network, got none"),
        ({"a": 1}, r"network 'a' as a Flax module or as \(apply_fn, params\), got int"),
        ({"a": linear}, "got function"),
        ({"a": (WEIGHTS, linear)}, "got tuple"),
        ({"a": (linear, WEIGHTS, 1)}, "got tuple"),
    ],
)
def test_bad_tables(networks, message):
    with pytest.raises(InputError, match=message):
        NetworkTable(networks)
