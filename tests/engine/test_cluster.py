"""Dask: real processes that are killed, poisoned, out of reach, or of another version."""

import multiprocessing
import os
import re
import signal
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import distributed
import numpy as np
import pytest
from pandas.testing import assert_frame_equal

import ntknas
from ntknas.engine import (
    DaskWorkers,
    Scorer,
    WorkersLost,
    WorkFailed,
    open_cluster,
    parse_cluster,
    tasks,
)
from ntknas.errors import InputError
from ntknas.kernel import Batch
from tests.engine.tiny import CLEAN

OWN = ntknas.ScoringSpec(batch_size=4, batches=(Batch.CLEAN,), coupled=False)
WEIGHTS = np.ones((3072, 10), np.float32)


@pytest.fixture(scope="module")
def workers():
    """Two processes of Dask on this machine."""
    with open_cluster("local:2") as two:
        yield two


@pytest.fixture(scope="module")
def ready(workers):
    """The same, once both have imported JAX."""
    workers._client.run(tasks.versions)
    return workers


def linear(scale):
    """A network of its own program."""
    return (lambda w, x: scale * x.reshape(len(x), -1) @ w, WEIGHTS)


def deadly(mark: Path, times: int):
    """A network that kills the process that traces it, the first few times."""

    def apply(w, x):
        if len(list(mark.parent.glob(f"{mark.name}*"))) < times:
            mark.with_name(f"{mark.name}{time.monotonic_ns()}").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return x.reshape(len(x), -1) @ w

    return apply, WEIGHTS


def raising(mark: Path):
    """A network that raises as long as a file is missing."""

    def apply(w, x):
        if not mark.exists():
            raise ZeroDivisionError("no file\nyet")
        return x.reshape(len(x), -1) @ w

    return apply, WEIGHTS


def test_a_worker_killed_in_the_middle_changes_nothing(ready, tmp_path):
    archs = "random:24"
    here = ntknas.score(archs, spec=CLEAN)
    client = ready._client
    before = client.run(os.getpid)

    def kill(done, total):
        if done == 4:
            os.kill(next(iter(before.values())), signal.SIGKILL)

    scorer = Scorer(CLEAN, executor=ready, chunk=2)
    there = ntknas.score(archs, out=tmp_path, scorer=scorer, on_progress=kill)
    assert_frame_equal(there.table(), here.table(), check_exact=True)
    for index in there.ids:
        np.testing.assert_array_equal(there.kernels(index).gram, here.kernels(index).gram)
    client.wait_for_workers(2, timeout=60)
    assert set(client.run(os.getpid).values()) != set(before.values())


def test_a_chunk_whose_worker_dies_once_is_computed(ready, tmp_path):
    networks = {f"n{i}": linear(i + 1.0) for i in range(5)}
    networks["deadly"] = deadly(tmp_path / "killed", 1)
    run = ntknas.score_networks(networks, spec=OWN, executor=ready)
    assert len(run.ids) == 6
    assert len(list(tmp_path.glob("killed*"))) == 1


def test_poisonous_networks_fail_by_name_and_the_others_are_stored(ready, tmp_path):
    networks = {f"n{i}": linear(i + 1.0) for i in range(5)}
    networks |= {"deadly": deadly(tmp_path / "killed", 3), "raising": raising(tmp_path / "mark")}
    out = tmp_path / "run"
    with pytest.raises(WorkFailed, match="^2 architectures deadly, raising failed in each of 3 tr"):
        ntknas.score_networks(networks, out=out, spec=OWN, executor=ready)
    assert ntknas.Run(out).ids == [f"n{i}" for i in range(5)]
    assert len(list(tmp_path.glob("killed*"))) == 3
    (tmp_path / "mark").touch()
    assert len(ntknas.score_networks(networks, out=out, spec=OWN, executor=ready).ids) == 7


def test_the_error_of_the_last_try_is_told(ready, tmp_path):
    message = r"^architecture raising failed .* \(ZeroDivisionError: no file\)$"
    with pytest.raises(WorkFailed, match=message):
        ntknas.score_networks({"raising": raising(tmp_path / "no")}, spec=OWN, executor=ready)


def test_a_client_is_an_executor(ready):
    run = ntknas.score_networks({"n": linear(2.0)}, spec=OWN, executor=ready._client)
    here = ntknas.score_networks({"n": linear(2.0)}, spec=OWN)
    np.testing.assert_array_equal(run.kernels("n").gram, here.kernels("n").gram)


