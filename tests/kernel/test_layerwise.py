"""Kernels formed layer by layer against products of plain Jacobians, in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ntknas.kernel.gram import layers_of, probed_gram
from ntknas.kernel.layerwise import ConvNormWeights, Probe, conv_norm, linear, norm_layer
from ntknas.layers import Norm
from ntknas.network import Network, NetworkSpec, cell_layers, initial_variables
from tests.kernel.models import quick_jit
from tests.tolerances import TOLERANCES, of_largest

TOLERANCE = TOLERANCES["float64"]
N = 3
DECOUPLED = [norm for norm in Norm if not norm.coupled]


def weights_of(norm, size, inputs, outputs):
    rng = np.random.default_rng(1)
    kernel = jnp.asarray(rng.normal(size=(size, size, inputs, outputs)))
    if norm is Norm.NONE:
        return ConvNormWeights(kernel)
    scale, bias, mean = jnp.asarray(rng.normal(size=(3, outputs)))
    variance = jnp.asarray(rng.uniform(0.5, 2, outputs))
    return ConvNormWeights(kernel, scale, bias, *((mean, variance) if norm is Norm.FROZEN else ()))


def plain_parts(values, params):
    """Kernels of scalar outputs [n] over weights and over biases, from the full Jacobian."""
    rows = quick_jit(jax.jacrev(values))(params)
    parts = {True: 0.0, False: 0.0}
    for path, leaf in jax.tree_util.tree_leaves_with_path(rows):
        flat = leaf.reshape(len(leaf), -1)
        name = getattr(path[-1], "name", None) or path[-1].key
        if name not in ("mean", "variance"):
            parts[name == "bias"] += flat @ flat.T
    return parts[False], parts[True]


def probed_parts(values, *, coupled):
    """The same from the cotangent of a probe."""
    zeros = jnp.zeros(N if coupled else (N, N))

    def parts(probe):
        _, pull_back = jax.vjp(values, probe)
        if coupled:
            return jax.vmap(lambda one: pull_back(one)[0])(jnp.eye(N))
        return pull_back(jnp.ones(N))[0]

    return quick_jit(parts)(Probe(zeros, zeros))


@pytest.mark.parametrize("norm", list(Norm))
@pytest.mark.parametrize(("size", "stride"), [(1, 1), (3, 1), (3, 2)])
def test_convolution_and_normalisation(norm, size, stride, float64):
    rng = np.random.default_rng(2)
    x = jnp.asarray(rng.normal(size=(N, 6, 4, 2)))
    weights = weights_of(norm, size, 2, 5)
    out_shape = (N, 6 // stride, 4 // stride, 5)
    readout = jnp.asarray(rng.normal(size=out_shape))

    def values(weights, probe=None):
        y = conv_norm(x, weights, norm=norm, stride=stride, probe=probe)
        return (jnp.tanh(y) * readout).sum((1, 2, 3))

    plain = plain_parts(values, weights)
    probed = probed_parts(lambda probe: values(weights, probe), coupled=norm.coupled)
    np.testing.assert_allclose(probed.weights, plain[0], **TOLERANCE)
    np.testing.assert_allclose(probed.biases, np.zeros((N, N)) + plain[1], **TOLERANCE)


@pytest.mark.parametrize("coupled", [False, True])
def test_normalisation_and_linear_layer(coupled, float64):
    norm = Norm.BATCH if coupled else Norm.IMAGE
    rng = np.random.default_rng(3)
    x = jnp.asarray(rng.normal(size=(N, 2, 2, 4)))
    params = {
        "norm": {"scale": rng.normal(size=4), "bias": rng.normal(size=4)},
        "linear": {"kernel": rng.normal(size=(4, 5)), "bias": rng.normal(size=5)},
    }
    params = jax.tree.map(jnp.asarray, params)

    def values(params, probe=None):
        norm_weights = (params["norm"]["scale"], params["norm"]["bias"], None, None)
        y = jnp.tanh(norm_layer(x, norm_weights, norm=norm, probe=probe)).mean((1, 2))
        return linear(y, **params["linear"], probe=probe).sum(1)

    plain = plain_parts(values, params)
    probed = probed_parts(lambda probe: values(params, probe), coupled=coupled)
    np.testing.assert_allclose(probed.weights, plain[0], **TOLERANCE)
    np.testing.assert_allclose(probed.biases, plain[1], **TOLERANCE)


@pytest.mark.parametrize("coupled", [False, True])
def test_many_images(coupled):
    """From 64 images and features on XLA fuses the layers' products, and mistook constants in them.

    That is above the sizes of the other tests, and in compiled programs alone.
    """
    n = 64
    norm = Norm.BATCH if coupled else Norm.IMAGE
    rng = np.random.default_rng(4)
    x = jnp.asarray(rng.normal(size=(n, 4, 4, n)), jnp.float32)
    params = {
        "norm": {"scale": jnp.ones(n), "bias": jnp.zeros(n)},
        "linear": {"kernel": rng.normal(size=(n, 10)), "bias": np.zeros(10)},
    }
    params = jax.tree.map(lambda a: jnp.asarray(a, jnp.float32), params)

    def logits(params, x, probes=None):
        of_norm, of_linear = (probes and probes[name] for name in ("norm", "linear"))
        norm_weights = (params["norm"]["scale"], params["norm"]["bias"], None, None)
        y = norm_layer(x, norm_weights, norm=norm, probe=of_norm)
        return linear(jax.nn.relu(y).mean((1, 2)), **params["linear"], probe=of_linear)

    @jax.jit
    def grams(x):
        options = {"layers": layers_of(params), "coupled": coupled}
        return probed_gram(lambda probes, x: logits(params, x, probes), x, [(0,)], **options).whole

    (found,) = grams(x[None])
    plain = sum(plain_parts(lambda params: logits(params, x).sum(1), params))
    np.testing.assert_allclose(found, plain, **of_largest(plain, "float32"))


def test_a_coupled_probe_outside_of_vmap_is_nan():
    """One pull-back knows one row: what it would be multiplied with is missing."""
    probe = Probe(jnp.zeros(N), jnp.zeros(N))
    x, kernel, bias = jnp.ones((N, 2)), jnp.ones((2, 3)), jnp.zeros(3)
    _, pull_back = jax.vjp(lambda probe: linear(x, kernel, bias, probe=probe), probe)
    assert np.isnan(pull_back(jnp.ones((N, 3)))[0].weights).all()


def test_a_probe_is_never_read():
    probe = Probe(jnp.full((N, N), jnp.nan), jnp.full((N, N), jnp.nan))
    x, kernel, bias = jnp.ones((N, 2)), jnp.ones((2, 3)), jnp.zeros(3)
    _, pull_back = jax.vjp(lambda probe: linear(x, kernel, bias, probe=probe), probe)
    np.testing.assert_array_equal(pull_back(jnp.ones((N, 3)))[0].biases, np.full((N, N), 3.0))


@pytest.mark.parametrize(
    ("norm", "traced"),
    [
        pytest.param(Norm.BATCH, True, marks=pytest.mark.slow),
        pytest.param(Norm.IMAGE, False, marks=pytest.mark.slow),
        (Norm.NONE, True),
    ],
)
def test_kernel_of_a_network(norm, traced, float64):
    """Operations static and traced; weights alone where biases have no gradient."""
    spec = NetworkSpec(channels=2, cells=1, norm=norm)
    variables = jax.tree.map(jnp.asarray, initial_variables(spec, 0))
    variables = jax.tree.map(lambda a: a.astype(jnp.float64), variables)
    ops = (3, 2, 4, 1, 0, 3)
    codes = jnp.array(ops) if traced else ops
    network = Network(spec)
    batches = 1 if norm.coupled else 2
    images = jnp.asarray(np.random.default_rng(6).uniform(size=(batches, N, 8, 8, 3)))

    def probed_fn(probes, images):
        return network.apply(variables, images, codes, probes)

    def values(params):
        joined = images.reshape(-1, *images.shape[2:])
        return network.apply({**variables, "params": params}, joined, codes).sum(1)

    every = tuple(range(batches))

    @quick_jit
    def grams(images):
        layers = cell_layers(biases=False)
        return probed_gram(probed_fn, images, [every], layers=layers, coupled=norm.coupled).whole

    (found,) = grams(images)
    expected = plain_parts(values, variables["params"])[0]
    assert found.shape == (batches * N, batches * N)
    np.testing.assert_allclose(found, expected, **TOLERANCE)
