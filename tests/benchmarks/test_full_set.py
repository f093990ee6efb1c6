"""The full set against the clean kernel: times of both, and what the cost model expects."""

import pytest

from benchmarks.full_set import FullSetConfig, run
from ntknas.errors import InputError
from ntknas.layers import Norm


@pytest.mark.slow
def test_both_sets_are_timed():
    config = FullSetConfig(
        "9930,700", batch_size=4, channels=4, cells=1, norm=Norm.IMAGE, steps=2, repeats=1
    )
    found = run(config)
    assert [row["id"] for row in found["rows"]] == [9930, 700]
    assert all(row["full"] > 0 and row["clean"] > 0 for row in found["rows"])
    assert found["sets"]["full"]["compile_seconds"] > found["sets"]["full"]["mean_seconds"]
    # Three batches' kernels and an attack of two steps cost at least three clean kernels.
    assert found["operations_ratio"] > 3
    low, high = found["ratio"]["interval"]
    assert low <= found["ratio"]["ratio"] <= high


def test_no_turn_is_refused():
    with pytest.raises(InputError, match="repeats must be at least 1, got 0"):
        FullSetConfig(repeats=0)
