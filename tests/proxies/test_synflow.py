"""SynFlow against PyTorch's autograd, and its law of conservation."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

from ntknas.layers import Norm
from ntknas.network import Network
from tests.proxies.models import (
    ARCHITECTURE,
    CHAIN,
    CONSTANT,
    IDLE,
    LAYERS,
    NETWORK,
    check_laws,
    inputs,
    peer,
    scores_of,
    values_of,
    without_normalisation,
)


def test_synflow():
    model, pixels, _ = peer()
    model = without_normalisation(model)
    model(torch.ones_like(pixels[:1]))[1].sum().backward()
    weights = [module.weight for module in model.modules() if isinstance(module, LAYERS)]
    expected = sum(float((w * w.grad).detach().sum()) for w in weights if w.grad is not None)
    assert values_of("synflow", ARCHITECTURE)["flow"] == pytest.approx(expected)
    assert scores_of("synflow", ARCHITECTURE)["synflow"] == pytest.approx(np.log(expected))


def test_synflow_is_conserved_by_every_layer_of_a_chain():
    """Tanaka et al.: the flow through each cut of the network is the output, biases apart."""
    flow = values_of("synflow", CHAIN)["flow"]
    with jax.enable_x64(True):
        params = jax.tree.map(abs, inputs().variables["params"])
        one = jnp.asarray(NETWORK.mean) + jnp.asarray(NETWORK.std)
        image = jnp.broadcast_to(one, (1, 32, 32, 3))
        network = Network(replace(NETWORK, norm=Norm.NONE))
        output = float(network.apply({"params": params}, image, CHAIN.ops).sum())
        output -= float(params["classifier"]["bias"].sum())
    # Stem, cells and classifier pass on all of it; of each reduction's two branches one has two
    # layers, the other one, so what passes counts between once and twice.
    layers = 2 + 3 * NETWORK.cells
    assert (layers + 2) * output < flow < (layers + 4) * output


def test_laws():
    check_laws("synflow")


@pytest.mark.parametrize("architecture", CONSTANT, ids=str)
def test_nothing_flows_through_a_constant_network(architecture):
    found = scores_of("synflow", architecture)["synflow"]
    assert found < scores_of("synflow", ARCHITECTURE)["synflow"]


def test_an_edge_without_an_input_does_not_count():
    with_edge, without = (scores_of("synflow", cell)["synflow"] for cell in (IDLE, CHAIN))
    assert with_edge == pytest.approx(without, rel=1e-12)
