"""Kernels of the NAS-Bench-201 network against PyTorch, and of any network against NumPy."""

from dataclasses import replace

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from absl.testing import parameterized

from ntknas import kernel as room
from ntknas.kernel import Logits, layers_of_paths, linear
from ntknas.layers import Norm
from ntknas.theory.neural_tangents import neural_tangents
from tests.kernel.models import (
    CLASSES,
    draws,
    flat,
    nas_network,
    plain_jacobian,
    quick_jit,
    torch_jacobian,
    user_cnn,
)
from tests.tolerances import TOLERANCES, of_largest

RTOL = TOLERANCES["float64"]["rtol"]
STATIC = {"static_argnums": 0, "static_argnames": ("coupled", "logits")}
ntk = quick_jit(room.ntk, **STATIC)
chained_gram = quick_jit(
    room.chained_gram, static_argnums=(0, 3), static_argnames=("coupled", "logits")
)
jacobian = quick_jit(room.jacobian, static_argnums=0, static_argnames="coupled")


@pytest.mark.parametrize(
    "norm",
    [
        Norm.BATCH,
        pytest.param(Norm.IMAGE, marks=pytest.mark.slow),
        Norm.NONE,
        pytest.param(Norm.FROZEN, marks=pytest.mark.slow),
    ],
)
def test_network_kernel_equals_pytorch_in_float64(norm, float64):
    """Operations as data, against a loop of backward passes through another implementation."""
    images, _ = draws()
    oracle, apply_fn, params = nas_network(norm)
    kernel = ntk(apply_fn, params, images, coupled=norm.coupled)
    rows = torch_jacobian(oracle, images, norm)
    expected = rows @ rows.T
    np.testing.assert_allclose(kernel, expected, **of_largest(expected, "float64"))
    np.testing.assert_allclose(np.diag(kernel), np.diag(expected), rtol=RTOL)


@pytest.mark.parametrize("norm", [pytest.param(Norm.BATCH, marks=pytest.mark.slow), Norm.IMAGE])
def test_network_kernel_in_float32(norm):
    images, _ = draws()
    oracle, apply_fn, params = nas_network(norm, static=norm is Norm.IMAGE)
    # One of the two is compiled, and so rounds, as users have it.
    compiled = jax.jit(room.ntk, **STATIC) if norm is Norm.BATCH else ntk
    kernel = compiled(apply_fn, params, images, coupled=norm.coupled)
    assert kernel.dtype == jnp.float32
    rows = torch_jacobian(oracle, images, norm)
    expected = rows @ rows.T
    # Ten times the table's: two networks whose rounding differs are 6e-6 apart, and a ReLU's input
    # on the other side of its kink would move them further.
    np.testing.assert_allclose(kernel, expected, rtol=0, atol=1e-4 * np.abs(expected).max())


@pytest.mark.slow  # the comparison with PyTorch covers the same network
@pytest.mark.parametrize("norm", [Norm.BATCH, Norm.IMAGE])
def test_network_jacobian_equals_jacrev(norm, float64):
    images, _ = draws(4)
    _, apply_fn, params = nas_network(norm, static=True)
    ones = jnp.ones(CLASSES)
    rows = jacobian(apply_fn, params, images, ones, coupled=norm.coupled)
    expected = plain_jacobian(apply_fn, params, images, ones)
    np.testing.assert_allclose(flat(rows), expected, **of_largest(expected, "float64"))


def logit_kernels(apply_fn, params, x1, x2):
    """J_k(x1) J_k(x2)^T of every logit k."""
    return [
        plain_jacobian(apply_fn, params, x1, e) @ plain_jacobian(apply_fn, params, x2, e).T
        for e in jnp.eye(CLASSES, dtype=x1.dtype)
    ]


