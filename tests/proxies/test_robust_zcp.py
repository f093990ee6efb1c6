"""Robust-ZCP's two factors against PyTorch's gradients, and a network that is known by hand."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from ntknas.proxies import PROXIES
from tests.proxies.models import (
    ARCHITECTURE,
    CONSTANT,
    LAYERS,
    check_laws,
    peer,
    products,
    scores_of,
    std,
    values_of,
)

host = PROXIES["robust_zcp"].host


@pytest.mark.slow
def test_both_factors():
    model, pixels, labels = peer()
    weights = [module.weight for module in model.modules() if isinstance(module, LAYERS)]
    logits = model(pixels)[1]
    gradients = products(logits.sum(), weights, None)
    kernel = sum(float(g.square().sum()) for g in gradients) / (len(weights) * len(pixels) ** 2)

    def gradient(images):
        images = images.detach().requires_grad_()
        loss = functional.cross_entropy(model(images)[1], labels, reduction="sum")
        return torch.autograd.grad(loss, images)[0] / std()  # by pixels in [0, 1]

    before = gradient(pixels)
    sign = before.sign()
    z = sign / sign.flatten(1).norm(dim=1)[:, None, None, None]
    change = (gradient(pixels + 1.5 * z / std()) - before) / 1.5
    curvature = float(change.square().sum((1, 2, 3)).mean())
    found = scores_of("robust_zcp", ARCHITECTURE)
    values = values_of("robust_zcp", ARCHITECTURE)
    assert values["kernel"] == pytest.approx(kernel, rel=1e-6)
    assert found["input_curvature"] == pytest.approx(curvature, rel=1e-5)
    assert found["robust_zcp"] == pytest.approx(-2 * kernel - np.log(curvature), rel=1e-5)
    assert found["robust_zcp_minus"] == pytest.approx(2 * kernel - np.log(curvature), rel=1e-5)


@pytest.mark.slow
def test_laws():
    check_laws("robust_zcp")


@pytest.mark.slow
@pytest.mark.parametrize("architecture", CONSTANT, ids=str)
def test_constant_networks_have_neither_curvature_nor_kernel(architecture):
    assert scores_of("robust_zcp", architecture)["input_curvature"] == 0
    assert values_of("robust_zcp", architecture)["kernel"] == 0


@pytest.mark.parametrize(("name", "sign"), [("robust_zcp", 1), ("robust_zcp_minus", -1)])
def test_the_score_ranks_as_the_bound_does(name, sign):
    rng = np.random.default_rng(0)
    kernels, curvatures = rng.uniform(0, 3, 20), rng.uniform(0.1, 5, 20)
    bounds = -np.exp(sign * 2 * kernels) * curvatures
    scores = [
        host({"kernel": np.array(k), "curvature": np.array(c)})[name]
        for k, c in zip(kernels, curvatures, strict=True)
    ]
    np.testing.assert_array_equal(np.argsort(scores), np.argsort(bounds))
    np.testing.assert_allclose(scores, -np.log(-bounds))


@pytest.mark.slow
def test_the_curvature_alone_needs_no_kernel():
    values = values_of("robust_zcp", ARCHITECTURE, ("input_curvature",))
    assert values["kernel"] == 0
    expected = scores_of("robust_zcp", ARCHITECTURE)["input_curvature"]
    assert host(values)["input_curvature"] == pytest.approx(expected)
