"""MeCo against PyTorch's feature maps and NumPy's correlations; what degenerate layers count."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

from ntknas.proxies import PROXIES
from ntknas.proxies.meco import _correlations
from ntknas.proxies.proxy import Draw
from tests.proxies.models import (
    ARCHITECTURE,
    CHAIN,
    CONSTANT,
    IDLE,
    batch,
    check_laws,
    inputs,
    peer,
    scores_of,
)

host = PROXIES["meco"].host


def maps(seed=0, channels=4, size=6):
    return np.random.default_rng(seed).normal(size=(1, size, size, channels))


def smallest(values) -> float:
    return host({"group_0": np.asarray(_correlations(jnp.asarray(values)), np.float64)})["meco"]


def test_meco():
    model, _, _ = peer()
    with jax.enable_x64(True):
        key = jax.random.fold_in(inputs().key, Draw.MECO)
        image = np.asarray(jax.random.normal(key, (1, *batch().pixels.shape[1:])))
    outputs: list[torch.Tensor] = []
    shortcuts = [m for name, m in model.named_modules() if "downsample" in name]
    for module in model.modules():
        if isinstance(module, torch.nn.Conv2d) and module not in shortcuts:
            module.register_forward_hook(lambda module, taken, output: outputs.append(output[0]))
    with torch.no_grad():
        model(torch.tensor(image).permute(0, 3, 1, 2))
    smallest_of = [
        np.linalg.eigvalsh(np.corrcoef(output.reshape(len(output), -1).numpy()))[0]
        for output in outputs
        if output.any()  # one edge starts from a node of zeros or leads nowhere
    ]
    assert len(outputs) == 5 + 3 * 3
    found = scores_of("meco", ARCHITECTURE)["meco"]
    assert found == pytest.approx(sum(smallest_of), rel=1e-4)
    assert found > 0


def test_laws():
    check_laws("meco")


def test_an_edge_without_an_input_does_not_count():
    with_edge, without = (scores_of("meco", cell)["meco"] for cell in (IDLE, CHAIN))
    assert with_edge == pytest.approx(without, rel=1e-12)


@pytest.mark.parametrize("architecture", CONSTANT, ids=str)
def test_constant_networks_have_the_stem_alone_or_an_edge_that_leads_nowhere(architecture):
    assert scores_of("meco", architecture)["meco"] >= 0


def test_scales_and_offsets_of_channels_do_not_matter():
    values = maps()
    moved = values * [1, 3, 0.5, 20] + [0, 1, -2, 5]
    assert smallest(moved) == pytest.approx(smallest(values), rel=1e-4)


def test_uncorrelated_channels_have_one_and_dependent_ones_zero():
    rows = np.kron(np.eye(4), [1.0, -1.0])  # four channels, each alive where the others are 0
    assert smallest(rows.T.reshape(1, 8, 1, 4)) == pytest.approx(1, rel=1e-5)
    values = maps()
    values[..., 3] = values[..., 0] + 2 * values[..., 1]
    assert smallest(values) == 0


def test_a_constant_channel_makes_its_layer_zero():
    values = maps()
    assert smallest(values) > 0
    values[..., 2] = 7
    assert smallest(values) == 0


def test_no_more_pixels_than_channels_have_zero():
    assert smallest(maps(channels=9, size=3)) == 0
    assert smallest(maps(channels=8, size=3)) > 0


def test_overflow_has_no_value():
    assert np.isnan(host({"group_0": np.full((1, 2, 2), np.nan)})["meco"])


# The image is drawn for MeCo alone: Zen-NAS and the Hessian use the key's halves.
def test_its_draw_is_its_own():
    key = jax.random.key(0)
    drawn = [partial(jax.random.fold_in, key)(number) for number in Draw]
    data = {tuple(jax.random.key_data(k).tolist()) for k in (*drawn, *jax.random.split(key))}
    assert len(data) == len(Draw) + 2
