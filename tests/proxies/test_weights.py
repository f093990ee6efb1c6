"""grad_norm, SNIP and GraSP against PyTorch's autograd."""

import pytest
from torch.nn import functional

from tests.proxies.models import ARCHITECTURE, LAYERS, check_laws, peer, products, scores_of


def test_gradients_of_the_loss():
    model, pixels, labels = peer()
    scores = scores_of("weights", ARCHITECTURE)
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


def test_laws():
    check_laws("weights")
