"""AZ-NAS's parts against PyTorch, block by block, and cases that are known by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

from ntknas.network import random_taps
from ntknas.proxies import PROXIES
from ntknas.proxies.az import _covariance, _entropy, _jacobian
from ntknas.proxies.proxy import Draw
from ntknas.spaces.nasbench201 import Architecture
from tests.proxies.models import (
    ARCHITECTURE,
    CONSTANT,
    NETWORK,
    batch,
    check_laws,
    inputs,
    peer,
    scores_of,
    values_of,
)

SKIP = Architecture.from_code("000100")  # every cell is the identity
host = PROXIES["az"].host


def signs():
    """What is sent back through the blocks."""
    with jax.enable_x64(True):
        key = jax.random.fold_in(inputs().key, Draw.AZ)
        return random_taps(NETWORK, len(batch().pixels), key, jnp.float64).blocks()


@pytest.mark.slow
def test_every_block_is_that_of_pytorch():
    model, pixels, _ = peer()
    x, entropies, values = model.stem(pixels).detach(), [], []
    rows = x.movedim(1, -1).reshape(-1, x.shape[1])
    spectra = [np.linalg.eigvalsh(np.cov(rows.numpy().T))]
    for block, sign in zip(model.cells, signs()[1:], strict=True):
        x = x.detach().requires_grad_()
        y = block(x)
        r = torch.tensor(np.asarray(sign)).movedim(-1, 1)
        (g,) = torch.autograd.grad(y, x, r)
        fold = x.shape[-1] // y.shape[-1]
        patches = torch.nn.functional.pixel_unshuffle(g, fold)
        estimate = torch.einsum("nihw,nohw->io", patches, r) / (r.numel() / r.shape[1])
        sigma = float(torch.linalg.svdvals(estimate)[0])
        values.append(2 - sigma - 1 / sigma)
        x = y
        rows = y.detach().movedim(1, -1).reshape(-1, y.shape[1])
        spectra.append(np.linalg.eigvalsh(np.cov(rows.numpy().T)))
    for spectrum in spectra:
        p = spectrum / spectrum.sum()
        entropies.append(-(p * np.log(p)).sum())
    found = scores_of("az", ARCHITECTURE)
    assert found["az_expressivity"] == pytest.approx(sum(entropies), rel=1e-6)
    assert found["az_progressivity"] == pytest.approx(min(np.diff(entropies)), rel=1e-6)
    assert found["az_trainability"] == pytest.approx(np.mean(values), rel=1e-6)


@pytest.mark.slow
def test_laws():
    check_laws("az")


@pytest.mark.slow
def test_the_identity_hands_back_what_was_sent():
    """Its estimate is the mean of r r^T, near the unit matrix, so that its part is nearly 0."""
    values = values_of("az", SKIP)
    for number in (1, 3, 5):  # the cells; between them are the reductions
        r = np.asarray(signs()[number])
        expected = np.einsum("npqi,npqo->io", r, r) / r[..., 0].size
        np.testing.assert_allclose(values[f"jacobian_{number - 1:03}"], expected, atol=1e-12)
        sigma = np.linalg.norm(expected, 2)
        assert -0.1 < 2 - sigma - 1 / sigma <= 0
    assert scores_of("az", SKIP)["az_trainability"] <= 0


@pytest.mark.slow
@pytest.mark.parametrize("architecture", CONSTANT, ids=str)
def test_cells_of_zeros_have_no_entropy_and_block_all_gradients(architecture):
    found = scores_of("az", architecture)
    assert found["az_trainability"] < scores_of("az", ARCHITECTURE)["az_trainability"]
    assert found["az_progressivity"] < 0
    values = values_of("az", architecture)
    # What is behind the stem.
    assert found["az_expressivity"] == pytest.approx(_entropy(values["covariance_000"]))


def test_entropy_is_largest_for_equal_variances():
    assert _entropy(np.eye(5)) == pytest.approx(np.log(5))
    assert _entropy(np.diag([1.0, 0, 0])) == 0
    assert _entropy(np.zeros((3, 3))) == 0
    turned, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))
    spectrum = np.array([0.5, 0.3, 0.2])
    expected = -(spectrum * np.log(spectrum)).sum()
    assert _entropy(turned @ np.diag(7 * spectrum) @ turned.T) == pytest.approx(expected)


def test_covariance_does_not_see_the_mean():
    x = np.random.default_rng(0).normal(size=(2, 3, 3, 4))
    expected = np.cov(x.reshape(-1, 4).T, ddof=0) * 18
    np.testing.assert_allclose(_covariance(jnp.asarray(x + 5)), expected, rtol=1e-3, atol=1e-3)


def test_a_linear_block_has_its_transposed_matrix():
    """Random signs are orthogonal in the mean: with many of them the estimate is the matrix."""
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(3, 2))  # from 3 channels to 2
    r = rng.choice([-1.0, 1.0], size=(40, 30, 30, 2))
    found = _jacobian(jnp.asarray(r @ matrix.T), jnp.asarray(r))
    np.testing.assert_allclose(found, matrix, atol=0.03)


def test_the_best_gradient_keeps_its_size():
    parts = {"covariance_000": np.eye(2), "covariance_001": np.eye(2)}
    scores = [host(parts | {"jacobian_000": s * np.eye(2)}) for s in (0.5, 1, 2)]
    low, best, high = (score["az_trainability"] for score in scores)
    assert best == 0
    assert low == high == -0.5  # 2 - s - 1 / s treats s and 1 / s alike


@pytest.mark.slow
def test_some_of_the_parts_need_no_gradients():
    values = values_of("az", ARCHITECTURE, ("az_expressivity",))
    assert not any(name.startswith("jacobian") for name in values)
    expected = scores_of("az", ARCHITECTURE)["az_expressivity"]
    assert host(values)["az_expressivity"] == pytest.approx(expected)


def test_overflow_has_no_value():
    assert np.isnan(host({"covariance_000": np.full((2, 2), np.inf)})["az_expressivity"])
