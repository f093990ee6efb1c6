"""The seconds of rivals are those of the programs that the table's rankings need."""

import numpy as np
import pytest

from benchmarks import rivals
from benchmarks.rivals import KERNEL, RivalSecondsConfig, run
from experiments.rivals import ROWS
from ntknas.errors import InputError


def test_run(monkeypatch):
    """With callables that note what they were asked for, in turns."""
    asked = []

    def competitor(name):
        def make(spec, batch):
            return lambda request: lambda: asked.append((name, request))

        return make

    monkeypatch.setattr(rivals.engine, "competitor", competitor(KERNEL))
    monkeypatch.setattr(rivals.engine, "proxy_competitor", competitor("proxies"))
    seconds = iter(np.arange(1.0, 100))
    monkeypatch.setattr(rivals, "_seconds", lambda call: (call(), next(seconds))[1])
    config = RivalSecondsConfig("random:2:0", repeats=2, labels="MeCo,AZ-NAS")
    result = run(config)
    assert list(result["parts"]) == [KERNEL, "AZ-NAS", "MeCo"]
    parts = [("az_expressivity", "az_progressivity", "az_trainability"), ("meco",)]
    assert {request[1] for name, request in asked if name == "proxies"} == set(parts)
    # After three first calls: turn 1 is 4 5 6 and 7 8 9, turn 2 is 10 11 12 and 13 14 15.
    kernel = result["parts"][KERNEL]
    assert kernel["cpu_seconds"] == np.mean([7, 10])
    assert (kernel["ratio"], kernel["first_call_seconds"]) == (1, 1)
    meco = result["parts"]["MeCo"]
    assert meco["ratio"] == pytest.approx(np.sqrt(9 / 7 * 12 / 10))
    low, high = meco["interval"]
    assert 12 / 10 <= low <= meco["ratio"] <= high <= 9 / 7


@pytest.mark.slow
def test_a_program_of_its_own():
    config = RivalSecondsConfig("random:1:0", 2, 2, 1, repeats=1, labels="MeCo")
    parts = run(config)["parts"]
    assert all(part["cpu_seconds"] > 0 for part in parts.values())
    assert set(parts) == {KERNEL, "MeCo"}


def test_bad_settings():
    with pytest.raises(InputError, match="repeats must be at least 1, got 0"):
        RivalSecondsConfig(repeats=0)
    with pytest.raises(InputError, match="expected labels of default, .*, got 'banana'"):
        RivalSecondsConfig(labels="MeCo,banana")
    assert "MeCo" in {row.label for row in ROWS}
