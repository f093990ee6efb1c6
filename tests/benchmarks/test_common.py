"""Workers, ratios, flags and what a result says about itself."""

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass

import numpy as np
import pytest

from benchmarks.common import (
    Answer,
    Worker,
    batches_of,
    command,
    describe,
    foreign_load,
    memory_mb,
    ratio,
    spread,
)
from ntknas.errors import InputError
from ntknas.kernel import Batch, KernelName


@dataclass(frozen=True)
class Config:
    """Flags of each kind."""

    name: str = "a"
    count: int = 1
    kernels: tuple[KernelName, ...] = (KernelName.CLEAN,)


def counting(start):
    """A worker's function: how often each request was prepared and called, and where."""
    prepared = []

    def prepare(request):
        if request == "bad":
            raise ValueError("no such request")
        prepared.append(request)
        calls = []

        def compute():
            calls.append(request)
            return start + request, len(calls), list(prepared), os.getpid()

        return compute

    return prepare


def dying():
    """A worker's function that ends its process."""
    return lambda request: os._exit(7)


def test_a_worker_prepares_a_request_once_in_a_process_of_its_own():
    with Worker(counting, 10) as worker:
        first, again, other = (worker(request) for request in (1, 1, 2))
    assert first.value[:3] == (11, 1, [1])
    assert again.value[:3] == (11, 2, [1])
    assert other.value[:3] == (12, 1, [1, 2])
    assert len({answer.value[3] for answer in (first, again, other)} | {os.getpid()}) == 2
    assert all(answer.seconds > 0 for answer in (first, again, other))


def test_a_worker_that_fails_says_why():
    with Worker(counting, 0) as worker, pytest.raises(RuntimeError, match="no such request"):
        worker("bad")
    with pytest.raises(RuntimeError, match="unexpected keyword|positional"):
        Worker(counting)
    with Worker(dying) as worker, pytest.raises(RuntimeError, match="ended with exit code 7"):
        worker(0)


def sleeping():
    """A worker's function that does nothing for a while."""
    return lambda seconds: lambda: time.sleep(seconds)


def test_a_worker_sees_the_work_of_others():
    with Worker(sleeping) as worker:
        other = subprocess.Popen([sys.executable, "-c", "while True: pass"])
        try:
            answer = worker(1.0)
        finally:
            other.kill()
            other.wait()
    assert answer.foreign_seconds > 0.1
    assert foreign_load([answer]) > 0


def test_foreign_load_is_a_share_of_all_cores():
    cores = os.cpu_count() or 1
    answers = [Answer(1.0, None, 0.5 * cores), Answer(3.0, None, 0.1 * cores)]
    assert foreign_load(answers) == pytest.approx(0.15)
    # Clocks of unlike resolution.
    assert foreign_load([Answer(1.0, None, -0.01)]) == 0


def test_ratio_is_a_geometric_mean_within_its_interval():
    rng = np.random.default_rng(1)
    theirs = rng.uniform(1, 2, 32)
    ours = theirs * np.exp(rng.normal(np.log(0.5), 0.2, 32))
    found = ratio(ours.tolist(), theirs.tolist())
    assert found["ratio"] == pytest.approx(np.prod(ours / theirs) ** (1 / 32))
    low, high = found["interval"]
    # The normal interval of the mean of logarithms.
    half = 1.96 * np.log(ours / theirs).std() / 32**0.5
    assert np.log(high / low) / 2 == pytest.approx(half, rel=0.1)
    assert low < found["ratio"] < high
    same = ratio([1.0, 2.0], [2.0, 4.0])
    assert same["ratio"] == pytest.approx(0.5)
    assert same["interval"] == pytest.approx([0.5, 0.5])


def test_spread_has_the_quartiles():
    assert spread([4.0, 1.0, 3.0, 2.0, 5.0]) == {
        "median_seconds": 3.0,
        "quartiles": [2.0, 4.0],
        "repeats": 5,
    }


def holding():
    """A worker's function: the memory before and while an array of so many bytes is held."""

    def hold(size):
        before = memory_mb()
        held = np.ones(size, np.uint8)
        after = memory_mb()
        return before, after, held.nbytes

    return lambda size: lambda: hold(size)


def test_memory_sees_what_is_held():
    # In a young process: pages that lie idle in an old one may be taken from it meanwhile.
    with Worker(holding) as worker:
        before, after, size = worker(200_000_000).value
    assert after["rss_mb"] - before["rss_mb"] == pytest.approx(size / 1e6, abs=10)
    assert after["peak_rss_mb"] >= after["rss_mb"]
    assert after["peak_rss_mb"] == pytest.approx(after["rss_mb"], abs=10)


def test_a_result_says_where_it_is_from():
    found = describe("name", Config())
    assert found["benchmark"] == "name"
    assert found["config"] == {"name": "a", "count": 1, "kernels": ("clean",)}
    assert found["machine"]["processor"]
    assert 1 <= found["machine"]["cores"] <= os.cpu_count()
    assert {"jax", "torch", "ntknas"} <= {k for k, v in found["versions"].items() if v}
    assert found["date"].endswith("+00:00")


def test_batches_of_kernels():
    kernels = (KernelName.TWICE, KernelName.CLEAN, KernelName.ROBUST)
    assert batches_of(kernels) == (Batch.TWICE_ATTACKED, Batch.CLEAN, Batch.ATTACKED)
    with pytest.raises(
        InputError, match="^expected kernels of clean, robust, twice, got clean, mix"
    ):
        batches_of((KernelName.CLEAN, KernelName.MIXED_CLEAN))


def run(config):
    """A benchmark that refuses a count of 0."""
    if not config.count:
        raise InputError("count must not be 0")
    return {**describe("test", config), "seconds": 1.5, "rows": [1]}


def test_flags_and_the_file(monkeypatch, tmp_path, capsys):
    out = tmp_path / "result.json"
    flags = ["--name", "b", "--kernels", "clean,twice", "--out", str(out)]
    monkeypatch.setattr("sys.argv", ["test", *flags])
    command(run, Config(), "One line.\n\nMore.")
    result = json.loads(out.read_text())
    assert result["config"] == {"name": "b", "count": 1, "kernels": ["clean", "twice"]}
    assert result["rows"] == [1]
    shown = json.loads(capsys.readouterr().out)
    assert shown["seconds"] == 1.5
    assert "rows" not in shown


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--count", "0"], "count must not be 0"),
        (["--out", "no/such/folder.json"], "lies in no folder that exists"),
    ],
)
def test_input_that_cannot_be_used_is_one_line(flags, message, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["test", *flags])
    with pytest.raises(SystemExit) as stop:
        command(run, Config(), None)
    assert stop.value.code == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert message in captured.err
    assert captured.err.count("\n") == 1
