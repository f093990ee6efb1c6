"""Zen-NAS against PyTorch's hooks."""

from dataclasses import replace

import jax
import numpy as np
import pytest
import torch

from benchmarks.peers.weights import network_of
from ntknas.layers import Norm
from ntknas.network import initial_variables
from ntknas.proxies import PROXIES
from tests.proxies.models import (
    ARCHITECTURE,
    CHAIN,
    IDLE,
    NETWORK,
    batch,
    check_laws,
    inputs,
    scores_of,
    values_of,
)


def own_part(own, every):
    """Entries of a tree of all operations where a tree of some has one."""
    return {
        name: own_part(value, every[name]) if isinstance(value, dict) else np.asarray(every[name])
        for name, value in own.items()
    }


def test_zen_score():
    with jax.enable_x64(True):
        key = jax.random.split(inputs().key)[0]
        x, change = np.asarray(jax.random.normal(key, (2, *batch().pixels.shape)))
    own = initial_variables(replace(NETWORK, norm=Norm.FROZEN), 0, ARCHITECTURE.ops)
    own["params"] = own_part(own["params"], inputs().gaussian)
    model = network_of(ARCHITECTURE, NETWORK, own).double()
    variances, features = [], []
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.register_forward_hook(
                lambda module, taken, output: variances.append(
                    float(taken[0].var((0, 2, 3), unbiased=False).mean())
                )
            )
    model.lastact.register_forward_hook(lambda module, taken, output: features.append(output))
    for images in (x, x + 0.01 * change):
        model(torch.tensor(images).permute(0, 3, 1, 2))
    difference = float((features[0] - features[1]).abs().sum((1, 2, 3)).mean())
    first = variances[: len(variances) // 2]
    found = values_of("zen", ARCHITECTURE)
    # PyTorch's weights are rounded to float32.
    assert found["change"] == pytest.approx(difference, rel=1e-3)
    assert found["scale"] == pytest.approx(np.log(first).sum() / 2, rel=1e-4)
    expected = float(np.log(found["change"]) + found["scale"])
    assert scores_of("zen", ARCHITECTURE)["zen"] == pytest.approx(expected, rel=1e-12)


def test_laws():
    check_laws("zen")


def test_an_edge_without_an_input_does_not_count():
    with_edge, without = (scores_of("zen", cell)["zen"] for cell in (IDLE, CHAIN))
    assert with_edge == pytest.approx(without, rel=1e-12)


def test_overflow_stays_visible():
    values = {"change": np.ones(()), "scale": np.asarray(np.inf)}
    assert PROXIES["zen"].host(values) == {"zen": np.inf}
