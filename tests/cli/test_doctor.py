"""`ntknas doctor`: what it says, and what it finds wrong."""

import json
import subprocess
import sys
from importlib import metadata

import pytest

from ntknas.engine.self_check import SelfCheck


@pytest.fixture
def checked(monkeypatch):
    """A function that puts a made-up result in the place of the self-check."""

    def put(error: float) -> None:
        made_up = SelfCheck(error, tolerance=0.005, seconds=1.0, program="branches")
        monkeypatch.setattr("ntknas.engine.check_machine", lambda: made_up)

    return put


def test_all_is_well(ntknas, checked):
    checked(1e-7)
    status, out, err = ntknas("doctor")
    assert (status, err) == (0, "")
    assert out.splitlines()[-1] == "verdict: all is well"
    for fact in ("jaxlib", "cpu", "branches", "robbench", "compiled programs", "tolerance"):
        assert fact in out


def test_json(ntknas, checked, data_cache, monkeypatch):
    checked(1e-7)
    (data_cache / "jung").mkdir(parents=True)
    (data_cache / "jung" / "acc.json").write_bytes(bytes(1_000_000))
    compiled = data_cache.parent / "compiled"
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(compiled))
    status, out, _ = ntknas("doctor", "--json")
    report = json.loads(out)
    assert status == 0
    assert report["verdict"] == "all is well"
    assert report["problems"] == []
    assert report["versions"]["jax"] == metadata.version("jax")
    assert report["computation"]["program"] == "branches"
    assert report["data"]["jung"] == str(data_cache / "jung" / "acc.json")
    assert report["data"]["robbench"] is None
    assert report["cache"]["compiled programs"] == str(compiled)
    assert report["cache"]["size of those"] == "1.0 MB"
    assert report["self-check"]["error"] == 1e-7


def test_wrong_kernels(ntknas, checked):
    checked(0.25)
    status, out, _ = ntknas("doctor")
    assert status == 1
    assert out.splitlines()[-1] == (
        "verdict: 1 problem: kernels differ from the stored ones by 0.25 of their median entry, "
        "expected at most 0.005"
    )


def test_a_self_check_that_fails(ntknas, monkeypatch):
    def fail() -> None:
        raise RuntimeError("out of\nmemory")

    monkeypatch.setattr("ntknas.engine.check_machine", fail)
    status, out, _ = ntknas("doctor", "--json")
    assert status == 1
    assert "the self-check failed: RuntimeError: out of memory" in json.loads(out)["verdict"]


def test_libraries_that_do_not_fit(ntknas, monkeypatch):
    needs = ["numpy>=99", "not-there>=1", "torch>=99; extra == 'torch'", "pandas>=1"]
    monkeypatch.setattr(metadata, "requires", lambda name: needs)
    status, out, _ = ntknas("doctor", "--no-self-check")
    assert status == 1
    version = metadata.version("numpy")
    assert f"2 problems: numpy>=99 is needed, got {version}; not-there is missing" in out


def test_a_cache_that_cannot_be_written(ntknas, monkeypatch, tmp_path):
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path / "new"))
    monkeypatch.setattr("os.access", lambda path, mode: False)
    status, out, _ = ntknas("doctor", "--no-self-check")
    assert status == 1
    assert f"compiled programs cannot be kept: {tmp_path} cannot be written" in out


def test_no_device():
    done = subprocess.run(
        [sys.executable, "-m", "ntknas", "doctor", "--json"],
        env={"JAX_PLATFORMS": "tpu", "PATH": "", "HOME": "/"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    report = json.loads(done.stdout)
    assert "JAX cannot use the platform tpu" in report["verdict"]
    assert report["computation"]["back end"] is None
    assert report["self-check"] == {"result": "not done, for want of a device"}
