"""The list of layers against formulas written out, PyTorch's state_dict, and the Flax variables."""

from itertools import combinations_with_replacement

import jax
import pytest

from ntknas.errors import InputError
from ntknas.layers import Norm
from ntknas.network import NetworkSpec, initial_variables
from ntknas.spaces.nasbench201 import EDGES, Architecture, LayerKind, layers
from ntknas.spaces.nasbench201.size import flops, num_parameters
from tests.network.reference import torch_network

SIZES = [(16, 5, 10, 32), (1, 1, 2, 4), (4, 1, 120, 16), (6, 2, 100, 20), (3, 7, 10, 64)]
MULTISETS = list(combinations_with_replacement(range(5), 6))
TAPS = {2: 1, 3: 9}  # of the kernels of a 1x1 and of a 3x3 convolution


def parameters_by_hand(ops, channels, cells, classes):
    """Weights, two numbers per channel for each normalisation, and the classifier's bias."""
    taps = [TAPS[op] for op in ops if op in TAPS]
    total = (27 + 2) * channels
    for width in (channels, 2 * channels, 4 * channels):
        total += cells * sum(k * width**2 + 2 * width for k in taps)
    for width in (2 * channels, 4 * channels):
        narrow = width // 2
        total += 9 * narrow * width + 2 * width + 9 * width**2 + 2 * width + narrow * width
    width = 4 * channels
    return total + 2 * width + (width + 1) * classes


def flops_by_hand(ops, channels, cells, classes, image_size):
    """Weights of convolutions times pixels of their outputs, and the classifier with its bias."""
    taps = sum(TAPS.get(op, 0) for op in ops)
    total = 27 * channels * image_size**2
    for stage, width in enumerate((channels, 2 * channels, 4 * channels)):
        pixels = (image_size >> stage) ** 2
        total += cells * taps * width**2 * pixels
        if stage > 0:
            narrow = width // 2
            total += (9 * narrow * width + 9 * width**2 + narrow * width) * pixels
    return total + (4 * channels + 1) * classes


@pytest.mark.parametrize(("channels", "cells", "classes", "image_size"), SIZES)
def test_sums_equal_the_formulas_written_out(channels, cells, classes, image_size):
    sizes = {"channels": channels, "cells": cells, "classes": classes}
    for ops in MULTISETS:
        listed = layers(ops, **sizes, image_size=image_size)
        parameters = parameters_by_hand(ops, channels, cells, classes)
        operations = flops_by_hand(ops, channels, cells, classes, image_size)
        assert sum(layer.parameters for layer in listed) == parameters
        assert sum(layer.flops for layer in listed) == operations
        for order in (ops, ops[::-1]):
            cell = Architecture(order)
            assert num_parameters(cell, **sizes) == parameters
            assert flops(cell, **sizes, image_size=image_size) == operations


CODES = ["324130", "333333", "000000", "222222", "023014"]


@pytest.mark.parametrize("code", CODES)
def test_names_and_shapes_are_those_of_pytorch(code):
    cell = Architecture.from_code(code)
    network = torch_network(cell, channels=4, cells=2, classes=7)
    theirs = {
        name: tuple(tensor.shape)
        for name, tensor in network.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    ours: dict[str, tuple[int, ...]] = {}
    for layer in layers(cell.ops, channels=4, cells=2, classes=7):
        if layer.kind is LayerKind.LINEAR:
            ours |= {
                f"{layer.torch}.weight": (layer.outputs, layer.inputs),
                f"{layer.torch}.bias": (layer.outputs,),
            }
        elif layer.kind is not LayerKind.NORMALISATION:
            shape = (layer.outputs, layer.inputs, layer.size, layer.size)
            ours[f"{layer.torch}.weight"] = shape
        assert (layer.torch_norm is not None) == layer.kind.normalised
        for entry in ("weight", "bias", "running_mean", "running_var"):
            if layer.torch_norm is not None:
                ours[f"{layer.torch_norm}.{entry}"] = (layer.outputs,)
    assert ours == theirs
    modules = dict(network.named_modules())
    for layer in layers(cell.ops, channels=4, cells=2, classes=7):
        if layer.kind in (LayerKind.CONVOLUTION, LayerKind.SHORTCUT):
            assert modules[layer.torch].stride == (layer.stride, layer.stride)
    # In PyTorch's order of modules: the stem, cells and residual blocks, the end.
    in_cells = [layer.torch for layer in layers(cell.ops) if layer.torch.startswith("cells.")]
    indices = [int(name.split(".")[1]) for name in in_cells]
    assert indices == sorted(indices)


@pytest.mark.parametrize("code", CODES)
def test_paths_are_those_of_the_flax_variables(code):
    cell = Architecture.from_code(code)
    spec = NetworkSpec(channels=4, cells=2, classes=7, norm=Norm.FROZEN)
    variables = initial_variables(spec, 0, cell.ops)
    shapes = {
        tuple(entry.key for entry in path): leaf.shape
        for path, leaf in jax.tree_util.tree_leaves_with_path(variables["params"])
    }
    found: dict = {}

    def add(layer, path, shape):
        stacked = () if layer.cell is None else (spec.cells,)
        if layer.cell in (None, 0):
            found[path] = (*stacked, *shape)
        assert found[path] == (*stacked, *shape)

    for layer in layers(cell.ops, channels=4, cells=2, classes=7):
        channels = (layer.outputs,)
        if layer.kind is LayerKind.LINEAR:
            add(layer, (*layer.path, "kernel"), (layer.inputs, layer.outputs))
            add(layer, (*layer.path, "bias"), channels)
            continue
        kernel = (layer.size, layer.size, layer.inputs, layer.outputs)
        if layer.kind is LayerKind.SHORTCUT:
            add(layer, layer.path, kernel)
        elif layer.kind is LayerKind.CONVOLUTION:
            add(layer, (*layer.path, "kernel"), kernel)
        if layer.kind.normalised:
            norm = () if layer.kind is LayerKind.NORMALISATION else ("norm",)
            for entry in ("scale", "bias"):
                add(layer, (*layer.path, *norm, entry), channels)
    assert found == shapes


def test_edges_of_a_cell_are_those_with_a_convolution():
    ops = (3, 0, 2, 4, 1, 3)
    of_cells = [layer for layer in layers(ops, cells=2) if layer.cell is not None]
    assert len(of_cells) == 3 * 2 * 3
    for layer in of_cells:
        assert layer.edge is not None
        assert layer.size == {2: 1, 3: 3}[ops[layer.edge]]
        source, target = EDGES[layer.edge]
        assert layer.path[1] == f"edge_{source}_{target}_conv_{layer.size}x{layer.size}"
    assert [layer.edge for layer in of_cells[:3]] == [0, 2, 5]
    assert [layer.cell for layer in of_cells[:6]] == [0, 0, 0, 1, 1, 1]
    assert [layer.side for layer in of_cells[::6]] == [32, 16, 8]


@pytest.mark.parametrize("name", ["channels", "cells", "classes", "image_size"])
def test_sizes_below_one_are_refused(name):
    with pytest.raises(InputError, match=f"expected {name} of at least 1, got 0"):
        layers((0,) * 6, **{name: 0})
    with pytest.raises(InputError, match="multiple of 4, got 30"):
        layers((0,) * 6, image_size=30)
