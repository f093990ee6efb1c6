"""Fully connected networks of the theory: the formula, scalings, and what is refused."""

from collections.abc import Callable
from dataclasses import replace

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ntknas.errors import InputError
from ntknas.theory import (
    Activation,
    FullyConnected,
    FullyConnectedSpec,
    Parametrisation,
    Variances,
    unit_inputs,
)
from tests.tolerances import TOLERANCES

ACTIVATIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "relu": lambda z: np.maximum(z, 0),
    "leaky_relu": lambda z: np.where(z > 0, z, 0.01 * z),
    "tanh": np.tanh,
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "swish": lambda z: z / (1 + np.exp(-z)),
}


def pixels(n=3, seed=0):
    return jnp.asarray(np.random.default_rng(seed).uniform(size=(n, 2, 2, 3)))


def by_hand(weights, x, skips, activations, scale, deviations):
    """The recursion of the docstring, one image and one layer at a time."""
    outputs = []
    for row in x:
        f = ACTIVATIONS[activations[0]](row @ weights[0] * deviations[0])
        for w, alpha, act, deviation in zip(
            weights[1:-1], skips, activations[1:], deviations[1:-1], strict=True
        ):
            f = scale * ACTIVATIONS[act](f @ w * deviation) + alpha * f
        outputs.append(f @ weights[-1] * deviations[-1])
    return np.stack(outputs)


@pytest.mark.parametrize("scale", [None, 1.0])
@pytest.mark.parametrize("classes", [2, 4])
def test_the_formula(scale, classes, float64):
    activations = ("swish", "leaky_relu", "tanh", "sigmoid")
    spec = FullyConnectedSpec(
        depth=5,
        width=7,
        skips=(1, 0, 0.5),
        activations=activations,
        branch_scale=scale,
        classes=classes,
        weight_variance=1.5,
        output_variance=3.0,
    )
    x = pixels()
    params = FullyConnected(spec).init(jax.random.key(0), x)
    weights = [np.asarray(params["params"][f"layer_{layer}"]) for layer in range(1, 6)]
    deviations = np.sqrt([1.5, *(1.5 / 7,) * 3, 3 / 7])
    inputs = 2 * np.asarray(x).reshape(3, -1) - 1
    inputs /= np.linalg.norm(inputs, axis=1, keepdims=True)
    expected = by_hand(weights, inputs, spec.alphas, activations, scale or 1 / 5, deviations)
    if classes == 2:  # logits (0, f): their sum is f, their cross-entropy the logistic loss
        expected = np.concatenate([np.zeros_like(expected), expected], axis=1)
    outputs = FullyConnected(spec).apply(params, x)
    np.testing.assert_allclose(outputs, expected, rtol=TOLERANCES["float64"]["rtol"])


@pytest.mark.parametrize("activation", list(Activation))
def test_homogeneity_is_what_it_says(activation):
    z = jnp.linspace(-2, 2, 9)
    homogeneous = np.allclose(activation.function(3 * z), 3 * activation.function(z), rtol=1e-6)
    assert homogeneous == activation.homogeneous


def test_parametrisations_differ_in_what_is_trained_alone(float64):
    spec = FullyConnectedSpec(depth=4, width=6, skips=(1, 1))
    standard = replace(spec, parametrisation=Parametrisation.STANDARD)
    x = pixels()
    ntk_params = FullyConnected(spec).init(jax.random.key(1), x)
    params = FullyConnected(standard).init(jax.random.key(1), x)
    for layer, deviation in enumerate(spec.standard_deviations, start=1):
        name = f"layer_{layer}"
        np.testing.assert_allclose(
            params["params"][name], deviation * ntk_params["params"][name], rtol=1e-12
        )
    np.testing.assert_allclose(
        FullyConnected(standard).apply(params, x),
        FullyConnected(spec).apply(ntk_params, x),
        rtol=1e-12,
    )


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_small_variances_are_the_same_function_if_homogeneous(activation, float64):
    spec = FullyConnectedSpec(depth=4, width=6, skips=(1, 0), activations=activation)
    x = pixels()
    params = FullyConnected(spec).init(jax.random.key(2), x)
    small = FullyConnected(replace(spec, variances=Variances.SMALL)).apply(params, x)
    same = np.allclose(small, FullyConnected(spec).apply(params, x), rtol=1e-12)
    assert same == Activation(activation).homogeneous


