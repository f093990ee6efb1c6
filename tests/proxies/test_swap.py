"""SWAP: patterns counted one by one, on PyTorch's activations and on made-up ones."""

import jax.numpy as jnp
import numpy as np
import pytest
import torch

from ntknas.network import Watched
from ntknas.proxies import PROXIES
from ntknas.proxies.swap import activity_patterns, count_patterns
from tests.proxies.models import ARCHITECTURE, CHAIN, CONSTANT, IDLE, peer, values_of


def swap(architecture) -> float:
    """The score, from the pass forward alone."""
    return PROXIES["gradients"].host(values_of("gradients", architecture, ("swap",)))["swap"]


def counted(columns) -> int:
    """The number of different columns of a matrix of bits."""
    return len({tuple(column) for column in np.asarray(columns).T.tolist()})


def layer(rng, layers, images, entries, present=None):
    values = rng.normal(size=(layers, images, entries, 1, 1))
    marks = jnp.ones(layers, jnp.int32) if present is None else jnp.array(present, jnp.int32)
    return Watched(marks, jnp.asarray(values))


def test_the_patterns_of_a_network_are_those_of_pytorchs_relus():
    model, pixels, _ = peer()
    active: list[torch.Tensor] = []
    for module in model.modules():
        if isinstance(module, torch.nn.ReLU):
            module.register_forward_hook(
                lambda module, taken, output: active.append((output > 0).flatten(1))
            )
    model(pixels)
    expected = counted(torch.cat(active, 1))
    assert swap(ARCHITECTURE) == expected
    assert 10 < expected <= 2 ** len(pixels)


@pytest.mark.parametrize("images", [1, 5, 32, 33, 70])
def test_patterns_are_counted_over_all_layers(images):
    rng = np.random.default_rng(images)
    groups = (layer(rng, 1, images, 40), layer(rng, 2, images, 30))
    columns = [(x > 0).swapaxes(0, 1).reshape(images, -1) for _, x in groups]
    found = activity_patterns(groups)
    assert found.shape == (-(-images // 32), 100)
    assert count_patterns(np.asarray(found, np.float64)) == counted(np.concatenate(columns, 1))


def test_entries_of_absent_layers_have_no_pattern():
    rng = np.random.default_rng(0)
    first, second = layer(rng, 1, 12, 40), layer(rng, 3, 12, 30, present=[1, 0, 1])
    kept = Watched(jnp.ones(2, jnp.int32), second.values[jnp.array([0, 2])])
    found, expected = (
        count_patterns(np.asarray(activity_patterns((first, group)))) for group in (second, kept)
    )
    assert found == expected


def test_two_images_that_are_alike_halve_what_is_possible():
    x = np.random.default_rng(0).normal(size=(1, 4, 500, 1, 1))
    x[:, 3] = x[:, 2]
    found = activity_patterns((Watched(jnp.ones(1, jnp.int32), jnp.asarray(x)),))
    assert count_patterns(np.asarray(found)) == 8


@pytest.mark.parametrize("architecture", [CONSTANT[0], CONSTANT[2]], ids=str)
def test_a_network_of_zeros_has_few_patterns(architecture):
    assert swap(architecture) < swap(ARCHITECTURE)


def test_an_edge_without_an_input_adds_at_most_the_pattern_of_no_activity():
    with_edge, without = (swap(cell) for cell in (IDLE, CHAIN))
    assert without <= with_edge <= without + 1


def test_alone_it_needs_only_the_pass_forward():
    assert set(values_of("gradients", ARCHITECTURE, ("swap",))) == {"patterns"}
