"""The experiment runs on a tiny network and writes what it returns."""

import json

import pytest

from experiments.kernel_dynamics import SMALL, run


@pytest.mark.slow
def test_run(tmp_path):
    frame = run(SMALL, tmp_path)
    assert len(frame) == 4 * 3  # kernels, looks
    assert (frame.query("step == 0")["change"] == 0).all()
    assert (frame.query("step > 0")["change"] > 0).all()
    written = json.loads((tmp_path / "results.json").read_text())
    assert len(written["rows"]) == 12
    assert written["config"]["training"]["steps"] == 10
    assert (tmp_path / "dynamics.png").stat().st_size > 10_000
    assert "weights_moved" in (tmp_path / "table.md").read_text()
