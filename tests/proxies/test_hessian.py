"""The largest eigenvalue of the Hessian by the images against ARPACK on PyTorch's products."""

import numpy as np
import pytest
import torch
from scipy.sparse.linalg import LinearOperator, eigsh
from torch.nn import functional

from ntknas.proxies import PROXIES
from tests.proxies.models import ARCHITECTURE, CONSTANT, check_laws, peer, products, scores_of, std


@pytest.mark.slow
def test_hessian_is_the_largest_eigenvalue_by_the_images():
    model, pixels, labels = peer()
    score = scores_of("hessian", ARCHITECTURE)["hessian"]
    loss = functional.cross_entropy(model(pixels)[1], labels)
    (gradient,) = torch.autograd.grad(loss, pixels, create_graph=True)

    def product(v):
        vector = torch.tensor(v.reshape(pixels.shape)) / std()
        return (products(gradient, [pixels], vector)[0] / std()).reshape(-1).numpy()

    operator = LinearOperator((pixels.numel(),) * 2, matvec=product, dtype=np.float64)
    (expected,) = eigsh(operator, k=1, which="LA", return_eigenvectors=False)
    assert score == pytest.approx(expected, rel=0.05)  # ten steps of Lanczos
    assert 0 < score <= expected * (1 + 1e-9)


def test_laws():
    check_laws("hessian")


@pytest.mark.parametrize("architecture", CONSTANT, ids=str)
def test_constant_networks_have_no_curvature(architecture):
    assert scores_of("hessian", architecture) == {"hessian": 0}


def test_the_eigenvalue_is_that_of_the_tridiagonal_matrix():
    rng = np.random.default_rng(0)
    diagonal, off = rng.normal(size=10), rng.normal(size=10)
    matrix = np.diag(diagonal) + np.diag(off[:-1], 1) + np.diag(off[:-1], -1)
    found = PROXIES["hessian"].host({"tridiagonal": np.stack([diagonal, off])})["hessian"]
    assert found == pytest.approx(np.linalg.eigvalsh(matrix)[-1])


@pytest.mark.parametrize("row", [0, 1])
def test_overflow_has_no_eigenvalue(row):
    values = np.ones((2, 10))
    values[row, 3] = np.inf
    assert np.isnan(PROXIES["hessian"].host({"tridiagonal": values})["hessian"])
