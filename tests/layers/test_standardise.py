"""Normalisation with its derivatives written out, against that of which JAX makes them."""

from functools import partial

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ntknas.layers.norm import Norm
from ntknas.layers.normalisation import normalise
from ntknas.layers.standardise import normalise_with, standardise
from tests.tolerances import TOLERANCES


def draws(norm):
    """Activations, scale, bias, running statistics where there are some, and a cotangent."""
    rng = np.random.default_rng(0)
    x, g = (jnp.asarray(rng.normal(size=(3, 4, 4, 5))) for _ in range(2))
    if norm is Norm.NONE:
        return x, (None, None), (), g
    weights = tuple(jnp.asarray(rng.normal(size=5)) for _ in range(2))
    running = (jnp.asarray(rng.normal(size=5)), jnp.asarray(rng.uniform(1, 2, 5)))
    return x, weights, running if norm is Norm.FROZEN else (), g


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("norm", list(Norm))
def test_values_and_two_derivatives_are_those_of_normalise(norm):
    x, weights, running, g = draws(norm)

    def known(x, *weights, norm):
        return normalise_with(standardise(x, norm), x, *weights, norm=norm)

    def every(function):
        def loss(x, weights):
            return (g * jnp.sin(function(x, *weights, *running, norm=norm))).sum()

        gradients = jax.grad(loss, (0, 1))
        first, pull_back = jax.vjp(gradients, x, weights)
        return function(x, *weights, *running, norm=norm), first, pull_back(first)

    found, expected = (jax.jit(partial(every, f))() for f in (known, normalise))
    chex.assert_trees_all_close(found, expected, rtol=1e-9, atol=1e-11)


def test_only_statistics_of_the_activations_are_kept():
    x = draws(Norm.BATCH)[0]
    assert standardise(x, Norm.NONE) is None
    assert standardise(x, Norm.FROZEN) is None
    for norm, groups in ((Norm.BATCH, 1), (Norm.IMAGE, 3)):
        found = standardise(x, norm)
        assert found.inverse.shape == (groups, 1, 1, 5)
        axes = (0, 1, 2) if norm is Norm.BATCH else (1, 2)
        np.testing.assert_allclose(found.values.mean(axes), 0, atol=1e-5)
        np.testing.assert_allclose(found.values.var(axes), 1, rtol=1e-3)


@pytest.mark.parametrize("norm", [Norm.BATCH, Norm.IMAGE])
def test_constant_channels_stay_exactly_zero(norm):
    x = jnp.full((2, 4, 4, 1), 0.1, jnp.float32)
    scale, bias = jnp.ones(1), jnp.zeros(1)
    value = partial(normalise_with, scale=scale, bias=bias, norm=norm)
    assert jnp.all(value(standardise(x, norm), x) == 0)
    gradient = jax.grad(lambda x: value(standardise(x, norm), x).sum())(x)
    np.testing.assert_allclose(gradient, 0, **TOLERANCES["float32"])


def test_a_third_derivative_is_refused():
    x, weights, _, _ = draws(Norm.BATCH)

    def value(x):
        return (normalise_with(standardise(x, Norm.BATCH), x, *weights, norm=Norm.BATCH) ** 3).sum()

    once = lambda f: lambda x: jax.grad(f)(x).sum()  # noqa: E731
    with pytest.raises(NotImplementedError, match="at most two derivatives"):
        jax.grad(once(once(value)))(x)
