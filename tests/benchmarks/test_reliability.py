"""The benchmark of what a run survives, with a small run."""

import json

import numpy as np
import pytest

from benchmarks.reliability import ReliabilityConfig, damaged, run
from ntknas.errors import InputError


@pytest.mark.slow
def test_a_small_run_survives():
    result = run(ReliabilityConfig(architectures=300, kills=2, window=0.5, readers=2, damaged=20))
    assert result["kills"] == len(result["architectures_left"]) == 2
    assert result["identical"]
    assert result["reads"] > 0
    assert result["faults"] == []
    assert result["damage"]["same"] + result["damage"]["refused"] == 20
    assert json.dumps(result, default=str)


def test_damage_changes_a_file():
    stored = np.random.default_rng(1).bytes(4096)
    changed = [damaged(stored, np.random.default_rng(seed)) for seed in range(50)]
    assert len(set(changed)) > 40
    assert {len(file) for file in changed} > {len(stored)}


def test_settings_without_architectures():
    with pytest.raises(InputError, match="^architectures must be at least 1, got 0$"):
        ReliabilityConfig(architectures=0)
