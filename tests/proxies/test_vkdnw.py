"""VKDNW against the singular values of PyTorch's gradients, and spectra known by hand."""

import numpy as np
import pytest
import torch

from ntknas.proxies import PROXIES
from ntknas.proxies.vkdnw import _entropy
from ntknas.spaces.nasbench201 import LayerKind, layers
from tests.proxies.models import (
    ARCHITECTURE,
    CHAIN,
    CONSTANT,
    LAYERS,
    NETWORK,
    check_laws,
    peer,
    products,
    scores_of,
    values_of,
)

IMAGES, CLASSES = 2, 10


@pytest.mark.slow
def test_the_spectrum_is_that_of_the_fisher_information():
    """Its non-zero eigenvalues are the squares of the singular values of the weighted scores."""
    model, pixels, _ = peer()
    weights = [module.weight for module in model.modules() if isinstance(module, LAYERS)]
    log_p = torch.log_softmax(model(pixels[:IMAGES])[1], -1)
    rows = [
        np.concatenate([g.numpy().ravel() for g in products(one, weights, None)])
        * float((one.detach().exp() / IMAGES).sqrt())
        for one in log_p.flatten()
    ]
    assert len(rows) == IMAGES * CLASSES
    squares = np.sort(np.linalg.svd(np.stack(rows), compute_uv=False) ** 2)
    rank = IMAGES * (CLASSES - 1)
    values = values_of("vkdnw", ARCHITECTURE)
    found = np.linalg.eigvalsh(values["gram"])
    np.testing.assert_allclose(found[-rank:], squares[-rank:], rtol=1e-6)
    # Probabilities sum to 1, so each image has a direction without information.
    assert abs(found[:-rank]).max() < 1e-12 * found[-1]
    assert squares[-rank] > 1e-9 * squares[-1]
    deciles = np.quantile(squares[-rank:], np.arange(1, 10) / 10)
    q = deciles / deciles.sum()
    expected = -(q * np.log(q)).sum()
    assert scores_of("vkdnw", ARCHITECTURE)["vkdnw_entropy"] == pytest.approx(expected, rel=1e-6)
    assert 0 < expected < np.log(9)


@pytest.mark.slow
@pytest.mark.parametrize("architecture", [ARCHITECTURE, CHAIN, CONSTANT[0]], ids=str)
def test_the_number_of_layers_is_added(architecture):
    found = scores_of("vkdnw", architecture)
    kinds = (LayerKind.CONVOLUTION, LayerKind.SHORTCUT, LayerKind.LINEAR)
    listed = layers(architecture.ops, channels=NETWORK.channels, cells=NETWORK.cells)
    count = sum(layer.kind in kinds for layer in listed)
    assert found["vkdnw"] - found["vkdnw_entropy"] == pytest.approx(count)


@pytest.mark.slow
def test_laws():
    check_laws("vkdnw")


@pytest.mark.slow
@pytest.mark.parametrize("architecture", CONSTANT, ids=str)
def test_constant_networks_have_no_information(architecture):
    assert scores_of("vkdnw", architecture)["vkdnw_entropy"] == 0


def test_even_spectra_have_the_largest_entropy():
    assert _entropy(np.full(36, 3.0)) == pytest.approx(np.log(9))
    assert _entropy(np.zeros(36)) == 0
    spectrum = np.arange(1.0, 100)
    assert _entropy(7 * spectrum) == pytest.approx(_entropy(spectrum))
    # Deciles of 1..99 are 10.8, 20.6, ..., 89.2.
    q = np.linspace(10.8, 89.2, 9) / np.linspace(10.8, 89.2, 9).sum()
    assert _entropy(spectrum) == pytest.approx(-(q * np.log(q)).sum())


def test_the_largest_eigenvalue_does_not_matter():
    spectrum = np.arange(1.0, 41)
    outlier = spectrum.copy()
    outlier[-1] = 1e6
    assert _entropy(outlier) == pytest.approx(_entropy(spectrum))


def test_overflow_has_no_value():
    values = {"gram": np.full((3, 3), np.nan), "rank": np.array(2), "layers": np.array(8)}
    assert np.isnan(list(PROXIES["vkdnw"].host(values).values())).all()
