"""`ntknas score --cluster`: whole processes, which are stopped, killed and resumed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from pandas.testing import assert_frame_equal

from ntknas.errors import InputError
from ntknas.runs import Run
from ntknas.runs.store import Store

TINY = "--preset fast --channels 2 --cells 1 --batch-size 2 --seeds 2"
TOP = Path(__file__).resolve().parents[2]


def start(*words: str) -> subprocess.Popen:
    """A process of Python in the folder of the sources."""
    return subprocess.Popen(
        [sys.executable, "-m", *words],
        cwd=TOP,
        env=os.environ | {"XLA_FLAGS": "--xla_backend_optimization_level=0"},  # quick to compile
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def score(archs: str, out: Path, *words: str) -> subprocess.Popen:
    command = f"ntknas.cli.main score {TINY} --archs {archs} --out"
    return start(*command.split(), str(out), *words)


def wait_for(count: int, folder: Path, driver: subprocess.Popen) -> None:
    """Wait until a run holds some architectures."""
    for _ in range(6000):
        try:
            if len(Store.read(folder).done()) >= count:
                return
        except InputError:
            pass
        if driver.poll() is not None:
            break
        time.sleep(0.05)
    driver.kill()
    raise AssertionError(driver.communicate())


def last_line(process: subprocess.Popen) -> str:
    return process.communicate(timeout=300)[1].splitlines()[-1]


def equal(folder: Path, expected: Run) -> None:
    """A run's rows are those of another one, which holds more architectures."""
    found, table = Run(folder).table(), expected.table()
    table = table[table["id"].isin(found["id"].unique())].reset_index(drop=True)
    assert_frame_equal(found, table, check_exact=True)


@pytest.fixture(scope="module")
def here(tmp_path_factory) -> Run:
    """The run without a cluster."""
    folder = tmp_path_factory.mktemp("here") / "run"
    process = score("random:200", folder)
    assert process.wait(300) == 0, process.communicate()
    return Run(folder)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "status"),
    [pytest.param(signal.SIGINT, 130, marks=pytest.mark.slow), (signal.SIGKILL, -9)],
)
def test_a_driver_that_ends_leaves_no_workers_and_resumes(number, status, here, tmp_path):
    command = ("random:200", tmp_path / "run", "--cluster", "local:1")
    driver = score(*command)
    wait_for(1, tmp_path / "run", driver)
    started = psutil.Process(driver.pid).children(recursive=True)
    assert started
    begin = time.monotonic()
    driver.send_signal(number)
    assert driver.wait(30) == status
    assert time.monotonic() - begin < 15
    assert psutil.wait_procs(started, timeout=30)[1] == []
    if status == 130:
        assert last_line(driver) == (
            f"ntknas: stopped; what is finished is in {tmp_path / 'run'}, the same command resumes"
        )
    stopped = len(Run(tmp_path / "run").ids)
    assert 1 <= stopped < 200
    equal(tmp_path / "run", here)
    again = score(*command)
    assert again.wait(300) == 0
    assert f"200 architectures into {tmp_path / 'run'}; {stopped} there" in again.communicate()[1]
    assert len(Run(tmp_path / "run").ids) == 200
    equal(tmp_path / "run", here)


def dask(tmp_path: Path) -> tuple[str, list[subprocess.Popen]]:
    """The address of a new scheduler, and the processes of it and of a worker."""
    file = tmp_path / f"scheduler{time.monotonic_ns()}.json"
    listen = "--host 127.0.0.1 --port 0 --dashboard-address 127.0.0.1:0"
    scheduler = start(*f"dask scheduler {listen} --scheduler-file {file}".split())
    worker = start(*f"dask worker --nthreads 1 --no-dashboard --scheduler-file {file}".split())
    for _ in range(2400):
        if file.exists() and file.stat().st_size:
            break
        time.sleep(0.05)
    address = json.loads(file.read_text())["address"]
    return address, [scheduler, worker]


def end(processes: list[subprocess.Popen]) -> None:
    for process in processes:
        for child in psutil.Process(process.pid).children(recursive=True):
            child.kill()
        process.kill()
        process.communicate()


@pytest.mark.slow
def test_a_scheduler_that_dies_is_one_line_and_the_run_goes_on_elsewhere(here, tmp_path):
    address, processes = dask(tmp_path)
    driver = score("random:200", tmp_path / "run", "--cluster", address)
    wait_for(1, tmp_path / "run", driver)
    os.kill(processes[0].pid, signal.SIGKILL)
    assert last_line(driver) == (
        f"ntknas: error: lost the Dask scheduler {address}; what is finished is in "
        f"{tmp_path / 'run'}, the same command resumes"
    )
    assert driver.returncode == 1
    end(processes[1:])
    processes[0].communicate()
    stopped = len(Run(tmp_path / "run").ids)
    assert 1 <= stopped < 200
    address, processes = dask(tmp_path)
    driver = score("random:200", tmp_path / "run", "--cluster", address)
    assert driver.wait(300) == 0, driver.communicate()
    end(processes)
    assert len(Run(tmp_path / "run").ids) == 200
    equal(tmp_path / "run", here)


@pytest.mark.parametrize("where", ["head", "local:0", "tcp://head"])
def test_text_that_means_no_cluster(refused, tmp_path, where):
    line = refused("score", "--archs", "0", "--out", tmp_path / "run", "--cluster", where)
    assert "expected cluster as local, local:WORKERS or tcp://HOST:PORT" in line
    assert not (tmp_path / "run").exists()


def test_a_scheduler_that_is_not_there(ntknas, tmp_path, monkeypatch):
    monkeypatch.setattr("ntknas.engine.cluster._SECONDS", 1)
    words = ("score", "--archs", "0", "--out", tmp_path / "run", "--cluster", "tcp://127.0.0.1:9")
    status, _, err = ntknas(*words)
    assert status == 2
    assert err.startswith("ntknas: error: expected a Dask scheduler at tcp://127.0.0.1:9, got none")
    assert err.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_without_dask(refused, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    line = refused("score", "--archs", "0", "--out", tmp_path / "run", "--cluster", "local")
    assert "pip install 'ntknas[cluster]'" in line
