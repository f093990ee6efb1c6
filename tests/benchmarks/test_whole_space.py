"""The whole-space run: the same kernels however architectures are put into launches."""

from dataclasses import replace

import pytest

from benchmarks.whole_space import WholeSpaceConfig, run
from ntknas.layers import Norm

ARCHS = "0,9930,15000"


@pytest.mark.slow
def test_launches_do_not_change_the_kernels():
    small = WholeSpaceConfig(ARCHS, batch_size=4, channels=4, cells=1, norm=Norm.IMAGE)
    in_turn = run(replace(small, per_launch=2))
    at_once = run(replace(small, per_launch=3, program="bundles", profile=2))
    assert in_turn["architectures"] == at_once["architectures"] == 3
    assert in_turn["architectures_per_second"] == pytest.approx(3 / in_turn["seconds"])
    lines = at_once["milliseconds_by_operation"].values()
    assert lines
    assert all(line["all"] > 0 and len(line) <= 3 for line in lines)
    assert "milliseconds_by_operation" not in in_turn
    assert in_turn["mean_log_trace"] == pytest.approx(at_once["mean_log_trace"], rel=1e-4)
