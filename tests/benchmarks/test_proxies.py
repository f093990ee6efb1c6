"""Both competitors compute the same proxies, and their times are put together right."""

import numpy as np
import pytest

import ntknas
from benchmarks.common import Answer
from benchmarks.engine import ALL, PEERED, clean_setting
from benchmarks.peers import torch_proxies
from benchmarks.proxies import TOLERANCE, ProxyConfig, _differences, _part, run
from ntknas.errors import InputError
from ntknas.layers import Norm
from ntknas.proxies import PROXIES

NAMES = {name for family in PEERED for name in PROXIES[family].names}


@pytest.mark.slow
def test_run():
    config = ProxyConfig("random:2:0", batch_size=4, channels=4, cells=2, repeats=1)
    result = run(config)
    assert [row["id"] for row in result["rows"]] == [
        a.id for a in ntknas.architectures(config.archs)
    ]
    assert set(result["largest_difference"]) == NAMES
    assert max(result["largest_difference"].values()) < TOLERANCE
    assert list(result["parts"]) == [ALL, *PEERED]
    for part in result["parts"].values():
        assert part["ratio"] > 0
        assert all(part[name]["mean_cpu_seconds"] > 0 for name in ("ntknas", "torch"))


@pytest.mark.slow
def test_the_peer_has_every_score_and_the_families_are_those_of_all():
    spec, batch = clean_setting(3, 2, 1, Norm.BATCH)
    prepare = torch_proxies.competitor(spec, batch)
    for code in ("324130", "000000"):
        index = ntknas.Architecture.from_code(code).id
        whole = prepare((index, ALL))()
        assert set(whole) == NAMES
        parts: dict[str, float] = {}
        for family in PEERED:
            found = prepare((index, family))()
            assert set(found) == set(PROXIES[family].names)
            parts |= found
        if code != "000000":
            assert whole == pytest.approx(parts, rel=1e-4)


def test_scores_may_differ_by_rounding_alone():
    ours = {"snip": 2.0, "hessian": 0.5}
    close = {"snip": 2.0, "hessian": 0.5 * (1 + TOLERANCE / 2)}
    assert _differences(ours, close) == {"snip": 0, "hessian": pytest.approx(TOLERANCE / 2)}
    for wrong in ({"hessian": 0.5 * (1 + 2 * TOLERANCE)}, {"hessian": np.nan}):
        with pytest.raises(RuntimeError, match="hessian of torch differs from ntknas's by"):
            _differences(ours, ours | wrong)
    with pytest.raises(RuntimeError, match="scores of torch: snip; expected snip, hessian"):
        _differences(ours, {"snip": 2.0})


def test_wall_and_cpu_seconds_are_kept_apart():
    def turn(seconds, cpu_seconds):
        return [Answer(seconds, None, 0.0, cpu_seconds)] * 2

    turns = {"ntknas": [turn(1.0, 1.5)] * 3, "torch": [turn(2.0, 6.0)] * 3}
    part = _part(turns, {"ntknas": 9.0, "torch": 2.5})
    assert part["ntknas"]["mean_seconds"] == 1.0
    assert part["torch"]["mean_cpu_seconds"] == 6.0
    assert part["ntknas"]["first_call_seconds"] == 9.0
    assert (part["ratio"], part["cpu_ratio"]) == (pytest.approx(0.5), pytest.approx(0.25))


def test_at_least_one_turn():
    with pytest.raises(InputError, match="repeats must be at least 1, got 0"):
        ProxyConfig(repeats=0)
