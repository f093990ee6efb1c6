"""The families together, and what they share."""

import jax.numpy as jnp
import numpy as np

from ntknas.proxies import PROXIES
from ntknas.proxies.proxy import cross_entropy
from ntknas.scores import SCORES, ScoreKind, score_names


def test_every_proxy_is_of_one_family():
    names = [name for family in PROXIES.values() for name in family.names]
    assert sorted(names) == sorted(score_names(ScoreKind.PROXY))
    assert all(SCORES[name].function is None for name in names)


def test_families_whose_values_grow_with_every_layer_are_computed_in_float64():
    assert {name for name in PROXIES if PROXIES[name].double} == {"synflow", "croze"}


def test_cross_entropy_is_the_mean_over_images():
    logits = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    labels = np.array([2, 0, 1, 1])
    exact = np.exp(logits.astype(float))
    expected = -np.log(exact[np.arange(4), labels] / exact.sum(1)).mean()
    found = cross_entropy(jnp.asarray(logits), jnp.asarray(labels))
    np.testing.assert_allclose(found, expected, rtol=1e-6)
