"""Failures that are not bad input: one line, status 1, nothing left behind."""

import os
import subprocess
import sys

import pytest

from ntknas.cli import main as program
from ntknas.cli.main import main
from ntknas.cli.output import note

TINY = "--archs 0 --preset fast --channels 2 --cells 1 --batch-size 2"


def started(command: str, *words: str, shell: str = '"$@"', **environment: str):
    """The finished process of a command, run by a shell."""
    argv = [sys.executable, "-m", "ntknas.cli.main", *command.split(), *words]
    return subprocess.run(
        ["sh", "-c", shell, "sh", *argv],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | environment,
    )


@pytest.mark.parametrize("platform", ["cuda", "nosuch"])
def test_a_platform_that_is_not_there(platform, tmp_path):
    out = tmp_path / "run"
    done = started(f"score {TINY} --out", str(out), JAX_PLATFORMS=platform)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith(f"ntknas: error: JAX cannot use the platform {platform}")
    assert not out.exists()


def test_a_closed_output():
    done = started("rank --precomputed", shell='"$@" >&-')
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "ntknas: error: standard output is closed\n"


def test_closed_remarks_are_no_failure():
    done = started("rank --precomputed --top 1 --format csv", shell='"$@" 2>&-')
    assert done.returncode == 0
    assert done.stdout.startswith("id,")


def test_closed_remarks_leave_the_status_of_bad_input():
    assert started("banana", shell='"$@" 2>&-').returncode == 2


def test_files_that_may_not_be_read(monkeypatch, capsys):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied", "closed/acc.json")

    monkeypatch.setattr("ntknas.truth.load_truth", refuse)
    assert main(["truth", "closed/acc.json"]) == 2
    assert capsys.readouterr().err == "ntknas: error: closed/acc.json: permission denied\n"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is full")
def test_a_full_disk():
    done = started("rank --precomputed", shell='"$@" > /dev/full')
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "ntknas: error: [Errno 28] No space left on device"


@pytest.mark.slow
def test_names_that_do_not_fit_the_encoding_and_hints_that_can_be_pasted(tmp_path):
    out = tmp_path / "ü ñ"
    done = started(f"score {TINY} --out", str(out), PYTHONIOENCODING="ascii")
    assert done.returncode == 0
    assert out.is_dir()
    assert r"\xfc \xf1 (1 architectures)" in done.stdout
    assert r"\xfc \xf1'" in done.stderr  # quoted
    assert "next: ntknas rank '" in done.stderr


def test_a_failure_of_the_program_is_one_line(monkeypatch, capsys):
    def fail(*_, **__):
        raise RuntimeError("out of memory\nwith much detail")

    monkeypatch.setattr("ntknas.evaluation.rank", fail)
    assert main(["rank", "--precomputed"]) == 1
    assert capsys.readouterr().err.splitlines()[-1] == (
        "ntknas: error: RuntimeError: out of memory (NTKNAS_TRACEBACK=1 shows where)"
    )
    monkeypatch.setenv("NTKNAS_TRACEBACK", "1")
    with pytest.raises(RuntimeError):
        main(["rank", "--precomputed"])


def test_a_remark_is_shown_once(capsys, tmp_path):
    program._show_once.cache_clear()
    attacked = "--kernels robust --rho 100/255 --batch-size 100000"  # made, and then refused
    assert main(["score", *TINY.split(), *attacked.split(), "--out", str(tmp_path)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert [line for line in lines if line.startswith("note:")] == [
        "note: rho 0.3922 is above 64/255; pixels lie in [0, 1], and usual values are near 8/255"
    ]


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--rho 8", "rho must lie in [0, 1], in pixel units such as 8/255, got 8"),
        ("--rho 256/255", "rho must lie in [0, 1], in pixel units such as 8/255, got 1.00392"),
        (
            "--step-size 2",
            "attack step size must lie in [0, 1], in pixel units such as 2/255, got 2",
        ),
    ],
)
def test_lengths_in_255ths_are_refused(option, message, capsys, tmp_path):
    argv = f"score {TINY} --kernels clean,robust {option} --out"
    assert main([*argv.split(), str(tmp_path / "run")]) == 2
    assert capsys.readouterr().err == f"ntknas: error: {message}\n"
    assert not (tmp_path / "run").exists()


def test_long_input_is_echoed_in_short(capsys, tmp_path):
    assert main(["arch", "x" * 40_000]) == 2
    assert len(capsys.readouterr().err) < 400
    (tmp_path / "ids").write_text("0 5,9930\n000013 # the id 13\n" + "1" * 40_000)
    assert main(["arch", f"@{tmp_path / 'ids'}"]) == 2
    assert len(capsys.readouterr().err) < 600


def test_without_stderr_a_remark_is_dropped(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    note("nobody reads this")