@pytest.mark.parametrize(
    ("variances", "expected"),
    [("unit", (2.0, 2 / 50, 1 / 50)), ("small", (2 / 50, 2 / 50, 1.0))],
)
def test_weights_have_the_variances_that_are_recorded(variances, expected):
    spec = FullyConnectedSpec(depth=3, width=50, parametrisation="standard", variances=variances)
    assert np.allclose(np.square(spec.standard_deviations), expected)
    keys = jax.random.split(jax.random.key(0), 40)
    params = jax.vmap(lambda key: FullyConnected(spec).init(key, pixels(1)))(keys)["params"]
    for layer, variance in enumerate(expected, start=1):
        drawn = np.asarray(params[f"layer_{layer}"])
        # 2,000 draws or more: the sample variance is within 10% (3 standard errors).
        assert abs(drawn.var() / variance - 1) < 0.1


def test_skips_as_data_equal_the_specs():
    spec = FullyConnectedSpec(depth=4, width=6, skips=(1, 0.5))
    x = pixels()
    params = FullyConnected(spec).init(jax.random.key(0), x)
    other = FullyConnected(replace(spec, skips=None))
    np.testing.assert_array_equal(
        other.apply(params, x, jnp.array([1.0, 0.5])), FullyConnected(spec).apply(params, x)
    )
    assert not np.allclose(other.apply(params, x), FullyConnected(spec).apply(params, x))


def test_inputs_have_norm_one_whatever_the_contrast():
    x = pixels(4)
    units = unit_inputs(x, (0.5, 0.4, 0.3), (0.2, 0.3, 0.1))
    np.testing.assert_allclose(np.linalg.norm(units, axis=1), 1, rtol=1e-6)
    weaker = 0.5 + (x - 0.5) / 2
    np.testing.assert_allclose(
        unit_inputs(weaker, (0.5,), (0.5,)), unit_inputs(x, (0.5,), (0.5,)), rtol=1e-5
    )


def test_an_image_equal_to_the_mean_is_zero_with_a_finite_gradient():
    grey = jnp.full((1, 2, 2, 3), 0.5)
    assert not unit_inputs(grey, (0.5,), (0.5,)).any()
    gradient = jax.grad(lambda x: unit_inputs(x, (0.5,), (0.5,)).sum())(grey)
    chex.assert_tree_all_finite(gradient)


def test_init_makes_weights_alone():
    variables = FullyConnected(FullyConnectedSpec(depth=2)).init(jax.random.key(0), pixels())
    assert set(variables) == {"params"}
    assert set(variables["params"]) == {"layer_1", "layer_2"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"depth": 1}, "depth must be at least 2, got 1"),
        ({"width": 0}, "width must be at least 1"),
        ({"classes": 1}, "classes must be at least 2"),
        ({"skips": (1,)}, "depth 4 has 2 skips"),
        ({"skips": (1, float("nan"))}, "depth 4 has 2 skips"),
        ({"activations": ("relu",)}, "depth 4 has 3 activations, got 1"),
        ({"activations": "step"}, "activation must be one of relu"),
        ({"weight_variance": 0.0}, "weight_variance must be positive"),
        ({"branch_scale": -1.0}, "branch_scale must be positive"),
        ({"std": (0.0,)}, "std positive"),
        ({"parametrisation": "mup"}, "parametrisation must be one of ntk, standard"),
        ({"variances": "large"}, "variances must be one of unit, small"),
    ],
)
def test_bad_settings(change, message):
    with pytest.raises(InputError, match=message):
        FullyConnectedSpec(**{"depth": 4} | change)
