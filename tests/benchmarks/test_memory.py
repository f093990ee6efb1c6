"""The memory of a long run is looked at when it should be."""

import pytest

from benchmarks.memory import MemoryConfig, run
from ntknas.errors import InputError


@pytest.mark.slow
def test_run():
    config = MemoryConfig("random:5:0", batch_size=4, channels=4, cells=1, every=2, early=2, late=4)
    result = run(config)
    rows = result["rows"]
    assert [row["architectures"] for row in rows] == [0, 2, 4, 5]
    peaks = [row["peak_rss_mb"] for row in rows]
    assert peaks == sorted(peaks)
    assert peaks[-1] == result["peak_rss_mb"]
    assert all(0 < row["rss_mb"] <= row["peak_rss_mb"] for row in rows)
    assert peaks[1] > peaks[0]  # the program was compiled in that process
    assert (result["early"], result["late"]) == (rows[1], rows[2])
    assert result["rss_ratio"] == rows[2]["rss_mb"] / rows[1]["rss_mb"]
    assert result["peak_ratio"] == peaks[2] / peaks[1]
    assert 0 < rows[1]["after_seconds"] <= rows[-1]["after_seconds"] <= result["seconds"]


def test_moments_without_a_look():
    with pytest.raises(InputError, match="late must be a multiple of 20, got 30"):
        MemoryConfig(late=30)
    with pytest.raises(InputError, match="every must be at least 1, got 0"):
        MemoryConfig(every=0)
    with pytest.raises(InputError, match="expected at least 200 architectures, got 100"):
        run(MemoryConfig("random:100:0"))
