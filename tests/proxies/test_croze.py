"""CRoZe against PyTorch's autograd and hooks, and where nothing is perturbed."""

import importlib
from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from torch.nn import functional

from benchmarks.peers.weights import initial_network
from ntknas.layers import Norm
from ntknas.proxies import PROXIES, croze as croze_score
from ntknas.proxies.croze import RHO, STEP
from tests.proxies.models import (
    ARCHITECTURE,
    CHAIN,
    CONSTANT,
    LAYERS,
    NETWORK,
    batch,
    inputs,
    peer,
    programs,
    without_normalisation,
)

# Sizes of steps are data here, so that one program serves every test.
program = jax.jit(partial(croze_score, replace(NETWORK, norm=Norm.NONE)))


def croze(architecture, step=STEP, rho=RHO):
    with jax.enable_x64(True):
        params = jax.tree.map(lambda x: abs(x.astype(jnp.float64)), inputs().variables["params"])
        images = inputs().images.astype(jnp.float64)
        ops = jnp.asarray(architecture.ops)
        return float(program(params, ops, images, inputs().labels, step=step, rho=rho))


def cosine(a, b):
    return functional.cosine_similarity(a.detach(), b.detach(), dim=0)


@pytest.mark.slow
def test_croze():
    model, _, labels = peer()
    clean = without_normalisation(model)
    robust = without_normalisation(initial_network(ARCHITECTURE, NETWORK, 0).double())
    mean, std = (
        torch.tensor(np.asarray(v, np.float64))[:, None, None] for v in (batch().mean, batch().std)
    )
    pixels = torch.tensor(batch().pixels, dtype=torch.float64).permute(0, 3, 1, 2)
    features: dict = {clean: [], robust: []}
    for network in features:
        stages = [network.stem, network.cells[1], network.cells[3], network.cells[4]]
        for stage in (*stages, network.global_pooling):
            stage.register_forward_hook(
                lambda module, taken, output, kept=features[network]: kept.append(output)
            )

    def loss_of(network, images):
        network.zero_grad()
        features[network].clear()
        loss = functional.cross_entropy(network((images - mean) / std)[1], labels)
        loss.backward()

    loss_of(clean, pixels)
    pairs = list(zip(clean.modules(), robust.modules(), strict=True))
    for a, b in pairs:
        if isinstance(a, LAYERS) and a.weight.grad is not None:
            length = max(float(a.weight.grad.norm()), 1e-30)
            b.weight.data += 2 * a.weight.grad * a.weight.norm() / length
    pixels.requires_grad_()
    loss_of(robust, pixels)
    attacked = (pixels + 0.01 * pixels.grad.sign()).clamp(0, 1).detach()
    loss_of(robust, attacked)
    of_features = [
        float((1 + cosine(a, b)).sum())
        for a, b in zip(features[clean], features[robust], strict=True)
    ]
    # With one cell a stage everything up to a reduction's end is held against what it gives.
    place, expected = 0, 0.0
    homes = [clean.stem, clean.cells[:2], clean.cells[2:4], clean.cells[4:], clean.classifier]
    twin = dict(pairs)
    for place, home in enumerate(homes):
        for layer in home.modules():
            if isinstance(layer, LAYERS) and layer.weight.grad is not None:
                other = twin[layer]
                of_weights = float((1 + cosine(layer.weight, other.weight)).sum())
                of_gradients = float(cosine(layer.weight.grad, other.weight.grad).abs().sum())
                expected += of_weights * of_gradients * of_features[place]
    assert croze(ARCHITECTURE) == pytest.approx(expected, rel=1e-5)
    assert expected > 0


def test_a_network_agrees_with_itself_wherever_it_is_alive():
    """CRoZe without perturbation: every cosine is 1, or 0 where there is nothing."""
    c = NETWORK.channels
    features = [32 * 32 * c, 16 * 16 * 2 * c, 8 * 8 * 4 * c, 8 * 8 * 4 * c, 4 * c]

    def layer(inputs, after):
        return 2 * inputs * inputs * 2 * features[after]

    # Of the cell's edges 3x3 (0-1), 1x1 (0-2) and 3x3 (1-3) are alive.
    expected = layer(9 * 3, 0) + layer(4 * c, 4)
    for stage in range(3):
        width = c * 2**stage
        expected += 2 * layer(9 * width, stage + 1) + layer(width, stage + 1)
        if stage < 2:
            expected += layer(9 * width, stage + 1) + layer(18 * width, stage + 1)
            expected += layer(width, stage + 1)
    assert croze(ARCHITECTURE, step=0.0, rho=0.0) == pytest.approx(expected, rel=0.02)


def test_laws():
    """Finite for constant networks too, from one program."""
    score = croze(ARCHITECTURE)
    with programs() as compiled:
        assert croze(CHAIN) != score
        assert np.isfinite([croze(architecture) for architecture in CONSTANT]).all()
    assert compiled == []


def test_the_family_takes_the_released_steps_on_what_it_is_given(monkeypatch):
    """Twice the weights' norm and 0.01 in pixels, of every image and label."""
    taken: dict = {}

    def stand_in(network, params, ops, images, labels, *, step=STEP, rho=RHO):
        taken.update(network=network, params=params, images=images, step=step, rho=rho)
        return jnp.asarray(3.0)

    monkeypatch.setattr(importlib.import_module("ntknas.proxies.croze"), "croze", stand_in)
    family = PROXIES["croze"]
    assert (family.names, family.double) == (("croze",), True)
    values = family.device(NETWORK, jnp.asarray(ARCHITECTURE.ops), inputs(), family.names)
    assert family.host({name: np.asarray(v) for name, v in values.items()}) == {"croze": 3.0}
    assert (taken["step"], taken["rho"]) == (STEP, RHO) == (2.0, 0.01)
    assert taken["params"] is inputs().variables["params"]
    assert taken["images"] is inputs().images
