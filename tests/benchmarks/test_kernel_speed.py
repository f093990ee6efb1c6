"""All competitors compute one kernel, and their times are put together right."""

import numpy as np
import pytest
import torch

import ntknas
from benchmarks.engine import clean_setting
from benchmarks.kernel_speed import LARGEST, TOLERANCE, SpeedConfig, _differences, run
from benchmarks.peers import torch_func, torch_loop
from benchmarks.peers.weights import initial_network
from ntknas.engine import run_cost
from ntknas.errors import InputError
from ntknas.layers import Norm
from ntknas.network import initial_variables, load_torch_weights

# A weight on every edge, of both sizes.
FULL = ntknas.Architecture.from_code("323232")
TINY = ntknas.NetworkSpec(channels=4, cells=2)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("norm", "archs", "peers"),
    [
        (Norm.BATCH, "random:2:0", ["torch"]),
        # neural-tangents compiles every architecture: networks with little in their cells.
        pytest.param(
            Norm.IMAGE,
            "code:000100,code:000200",
            ["torch_func", "neural_tangents"],
            marks=pytest.mark.slow,
        ),
    ],
)
def test_run(norm, archs, peers):
    config = SpeedConfig(archs, norm, batch_size=4, channels=4, cells=1, repeats=2)
    result = run(config)
    rows = result["rows"]
    assert [row["id"] for row in rows] == [a.id for a in ntknas.architectures(archs)]
    assert list(result["peers"]) == list(result["score"]["peers"]) == peers
    assert 0 < result["largest_difference"] < TOLERANCE
    spec, _ = clean_setting(4, 4, 1, norm)
    operations = sum(run_cost(a, spec).flops for a in ntknas.architectures(archs))
    for name in ["ntknas", *peers]:
        seconds = [row[name]["median_seconds"] for row in rows]
        assert all(
            row[name]["quartiles"][0] <= s <= row[name]["quartiles"][1]
            for row, s in zip(rows, seconds, strict=True)
        )
        found = result["competitors"][name]
        assert found["mean_seconds"] == pytest.approx(np.mean(seconds))
        assert found["gflops"] == pytest.approx(operations / sum(seconds) / 1e9)
        share = found["gflops"] / result["peak_gflops"]
        assert found["fraction_of_peak"] == pytest.approx(share)
        assert 0 < share < 1
    for name in peers:
        pairs = [row["ntknas"]["median_seconds"] / row[name]["median_seconds"] for row in rows]
        found = result["peers"][name]
        assert found["ratio"] == pytest.approx(np.prod(pairs) ** (1 / len(pairs)))
        low, high = found["interval"]
        assert min(pairs) * 0.999 <= low <= found["ratio"] <= high <= max(pairs) * 1.001
        assert result["score"]["peers"][name]["ratio"] > 0


def test_kernels_may_differ_in_few_entries_and_little():
    ours = np.full((4, 4), 2.0)
    one = np.where(np.eye(4)[0] * np.eye(4)[:, :1], 2 - LARGEST, ours)  # half of what it may be
    assert _differences({"ntknas": ours, "peer": one}) == {"peer": pytest.approx(LARGEST / 2)}
    for wrong in (ours * (1 + 2 * TOLERANCE), one - (one < 2) * 2 * LARGEST, ours * np.nan):
        with pytest.raises(RuntimeError, match="kernel of peer differs from ntknas's by"):
            _differences({"ntknas": ours, "peer": wrong})


def test_normalisation_without_peers():
    with pytest.raises(InputError, match="norm must be one of batch, image, got frozen"):
        SpeedConfig(norm=Norm.FROZEN)


def test_weights_read_back_are_those_that_were_put_in():
    network = initial_network(FULL, TINY, 3)
    assert network.training
    loaded = load_torch_weights(network.state_dict(), FULL).variables["params"]
    drawn = initial_variables(TINY, 3, FULL.ops)["params"]
    assert loaded.keys() == drawn.keys()
    np.testing.assert_array_equal(loaded["classifier"]["bias"], drawn["classifier"]["bias"])
    for stage in range(3):
        ours, theirs = (tree[f"stage_{stage}"] for tree in (drawn, loaded))
        assert ours.keys() == theirs.keys()
        for edge in ours:
            np.testing.assert_array_equal(theirs[edge]["kernel"], ours[edge]["kernel"])


def rows_by_loop(outputs, parameters):
    """Gradients of every output, one backward pass each."""
    rows = []
    for output in outputs:
        found = torch.autograd.grad(output, parameters, retain_graph=True, allow_unused=True)
        rows.append(torch.cat([g.reshape(-1) for g in found if g is not None]).numpy())
    return np.stack(rows)


def test_the_torch_loop_computes_the_gram_matrix_of_its_gradients():
    model = initial_network(FULL, TINY, 0).double()
    pixels = torch_loop.to_torch(clean_setting(3, 4, 2, Norm.BATCH)[1]).double()
    kernel = torch_loop.clean_kernel(model, pixels)
    rows = rows_by_loop(model(pixels)[1].sum(1), list(model.parameters()))
    assert kernel == pytest.approx(rows @ rows.T, rel=1e-10)


def test_torch_func_normalises_every_image_by_itself():
    model = initial_network(FULL, TINY, 0).double()
    pixels = torch_loop.to_torch(clean_setting(3, 4, 2, Norm.IMAGE)[1]).double()
    parameters = list(model.parameters())
    outputs = [model(image[None])[1].sum() for image in pixels]  # batches of one
    rows = rows_by_loop(outputs, parameters)
    torch_func.normalise_by_image(model)
    assert torch_func.clean_kernel(model, pixels) == pytest.approx(rows @ rows.T, rel=1e-10)
