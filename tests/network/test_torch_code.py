"""The source for PyTorch computes what xautodl's network computes, with the same weights."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from ntknas.errors import InputError
from ntknas.layers import Norm
from ntknas.network import NetworkSpec, export_torch_weights, initial_variables, torch_code
from ntknas.spaces.nasbench201 import Architecture
from tests.network.reference import MEAN, STD, torch_network

SPEC = NetworkSpec(channels=4, cells=2, classes=7, norm=Norm.FROZEN, mean=MEAN, std=STD)


def module_of(architecture, spec):
    """The names that the source defines."""
    names: dict = {}
    exec(compile(torch_code(architecture, spec), "network.py", "exec"), names)
    return names


@pytest.mark.parametrize("code", ["324130", "000000", "331243"])
def test_logits_and_names_are_xautodls(code):
    architecture = Architecture.from_code(code)
    theirs = torch_network(architecture, channels=4, cells=2, classes=7, seed=3).eval()
    ours = module_of(architecture, SPEC)["Network"]().eval()
    ours.load_state_dict(theirs.state_dict())  # strict
    images = torch.rand((2, 3, 32, 32), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(ours(images), theirs(images)[1], rtol=1e-5, atol=1e-6)


def test_exported_weights_fit():
    architecture = Architecture.from_code("324130")
    variables = initial_variables(SPEC, 0, architecture.ops)
    model = module_of(architecture, SPEC)["network"]()
    state = export_torch_weights(variables, SPEC, architecture, normaliser=True)
    model.load_state_dict(state)  # strict
    pixels = torch.full((1, 3, 1, 1), 0.5)
    expected = (0.5 - np.array(MEAN)) / np.array(STD)
    np.testing.assert_allclose(model[0](pixels)[0, :, 0, 0], expected, rtol=1e-6)


def test_sizes_are_those_of_the_spec():
    wide = module_of(9930, replace(SPEC, channels=8))["Network"]()
    assert wide.stem[0].weight.shape == (8, 3, 3, 3)
    assert len(wide.cells) == 8
    assert wide.classifier.weight.shape == (7, 32)


def test_no_such_architecture():
    with pytest.raises(InputError, match="15625"):
        torch_code(15625)
