"""ZiCo against PyTorch's gradients of both halves, and its bound."""

import jax.numpy as jnp
import numpy as np
import pytest
from torch.nn import functional

from ntknas.proxies import PROXIES
from ntknas.proxies.zico import _sums
from tests.proxies.models import (
    ARCHITECTURE,
    CONSTANT,
    LAYERS,
    NETWORK,
    check_laws,
    inputs,
    peer,
    products,
    scores_of,
    values_of,
)


@pytest.mark.slow
def test_zico():
    model, pixels, labels = peer()
    weights = [module.weight for module in model.modules() if isinstance(module, LAYERS)]
    half = len(pixels) // 2
    of_halves = [
        products(functional.cross_entropy(model(pixels[part])[1], labels[part]), weights, None)
        for part in (slice(0, half), slice(half, 2 * half))
    ]
    expected, layers = 0.0, 0
    for pair in zip(*of_halves, strict=True):
        size = np.stack([abs(g.numpy()) for g in pair])
        mean, deviation = size.mean(0), size.std(0)
        total = (mean[deviation > 0] / deviation[deviation > 0]).sum()
        if total > 0:
            expected += np.log(total)
            layers += 1
    assert layers > 10
    # Differences of two gradients amplify the rounding of PyTorch's weights to float32.
    assert scores_of("zico", ARCHITECTURE)["zico"] == pytest.approx(expected, rel=1e-4)


@pytest.mark.slow
def test_laws():
    check_laws("zico")


@pytest.mark.slow
@pytest.mark.parametrize("architecture", CONSTANT, ids=str)
def test_constant_networks_have_no_gradients(architecture):
    assert scores_of("zico", architecture) == {"zico": 0.0}


def test_the_ratio_of_two_batches_is_that_of_mean_and_deviation():
    g = abs(np.random.default_rng(0).normal(size=(2, 3, 4, 5)))
    expected = (g.mean(0) / g.std(0)).reshape(3, -1).sum(1)
    np.testing.assert_allclose(_sums(jnp.asarray(g)), expected, rtol=1e-5)
    assert (_sums(jnp.asarray(g)) >= 20).all()  # no ratio is below 1
    g[1, 0], g[:, 1] = g[0, 0], 0  # the same in both, and no gradients
    found = _sums(jnp.asarray(g))
    np.testing.assert_allclose(found, [0, 0, expected[2]], rtol=1e-5)


@pytest.mark.slow
def test_layers_have_at_least_as_much_as_they_have_weights():
    sums = values_of("zico", ARCHITECTURE)["sums"]
    assert (sums[sums > 0] >= 1).all()
    assert scores_of("zico", ARCHITECTURE)["zico"] > 0


def test_a_single_image_has_no_halves():
    one = inputs()._replace(images=inputs().images[:1], labels=inputs().labels[:1])
    values = PROXIES["zico"].device(NETWORK, jnp.array(ARCHITECTURE.ops), one, ("zico",))
    exact = {name: np.asarray(value) for name, value in values.items()}
    assert np.isnan(PROXIES["zico"].host(exact)["zico"])
