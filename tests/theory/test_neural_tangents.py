"""The adaptor: neural-tangents imports, and computes what it says."""

import importlib.util
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ntknas.errors import InputError
from ntknas.theory.neural_tangents import neural_tangents
from tests.tolerances import TOLERANCES

RTOL = TOLERANCES["float64"]["rtol"]


def arc_cosine_ntk(x):
    """Closed form for one hidden ReLU layer, no bias (Cho & Saul 2009; Jacot et al. 2018)."""
    norms = np.linalg.norm(x, axis=1)
    gram = x @ x.T
    cosine = np.clip(gram / np.outer(norms, norms), -1, 1)
    angle = np.arccos(cosine)
    scale = np.outer(norms, norms) / (2 * np.pi)
    nngp = scale * (np.sin(angle) + (np.pi - angle) * cosine)
    return nngp + gram * (np.pi - angle) / (2 * np.pi)


def test_infinite_width_kernel_equals_the_closed_form(float64):
    nt = neural_tangents()
    x = np.random.default_rng(0).normal(size=(4, 3))
    _, _, kernel_fn = nt.stax.serial(nt.stax.Dense(1), nt.stax.Relu(), nt.stax.Dense(1))
    kernel = kernel_fn(x, None, "ntk")
    # stax divides inner products of inputs by their dimension. arccos loses half of the digits
    # on the diagonal.
    np.testing.assert_allclose(kernel, arc_cosine_ntk(x / np.sqrt(3)), rtol=1e-6)


def test_prediction_at_infinite_time_is_kernel_regression(float64):
    nt = neural_tangents()
    rng = np.random.default_rng(1)
    x, y, new = rng.normal(size=(5, 3)), rng.normal(size=(5, 1)), rng.normal(size=(2, 3))
    kernel_fn = nt.stax.serial(nt.stax.Dense(1), nt.stax.Relu(), nt.stax.Dense(1))[2]
    predict = nt.predict.gradient_descent_mse_ensemble(kernel_fn, x, y)
    kernel, cross = (np.asarray(kernel_fn(a, x, "ntk")) for a in (x, new))
    expected = cross @ np.linalg.solve(kernel, y)
    prediction = predict(x_test=new, get="ntk")
    np.testing.assert_allclose(prediction, expected, **TOLERANCES["float64"])


@pytest.mark.parametrize("name", ["JACOBIAN_CONTRACTION", "NTK_VECTOR_PRODUCTS"])
def test_empirical_kernels_equal_a_product_of_jacobians(name, float64):
    nt = neural_tangents()
    rng = np.random.default_rng(2)
    x, params = jnp.asarray(rng.normal(size=(3, 4))), jnp.asarray(rng.normal(size=(4, 2)))

    def apply_fn(w, x):
        return jnp.tanh(x @ w)

    kernel_fn = nt.empirical_ntk_fn(
        apply_fn, trace_axes=(-1,), implementation=nt.NtkImplementation[name]
    )
    rows = jax.jacrev(apply_fn)(params, x).reshape(3, 2, -1)
    expected = np.einsum("ikp,jkp->ij", rows, rows) / 2
    np.testing.assert_allclose(kernel_fn(x, None, params), expected, rtol=RTOL)


def test_one_module_and_no_tensorflow():
    assert neural_tangents() is neural_tangents()
    code = (
        "import sys; from ntknas.theory.neural_tangents import neural_tangents\n"
        "assert 'neural_tangents' not in sys.modules\n"
        "neural_tangents()\n"
        "assert 'tensorflow' not in sys.modules\n"
        "import neural_tangents\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, timeout=120)


def test_a_second_import_finds_its_own_repairs():
    neural_tangents.cache_clear()
    assert neural_tangents().__version__ == "0.6.5"


def test_missing_extra_is_one_clear_line(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, *rest: None if name == "neural_tangents" else find(name, *rest),
    )
    neural_tangents.cache_clear()
    with pytest.raises(InputError, match=r"needs the extra theory: pip install 'ntknas\[theory\]'"):
        neural_tangents()
