"""Both competitors do the same jobs, and their times are put together right."""

import numpy as np
import pytest

from benchmarks.training import JOBS, TrainingConfig, run
from ntknas.errors import InputError


@pytest.mark.slow
def test_run():
    config = TrainingConfig("code:000100,code:000200", batch_size=4, channels=4, cells=1, repeats=2)
    result = run(config)
    for job in JOBS:
        pairs = [
            row[job]["ntknas"]["median_seconds"] / row[job]["torch"]["median_seconds"]
            for row in result["rows"]
        ]
        assert result["jobs"][job]["ratio"] == pytest.approx(np.prod(pairs) ** 0.5)
        low, high = result["jobs"][job]["interval"]
        assert low <= result["jobs"][job]["ratio"] <= high
    assert result["stacked"]["ratio"] > 0
    assert min(row["equal"] for row in result["rows"]) > 0.9


def test_no_turn():
    with pytest.raises(InputError, match="repeats must be at least 1, got 0"):
        TrainingConfig(repeats=0)
