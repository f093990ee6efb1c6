"""Proxies of the Jacobian by the images against PyTorch's autograd."""

import numpy as np
import pytest
import torch

from ntknas.proxies import PROXIES
from tests.proxies.models import (
    ARCHITECTURE,
    CHAIN,
    CONSTANT,
    IDLE,
    check_laws,
    peer,
    products,
    scores_of,
    std,
)


def test_input_gradients():
    model, pixels, _ = peer()
    scores = scores_of("input_jacobian", ARCHITECTURE)
    logits = model(pixels)[1]
    rows = [products(logits[:, k].sum(), [pixels], None)[0] / std() for k in range(10)]
    jacobian = torch.stack([row.reshape(len(pixels), -1) for row in rows]).numpy()
    expected = np.sqrt((jacobian**2).sum((0, 2))).mean()
    assert scores["jacobian_norm"] == pytest.approx(expected)
    assert scores["jacobian_norm"] > 0
    # Pixels come in another order here, which correlations over pixels do not see.
    values = np.linalg.eigvalsh(np.corrcoef(jacobian.sum(0))) + 1e-5
    assert scores["jacob_cov"] == pytest.approx(-(np.log(values) + 1 / values).sum(), rel=1e-6)


def test_laws():
    check_laws("input_jacobian")


@pytest.mark.parametrize("architecture", CONSTANT, ids=str)
def test_nothing_depends_on_the_images_of_a_constant_network(architecture):
    found = scores_of("input_jacobian", architecture)
    assert found["jacobian_norm"] == 0
    assert found["jacob_cov"] < scores_of("input_jacobian", ARCHITECTURE)["jacob_cov"]


def test_an_edge_without_an_input_does_not_count():
    with_edge, without = (scores_of("input_jacobian", cell) for cell in (IDLE, CHAIN))
    assert with_edge["jacobian_norm"] == pytest.approx(without["jacobian_norm"], rel=1e-12)


def test_gradients_that_do_not_vary_count_as_equal_and_overflow_as_missing():
    rng = np.random.default_rng(0)
    gradients = rng.normal(size=(4, 30))

    def score(gradients):
        return PROXIES["input_jacobian"].host({"norm": np.ones(()), "gradients": gradients})

    # Two constant rows are alike, and correlate with nothing else.
    constant = np.concatenate([gradients, np.ones((2, 30)), np.zeros((1, 30))])
    correlations = np.eye(7)
    correlations[:4, :4] = np.corrcoef(gradients)
    correlations[4:, :] = correlations[:, 4:] = 1
    correlations[:4, 4:] = correlations[4:, :4] = 0
    values = np.linalg.eigvalsh(correlations).clip(0) + 1e-5
    found = score(constant)["jacob_cov"]
    assert found == pytest.approx(-(np.log(values) + 1 / values).sum(), rel=1e-6)
    gradients[1, 2] = np.inf
    assert np.isnan(score(gradients)["jacob_cov"])
    assert score(gradients)["jacobian_norm"] == 1
