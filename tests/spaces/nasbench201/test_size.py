"""Parameters and FLOPs against the benchmark's PyTorch network."""

import pytest

from ntknas.errors import InputError
from ntknas.spaces.nasbench201 import Architecture, architectures, flops, num_parameters


def torch_network(cell, channels, cells, classes):
    tiny = pytest.importorskip("xautodl.models.cell_infers.tiny_network")
    genotypes = pytest.importorskip("xautodl.models.cell_searchs.genotypes")
    genotype = genotypes.Structure.str2structure(cell.string)
    return tiny.TinyNetwork(channels, cells, genotype, classes)


@pytest.mark.parametrize(
    ("channels", "cells", "classes", "size"), [(16, 5, 10, 32), (4, 1, 120, 16), (6, 2, 100, 20)]
)
def test_both_equal_the_pytorch_network(channels, cells, classes, size):
    counter = pytest.importorskip("xautodl.utils.flop_benchmark")
    skeleton = {"channels": channels, "cells": cells, "classes": classes}
    chosen = [*architectures("random:3:3"), Architecture.from_code("333000")]
    for cell in chosen:
        network = torch_network(cell, **skeleton)
        expected = sum(parameter.numel() for parameter in network.parameters())
        assert num_parameters(cell, **skeleton) == expected
        millions, _ = counter.get_model_infos(network, (1, 3, size, size))
        assert flops(cell, **skeleton, image_size=size) == pytest.approx(millions * 1e6, rel=1e-12)


def test_published_figures_of_the_largest_network():
    """NAS-Bench-201 lists 1.531546 MB and 220.11969 MFLOPs for the cell of 3x3 convolutions."""
    cell = Architecture.from_code("333333")
    assert num_parameters(cell) == 1_531_546
    assert flops(cell) == 220_119_690
    assert num_parameters(cell) == max(map(num_parameters, architectures("all")))


def test_operations_without_weights_are_free():
    sizes = {
        num_parameters(Architecture.from_code(code)) for code in ("000000", "111111", "444444")
    }
    assert len(sizes) == 1


@pytest.mark.parametrize("name", ["channels", "cells", "classes", "image_size"])
@pytest.mark.parametrize("size", [0, -1])
def test_sizes_below_one_are_refused(name, size):
    cell = Architecture.from_id(0)
    with pytest.raises(InputError, match=f"{name} of at least 1, got {size}"):
        flops(cell, **{name: size})
    if name != "image_size":
        with pytest.raises(InputError, match=f"{name} of at least 1, got {size}"):
            num_parameters(cell, **{name: size})


def test_image_sizes_that_do_not_halve_twice_are_refused():
    with pytest.raises(InputError, match="multiple of 4, got 30"):
        flops(Architecture.from_id(0), image_size=30)
