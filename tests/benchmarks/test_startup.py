"""Fresh processes score the same, whether their program was compiled or read."""

import pytest

from benchmarks.startup import StartupConfig, run
from ntknas.errors import InputError


@pytest.mark.slow
def test_run():
    result = run(StartupConfig("code:000300", batch_size=4, channels=4, cells=1, repeats=1))
    assert list(result["cases"]) == ["no_cache", "empty_cache", "filled_cache"]
    for case in result["cases"].values():
        parts = [case[part]["median_seconds"] for part in ("import", "first_score", "process")]
        assert 0 < parts[0] + parts[1] < parts[2]
    assert result["cache_bytes"] > 10_000
    assert len(result["trace"]) == 3
    assert result["trace"][0] > 0
    assert len(set(result["trace"])) == 1


def test_a_process_that_fails_says_why():
    with pytest.raises(RuntimeError, match="channels must be at least 1, got 0"):
        run(StartupConfig(channels=0))
    with pytest.raises(InputError, match="repeats must be at least 1, got 0"):
        StartupConfig(repeats=0)
