"""The benchmark runs, and its competitor computes the same kernel."""

import numpy as np
import pytest
import torch

import ntknas
from benchmarks.kernel_speed import SpeedConfig, run
from benchmarks.peers import torch_loop


def test_run():
    result = run(SpeedConfig(archs="random:2:0", batch_size=4, channels=4, cells=1, repeats=1))
    assert len(result["rows"]) == 2
    assert all(row["ntknas"] > 0 and row["torch"] > 0 for row in result["rows"])
    low, high = result["ratio_interval"]
    assert low <= result["ratio"] <= high


def test_the_torch_loop_computes_the_gram_matrix_of_its_gradients():
    spec = ntknas.NetworkSpec(channels=4, cells=1)
    torch.manual_seed(0)
    model = torch_loop.network(ntknas.Architecture.from_id(0), spec).double()
    pixels = torch.randn(3, 3, 32, 32, dtype=torch.float64)
    kernel = torch_loop.clean_kernel(model, pixels)
    parameters = [p for p in model.parameters() if p.requires_grad]

    def row(i):
        gradients = torch.autograd.grad(model(pixels)[1][i].sum(), parameters, allow_unused=True)
        return torch.cat([g.reshape(-1) for g in gradients if g is not None]).numpy()

    rows = np.stack([row(i) for i in range(3)])
    assert kernel == pytest.approx(rows @ rows.T, rel=1e-10)
