"""The families together, and what they share."""

import jax
import jax.numpy as jnp
import numpy as np

from ntknas.network import NetworkSpec, initial_variables
from ntknas.proxies import PROXIES, compute, proxy_inputs
from ntknas.proxies.proxy import cross_entropy
from ntknas.scores import SCORES, ScoreKind, score_names


def test_every_proxy_is_of_one_family():
    names = [name for family in PROXIES.values() for name in family.names]
    assert sorted(names) == sorted(score_names(ScoreKind.PROXY))
    assert all(SCORES[name].function is None for name in names)


RIVALS = ("meco", "zico", "az", "vkdnw", "robust_zcp")


def test_rivals_are_traced_and_scored_without_compiling():
    """What they compute is held to PyTorch by the slow tests."""
    network = NetworkSpec(channels=2, cells=1)
    variables = jax.tree.map(jnp.asarray, initial_variables(network, 0))
    images, labels = jnp.zeros((4, 32, 32, 3)), jnp.arange(4)
    given = proxy_inputs(network, variables, images, labels, 0)
    families = tuple((name, PROXIES[name].names) for name in RIVALS)
    traced = jax.eval_shape(
        lambda ops, inputs: compute._with_normalisation(network, ops, inputs, families),
        jnp.zeros(6, jnp.int32),
        given,
    )
    for name, names in families:
        zeros = {key: np.zeros(leaf.shape) for key, leaf in traced[name].items()}
        zeros |= {"rank": np.array(18)} if name == "vkdnw" else {}
        scores = PROXIES[name].host(zeros)
        assert tuple(scores) == names
        assert np.isfinite(list(scores.values())).all(), scores


def test_families_whose_values_grow_with_every_layer_are_computed_in_float64():
    assert {name for name in PROXIES if PROXIES[name].double} == {"synflow", "croze"}


def test_cross_entropy_is_the_mean_over_images():
    logits = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    labels = np.array([2, 0, 1, 1])
    exact = np.exp(logits.astype(float))
    expected = -np.log(exact[np.arange(4), labels] / exact.sum(1)).mean()
    found = cross_entropy(jnp.asarray(logits), jnp.asarray(labels))
    np.testing.assert_allclose(found, expected, rtol=1e-6)