@pytest.mark.parametrize("coupled", [True, False])
def test_conventions_over_the_logits_and_cross_kernels(coupled, float64):
    x1, _ = draws(5)
    x2, _ = draws(3, seed=1)
    apply_fn, params = user_cnn(x1, coupled=coupled)
    ones = jnp.ones(CLASSES)
    j1, j2 = (plain_jacobian(apply_fn, params, x, ones) for x in (x1, x2))
    expected = {
        Logits.SUM: (j1 @ j1.T, j1 @ j2.T),
        Logits.TRACE: tuple(
            np.mean(logit_kernels(apply_fn, params, x1, x), axis=0) for x in (x1, x2)
        ),
    }
    for logits, (own, cross) in expected.items():
        options = {"coupled": coupled, "logits": logits}
        np.testing.assert_allclose(ntk(apply_fn, params, x1, **options), own, rtol=RTOL)
        np.testing.assert_allclose(ntk(apply_fn, params, x1, x2, **options), cross, rtol=RTOL)


@pytest.mark.parametrize("network", ["user", pytest.param("image", marks=pytest.mark.slow)])
def test_decoupled_kernels_equal_neural_tangents(network, float64):
    """It averages over traced axes, as `Logits.TRACE` does; a sum of logits is one logit."""
    x1, _ = draws(4)
    x2, _ = draws(3, seed=1)
    user = network == "user"
    apply_fn, params = user_cnn(x1) if user else nas_network(Norm(network), static=True)[1:]
    library = neural_tangents()
    functions = {
        Logits.TRACE: apply_fn,
        Logits.SUM: lambda params, x: apply_fn(params, x).sum(-1, keepdims=True),
    }
    for logits, function in functions.items():
        kernel_fn = library.empirical_ntk_fn(
            function,
            trace_axes=(-1,),
            vmap_axes=0,
            implementation=library.NtkImplementation.JACOBIAN_CONTRACTION,
        )
        expected = quick_jit(kernel_fn)(x1, x2, params)
        actual = ntk(apply_fn, params, x1, x2, coupled=False, logits=logits)
        np.testing.assert_allclose(actual, expected, **of_largest(expected, "float64"))
        if not user:
            break  # both conventions are compared on the small network


@pytest.mark.parametrize("logits", list(Logits))
@pytest.mark.parametrize("coupled", [True, False])
def test_chained_gram_is_the_gram_of_each_groups_jacobians(coupled, logits, float64):
    batches = jnp.stack([draws(3, seed=s)[0] for s in range(4)])
    apply_fn, params = user_cnn(batches[0], coupled=coupled)
    directions = jnp.ones((1, CLASSES)) if logits is Logits.SUM else jnp.eye(CLASSES)
    rows = [[plain_jacobian(apply_fn, params, b, d) for b in batches] for d in directions]
    groups = ((0, 1), (0, 2), (0, 3), (1, 2), (2, 3))
    grams = chained_gram(apply_fn, params, batches, groups, coupled=coupled, logits=logits).whole
    assert grams.shape == (5, 6, 6)
    for group, gram in zip(groups, grams, strict=True):
        stacked = [np.concatenate([r[t] for t in group]) for r in rows]
        expected = np.mean([r @ r.T for r in stacked], axis=0)
        np.testing.assert_allclose(gram, expected, rtol=RTOL)
        np.testing.assert_array_equal(gram[:3, 3:], gram[3:, :3].T)


@pytest.mark.slow
def test_chained_gram_of_three_batches_and_of_one_alone(float64):
    batches = jnp.stack([draws(3, seed=s)[0] for s in range(3)])
    apply_fn, params = user_cnn(batches[0], coupled=True)
    rows = [plain_jacobian(apply_fn, params, b, jnp.ones(CLASSES)) for b in batches]
    (joint,) = chained_gram(apply_fn, params, batches, ((0, 1, 2),), coupled=True).whole
    stacked = np.concatenate(rows)
    np.testing.assert_allclose(joint, stacked @ stacked.T, rtol=RTOL)
    (last,) = chained_gram(apply_fn, params, batches, ((2,),), coupled=True).whole
    np.testing.assert_allclose(last, rows[2] @ rows[2].T, rtol=RTOL)


