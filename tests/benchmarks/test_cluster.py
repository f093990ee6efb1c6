"""The benchmark of a cluster: its figures are there, and ready results fill a run."""

import pytest

import ntknas
from benchmarks.cluster import ClusterConfig, Ready, run
from ntknas.engine import Scorer
from ntknas.errors import InputError
from tests.engine.tiny import TINY

SMALL = ClusterConfig("random:2:0", (1,), "random:3:0", 1, repeats=1, channels=2, cells=1)


@pytest.mark.slow
def test_figures():
    result = run(SMALL)
    assert result["scaling"]["threads"]["ratio_to_threads"] == 1
    for name in ("1 core", "local:1", "local:1, 1 times the work"):
        assert result["scaling"][name]["ratio_to_1_core"] > 0
        assert result["scaling"][name]["cpu_seconds"] > 0
    for name, count in (("clean", 3), ("all", 6)):
        for kind in ("store", "dask"):
            assert result["ceiling"][name][kind]["results"] == count
            assert result["ceiling"][name][kind]["results_per_second"] > 0
    assert result["memory"]["workers"]["local:1"][0] > 10


def test_ready_results_fill_a_run(tmp_path):
    scorer = Scorer(TINY, executor=Ready(None))
    table = ntknas.score("random:9", out=tmp_path, scorer=scorer).table()
    assert len(table) == 9 * 2 * len(TINY.kernel_rows())
    assert set(table["status"]) == {"ok"}
    assert table["sphericity"].notna().all()


def test_settings_without_workers():
    with pytest.raises(InputError, match="^expected at least one worker and one turn, got workers"):
        ClusterConfig(workers=(0,))
