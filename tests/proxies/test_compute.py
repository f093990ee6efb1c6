"""How families become scores, with families that need no network.

The families themselves, and all of them together, are tested elsewhere.
"""

import itertools
from dataclasses import replace

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ntknas.layers import Norm
from ntknas.network import initial_variables
from ntknas.proxies import compute, proxy_inputs, proxy_scores
from ntknas.proxies.layers import is_weight
from ntknas.registry import Registry
from ntknas.scores import ScoreKind, score_names
from tests.proxies.models import ARCHITECTURE, NETWORK, inputs

NUMBERS = itertools.count()
NAMES = ("snip", "hessian", "croze", "synflow")  # of the two families below


class Recorder:
    """A family that keeps what it is given and gives what it is told."""

    def __init__(self, double, scores):
        self.double = double
        self.scores = scores
        self.names = tuple(scores)
        self.taken = []

    def device(self, network, ops, inputs, names):
        self.taken.append((network, jax.tree.map(jax.typeof, (ops, inputs))))
        self.asked = names
        stem = inputs.variables["params"]["stem"]["kernel"]
        return {"ops": ops.sum(), "negative": (stem < 0).sum(), "size": inputs.images.sum()}

    def host(self, values):
        assert {value.dtype for value in values.values()} == {np.dtype(np.float64)}
        self.values = {name: float(value) for name, value in values.items()}
        return self.scores


@pytest.fixture
def families(monkeypatch):
    """One of each precision; the second has lost a score to an overflow."""
    members = {
        "single": Recorder(False, {"snip": 2.0, "hessian": -1.0}),
        "double": Recorder(True, {"croze": np.inf, "synflow": 3.0}),
    }
    # Programs are kept by the names of families: those of one test are not those of another.
    number = next(NUMBERS)
    named = {f"{name}_{number}": member for name, member in members.items()}
    monkeypatch.setattr(compute, "PROXIES", Registry("family of proxies", named))
    return members


def single(inputs):
    """In float32, as users have it."""
    return jax.tree.map(
        lambda x: x.astype(jnp.float32) if x.dtype == jnp.float64 else x,
        inputs._replace(key=None),
    )._replace(key=inputs.key)


def test_scores_come_in_the_order_of_tables_and_overflow_is_a_missing_one(families):
    found = proxy_scores(NETWORK, ARCHITECTURE.ops, single(inputs()), NAMES)
    assert list(found) == [name for name in score_names(ScoreKind.PROXY) if name in NAMES]
    there = {name: value for name, value in found.items() if not np.isnan(value)}
    assert there == {"snip": 2.0, "hessian": -1.0, "synflow": 3.0}


def test_nothing_is_computed_for_families_that_are_not_asked(families):
    found = proxy_scores(NETWORK, ARCHITECTURE.ops, single(inputs()), ("synflow",))
    assert found == {"synflow": 3.0}
    assert families["single"].taken == []
    assert families["double"].asked == ("synflow",)
    assert proxy_scores(NETWORK, ARCHITECTURE.ops, single(inputs()), ()) == {}


def test_without_names_all_are_computed(monkeypatch):
    """Each family is asked for all names that it has."""
    every = score_names(ScoreKind.PROXY)
    members = {
        True: Recorder(True, dict.fromkeys(("synflow", "croze"), 1.0)),
        False: Recorder(False, {n: 2.0 for n in every if n not in ("synflow", "croze")}),
    }
    number = next(NUMBERS)
    named = {f"{double}_{number}": member for double, member in members.items()}
    monkeypatch.setattr(compute, "PROXIES", Registry("family of proxies", named))
    found = proxy_scores(NETWORK, ARCHITECTURE.ops, single(inputs()))
    assert tuple(found) == every
    assert members[True].asked == ("synflow", "croze")
    assert members[False].asked == tuple(members[False].names)


def test_double_families_get_absolute_weights_in_float64_without_normalisation(families):
    given = single(inputs())
    proxy_scores(NETWORK, ARCHITECTURE.ops, given, NAMES)
    ((network, (ops, seen)),) = families["single"].taken
    ((bare, (_, exact)),) = families["double"].taken
    assert network == NETWORK
    assert bare == replace(NETWORK, norm=Norm.NONE)
    assert (ops.shape, ops.dtype) == ((6,), jnp.int32)
    assert {leaf.dtype for leaf in jax.tree.leaves(seen.variables)} == {np.dtype(np.float32)}
    assert {leaf.dtype for leaf in jax.tree.leaves(exact.variables)} == {np.dtype(np.float64)}
    assert (seen.images.dtype, exact.images.dtype) == (jnp.float32, jnp.float64)
    assert families["single"].values["negative"] > 0
    assert families["double"].values["negative"] == 0
    assert families["single"].values["ops"] == sum(ARCHITECTURE.ops)


def test_architectures_are_data(families):
    given = single(inputs())
    for ops in ((0,) * 6, [4, 0, 1, 2, 3, 4], jnp.arange(6) % 5):
        proxy_scores(NETWORK, ops, given, NAMES)
        assert families["single"].values["ops"] == np.sum(ops)
    assert [len(family.taken) for family in families.values()] == [1, 1]


def test_a_seed_fixes_gaussian_weights_and_the_key():
    spec = replace(NETWORK, norm=Norm.IMAGE)
    variables = initial_variables(spec, 3)
    images, labels = jnp.zeros((2, 32, 32, 3)), jnp.array([0, 1])
    first, again, other = (proxy_inputs(spec, variables, images, labels, s) for s in (3, 3, 4))
    chex.assert_trees_all_equal(first.gaussian, again.gaussian)
    assert jnp.all(jax.random.key_data(first.key) == jax.random.key_data(again.key))
    assert jnp.any(jax.random.key_data(first.key) != jax.random.key_data(other.key))
    drawn = []
    for path, leaf in jax.tree_util.tree_leaves_with_path(first.gaussian):
        assert leaf.dtype == images.dtype
        if is_weight(path):
            drawn.append(np.asarray(leaf).ravel())
    values = np.concatenate(drawn)
    # The standard errors of mean and deviation of so many draws are below 0.01.
    assert abs(values.mean()) < 0.04
    assert abs(values.std() - 1) < 0.04
    rest = jax.tree_util.tree_map_with_path(
        lambda path, leaf: None if is_weight(path) else leaf, first.gaussian
    )
    expected = jax.tree_util.tree_map_with_path(
        lambda path, leaf: None if is_weight(path) else leaf,
        initial_variables(replace(spec, norm=Norm.BATCH), 3)["params"],
    )
    chex.assert_trees_all_equal(rest, expected)