def test_chained_gram_has_no_product_of_batches_apart():
    batches = jnp.stack([draws(3, seed=s)[0] for s in range(4)])
    apply_fn, params = user_cnn(batches[0])
    with pytest.raises(AssertionError):
        chained_gram(apply_fn, params, batches, ((1, 3),), coupled=False)


def test_chained_gram_of_one_batch(float64):
    images, _ = draws()
    apply_fn, params = user_cnn(images, coupled=True)
    rows = plain_jacobian(apply_fn, params, images, jnp.ones(CLASSES))
    grams = chained_gram(apply_fn, params, images[None], ((0,),), coupled=True).whole
    np.testing.assert_allclose(grams, (rows @ rows.T)[None], rtol=RTOL)


class LinearModel(chex.TestCase):
    """Of logits x W the Jacobian is known: K = k x x^T for the sum of k logits, x x^T for each."""

    def setUp(self):
        super().setUp()
        rng = np.random.default_rng(0)
        self.batches = jnp.asarray(rng.normal(size=(3, 4, 5)), jnp.float32)
        self.weights = jnp.asarray(rng.normal(size=(5, CLASSES)), jnp.float32)
        self.rows = np.asarray(self.batches, np.float64).reshape(12, 5)
        self.factors = {Logits.SUM: CLASSES, Logits.TRACE: 1}

    @chex.variants(with_jit=True, without_jit=True)
    @parameterized.product(coupled=(True, False), logits=tuple(Logits))
    def test_ntk(self, coupled, logits):
        def kernel(weights, x1, x2):
            return room.ntk(lambda w, x: x @ w, weights, x1, x2, coupled=coupled, logits=logits)

        found = self.variant(kernel)(self.weights, self.batches[0], self.batches[1])
        expected = self.factors[logits] * self.rows[:4] @ self.rows[4:8].T
        chex.assert_trees_all_close(found, expected, **TOLERANCES["float32"])

    @chex.variants(with_jit=True, without_jit=True)
    @parameterized.product(coupled=(True, False), logits=tuple(Logits))
    def test_chained_gram(self, coupled, logits):
        def grams(weights, batches):
            options = {"coupled": coupled, "logits": logits}
            network = lambda w, x: x @ w  # noqa: E731
            return room.chained_gram(network, weights, batches, ((0, 1, 2),), **options).whole

        found = self.variant(grams)(self.weights, self.batches)
        expected = self.factors[logits] * self.rows @ self.rows.T
        chex.assert_trees_all_close(found, expected[None], **TOLERANCES["float32"])

    @chex.variants(with_jit=True, without_jit=True)
    @parameterized.parameters(*Logits)
    def test_probed_gram(self, logits):
        def grams(weights, batches):
            def probed_fn(probes, x):
                return linear(x, weights, jnp.zeros(CLASSES), probe=probes["linear"])

            groups = ((0, 1, 2), (2, 0, 1))
            layers = replace(layers_of_paths([("linear", "kernel")]), biases=False)
            options = {"layers": layers, "coupled": False, "logits": logits}
            return room.probed_gram(probed_fn, batches, groups, **options).whole

        found = self.variant(grams)(self.weights, self.batches)
        turned = self.rows[[*range(8, 12), *range(8)]]
        expected = np.stack([rows @ rows.T for rows in (self.rows, turned)])
        expected *= self.factors[logits]
        chex.assert_trees_all_close(found, expected, **TOLERANCES["float32"])


def test_kernel_is_symmetric_and_positive_semi_definite():
    images, _ = draws(6)
    for coupled in (True, False):
        apply_fn, params = user_cnn(images, coupled=coupled)
        kernel = np.asarray(ntk(apply_fn, params, images, coupled=coupled), np.float64)
        np.testing.assert_allclose(kernel, kernel.T, rtol=0, atol=1e-6 * kernel.max())
        values = np.linalg.eigvalsh(kernel)
        assert values[0] >= -len(kernel) * np.finfo(np.float32).eps * values[-1]
