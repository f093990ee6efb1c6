"""grad_norm, SNIP, GraSP, Fisher and NASWOT against PyTorch's autograd and hooks."""

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
    values_of,
)


@pytest.mark.slow
def test_gradients_of_the_loss():
    model, pixels, labels = peer()
    scores = scores_of("gradients", ARCHITECTURE)
    weights = [module.weight for module in model.modules() if isinstance(module, LAYERS)]
    loss = functional.cross_entropy(model(pixels)[1], labels)
    gradients = products(loss, weights, None, create_graph=True)
    assert scores["grad_norm"] == pytest.approx(sum(float(g.detach().norm()) for g in gradients))
    parts = [float((w * g).detach().abs().sum()) for w, g in zip(weights, gradients, strict=True)]
    assert scores["snip"] == pytest.approx(sum(parts))
    alive = [g for g in gradients if g.requires_grad]
    hg = products(alive, weights, [g.detach() for g in alive])
    parts = [float((w * h).detach().sum()) for w, h in zip(weights, hg, strict=True)]
    assert scores["grasp"] == pytest.approx(-sum(parts), rel=1e-6)
    assert scores["grad_norm"] > 0
    assert scores["snip"] > 0


@pytest.mark.slow
def test_activations():
    model, pixels, labels = peer()
    values, scores = (get("gradients", ARCHITECTURE) for get in (values_of, scores_of))
    outputs, active = [], []

    def keep(module, taken, output):
        output.retain_grad()
        outputs.append(output)

    for module in model.modules():
        if isinstance(module, LAYERS):
            module.register_forward_hook(keep)
        if isinstance(module, torch.nn.ReLU):
            module.register_forward_hook(
                lambda module, taken, output: active.append((output > 0).double().flatten(1))
            )
    functional.cross_entropy(model(pixels)[1], labels).backward()
    fisher = 0.0
    for output in outputs:
        if output.grad is not None:
            of_channels = (output * output.grad).reshape(*output.shape[:2], -1).sum(-1)
            fisher += float(of_channels.detach().square().mean(0).sum() / 2)
    assert scores["fisher"] == pytest.approx(fisher)
    assert scores["fisher"] > 0
    expected = sum(c @ c.T + (1 - c) @ (1 - c).T for c in active).numpy()
    np.testing.assert_array_equal(values["agreement"], expected)
    assert scores["naswot"] == pytest.approx(np.linalg.slogdet(expected)[1])


def test_laws():
    check_laws("gradients")


@pytest.mark.parametrize("architecture", CONSTANT, ids=str)
def test_constant_networks_have_the_least_naswot(architecture):
    assert (
        scores_of("gradients", architecture)["naswot"]
        < scores_of("gradients", ARCHITECTURE)["naswot"]
    )


def test_images_that_are_alike_to_all_relus_are_at_the_floor():
    agreement = np.full((3, 3), 40.0)
    found = PROXIES["gradients"].host({"fisher": np.ones(()), "agreement": agreement})["naswot"]
    floor = 3 * np.finfo(float).eps * 120
    assert found == pytest.approx(np.log(120) + 2 * np.log(floor), rel=1e-6)
    agreement[0, 0] = np.nan
    found = PROXIES["gradients"].host({"fisher": np.ones(()), "agreement": agreement})["naswot"]
    assert np.isnan(found)


@pytest.mark.parametrize("names", [("naswot",), ("swap",), ("snip", "fisher")])
def test_some_of_the_scores_are_those_of_all(names):
    every = scores_of("gradients", ARCHITECTURE)
    found = PROXIES["gradients"].host(values_of("gradients", ARCHITECTURE, names))
    assert set(names) <= set(found)
    assert "grasp" not in found
    assert {name: found[name] for name in names} == {
        name: pytest.approx(every[name], rel=1e-12) for name in names
    }