@pytest.mark.usefixtures("float64")
def test_workers_of_another_arithmetic_are_refused(ready, tmp_path):
    with pytest.raises(InputError, match="^a worker has arithmetic float32 instead of float64:"):
        ntknas.score(5, out=tmp_path / "run", spec=CLEAN, executor=ready)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", ["ntknas", "jax"])
def test_workers_of_another_version_are_refused(ready, tmp_path, monkeypatch, name):
    ours = tasks.versions()
    monkeypatch.setattr(tasks, "versions", lambda: ours | {name: "0.0.9"})
    with pytest.raises(InputError, match=f"^a worker has {name} {ours[name]} instead of 0.0.9:"):
        ntknas.score(5, out=tmp_path / "run", spec=CLEAN, executor=ready)
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="needs Linux")
def test_workers_share_the_cores(ready):
    def cores():
        return sorted(os.sched_getaffinity(0))

    ready._client.wait_for_workers(2, timeout=60)  # one was killed before
    shares = list(ready._client.run(cores).values())
    mine = cores()
    assert sorted(core for share in shares for core in share)[: len(mine)] == mine
    assert all(len(share) == max(len(mine) // 2, 1) for share in shares)
    assert ready.capacity() == 4


def test_a_scheduler_that_does_not_answer_is_lost():
    class Client:
        status = "running"
        scheduler = None

        def scheduler_info(self, n_workers):
            raise OSError("no answer")

    client = Client()
    workers = DaskWorkers(client)
    with pytest.raises(OSError, match="^no answer$"):
        workers.capacity()
    client.status = "connecting"
    for call in (workers.capacity, workers.check, lambda: workers.submit(abs, 1)):
        with pytest.raises(WorkersLost, match="^lost the Dask scheduler$"):
            call()


def test_one_task_per_gpu_at_a_time():
    def work(_):
        started = time.monotonic()
        time.sleep(0.2)
        return started, time.monotonic()

    with (
        distributed.LocalCluster(
            n_workers=1,
            threads_per_worker=4,
            processes=False,
            resources={"GPU": 1},
            dashboard_address="127.0.0.1:0",
        ) as one,
        distributed.Client(one) as client,
    ):
        workers = DaskWorkers(client)
        assert workers.capacity() == 1
        futures = [workers.submit(work, i) for i in range(4)]
        spans = sorted(future.result() for future in futures)
    for (_, end), (start, _) in zip(spans, spans[1:], strict=False):
        assert start >= end


@pytest.mark.parametrize(
    "text",
    [
        "",
        "local:",
        "local:0",
        "local:-1",
        "local:two",
        "tcp://",
        "tcp://head",
        "tcp://head:0",
        "tcp://head:99999",
        "head:8786",
        "http://head:8786",
        "tcp://head:8786/x",
    ],
)
def test_text_that_means_no_cluster(text):
    with pytest.raises(InputError, match="^expected cluster as local, local:WORKERS or tcp://HOST"):
        parse_cluster(text)


def test_text_that_means_a_cluster():
    assert [parse_cluster(text) for text in ("local", "local:16")] == [None, 16]
    for text in ("tcp://10.0.0.1:8786", "tls://head.x-y.org:1", "tcp://[::1]:8786"):
        assert parse_cluster(text) == text


def test_a_scheduler_out_of_reach(monkeypatch):
    monkeypatch.setattr("ntknas.engine.cluster._SECONDS", 1)
    message = "^expected a Dask scheduler at tcp://127.0.0.1:9, got none within 1 seconds"
    with pytest.raises(InputError, match=message), open_cluster("tcp://127.0.0.1:9"):
        pass


def test_without_dask(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    message = re.escape("a cluster needs Dask, which is not installed: pip install 'ntknas[cluste")
    with pytest.raises(InputError, match=message), open_cluster("local"):
        pass


def test_a_pool_of_processes(tmp_path):
    spawn = multiprocessing.get_context("spawn")
    networks = {f"n{i}": linear(i + 1.0) for i in range(3)}
    here = ntknas.score_networks(networks, spec=OWN)
    with ProcessPoolExecutor(1, spawn) as pool:
        there = ntknas.score_networks(networks, out=tmp_path / "run", spec=OWN, executor=pool)
        assert_frame_equal(there.table(), here.table(), check_exact=True)
        networks["deadly"] = deadly(tmp_path / "killed", 1)
        with pytest.raises(WorkersLost, match="^the executor lost its workers .BrokenProcessPool"):
            ntknas.score_networks(networks, out=tmp_path / "run", spec=OWN, executor=pool)
    with ProcessPoolExecutor(1, spawn) as pool:
        grown = ntknas.score_networks(networks, out=tmp_path / "run", spec=OWN, executor=pool)
    assert len(grown.ids) == 4
