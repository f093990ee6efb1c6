"""A choice by data is the function that it chooses, and so are its derivatives."""

import itertools
from functools import partial

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ntknas.network.choice import Branch, choose

BRANCHES = (
    Branch(lambda w, x: (jnp.zeros_like(x), 0.0), lambda kept, two, w, x: jnp.zeros_like(x)),
    Branch(lambda w, x: (x @ w, 0.0), lambda kept, two, w, x: jnp.tanh(kept) * x),
    Branch(lambda w, x: (x * x, 2.0), lambda kept, two, w, x: two * kept * w.sum()),
)
# The derivative of these by w does not hold w, nor that by x x, for given kept values.
LINEAR = (
    Branch(lambda w, x: (jnp.zeros_like(x), 0.0), lambda kept, two, w, x: 3 * x, True),
    Branch(lambda w, x: (x @ w, 0.0), lambda kept, two, w, x: jnp.tanh(kept), True),
    Branch(lambda w, x: (abs(x), 2.0), lambda kept, two, w, x: two * jnp.sin(kept) * w.sum(), True),
)
PAIRS = list(itertools.product(range(len(BRANCHES)), repeat=2))


def draws():
    rng = np.random.default_rng(0)
    return jnp.asarray(rng.normal(size=(3, 3))), jnp.asarray(rng.normal(size=(2, 3)))


def plain(index, branches, *args):
    """The same choice by a Python integer."""
    kept, constants = branches[index].first(*args)
    return branches[index].last(kept, constants, *args), kept


def loss(select, branches, first, second, w, x):
    """Two choices one after the other; the loss reads values and what they kept."""
    value, kept = select(first, branches, w, x)
    value, other = select(second, branches, w, value)
    return jnp.square(value).sum() + (kept * other).sum()


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("branches", [BRANCHES, LINEAR], ids=["any", "linear"])
@pytest.mark.parametrize(
    "then", [0, *(pytest.param(args, marks=pytest.mark.slow) for args in (1, (0, 1)))]
)
@pytest.mark.parametrize("by", [0, 1, (0, 1)])
def test_values_and_two_derivatives(by, then, branches):
    w, x = draws()

    def every(function):
        gradient = jax.grad(function, by)
        return function(w, x), gradient(w, x), jax.jacrev(gradient, then)(w, x)

    data = jax.jit(lambda ops: every(partial(loss, choose, branches, ops[0], ops[1])))
    for pair in PAIRS:
        expected = every(partial(loss, plain, branches, *pair))
        chex.assert_trees_all_close(data(jnp.array(pair)), expected, rtol=1e-10, atol=1e-12)


def test_one_cotangent_among_many():
    """Under vmap over cotangents the index is still a number, and the branch is still one."""
    w, x = draws()
    _, pull_back = jax.vjp(lambda x: choose(jnp.array(1), BRANCHES, w, x)[0], x)
    cotangents = jnp.stack([x, 2 * x])
    text = str(jax.make_jaxpr(jax.vmap(pull_back))(cotangents))
    assert "cond[" in text
    many = jax.vmap(pull_back)(cotangents)[0]
    np.testing.assert_allclose(many[1], pull_back(2 * x)[0], rtol=1e-6)


def test_nothing_is_computed_for_arguments_that_do_not_vary():
    """The gradient by x alone has no product for w."""
    w, x = draws()

    def products(by):
        function = lambda w, x: choose(jnp.array(1), BRANCHES, w, x)[0].sum()  # noqa: E731
        return str(jax.make_jaxpr(jax.grad(function, by))(w, x)).count("dot_general")

    assert products(1) < products((0, 1))


def test_a_derivative_keeps_arguments_and_results_alone():
    w, x = draws()
    _, pull_back = jax.vjp(lambda w, x: choose(jnp.array(1), BRANCHES, w, x), w, x)
    kept = [leaf.size for leaf in jax.tree.leaves(pull_back) if hasattr(leaf, "size")]
    assert sum(kept) <= w.size + 2 * x.size + 2  # and the index and the constant
