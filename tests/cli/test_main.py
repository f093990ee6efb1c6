"""The program as a whole: exit statuses, one-line errors, what is imported, pipes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import ntknas
from ntknas.cli.main import main
from ntknas.evaluation import rank
from ntknas.runs.registered import own_score_records
from ntknas.spaces.nasbench201 import architectures
from tests.evaluation.made_up import make_run

PROGRAM = Path(sys.executable).with_name("ntknas")


def installed(*argv, **environment):
    # Commands that tests ran in this process have named a cache folder.
    own = {k: v for k, v in os.environ.items() if k != "JAX_COMPILATION_CACHE_DIR"}
    return subprocess.run(
        [PROGRAM, *argv],
        capture_output=True,
        text=True,
        timeout=120,
        env=own | environment,
        check=False,
    )


def test_installed_program_explains_itself():
    found = installed("--help")
    assert found.returncode == 0
    assert found.stderr == ""
    for command in ("score", "rank", "correlate", "sweep", "export", "arch", "scores", "truth"):
        assert f"    {command} " in found.stdout


def test_installed_program_refuses_in_one_line():
    found = installed("arch", "99999")
    assert found.returncode == 2
    assert found.stdout == ""
    assert found.stderr == ("ntknas: error: expected an architecture id in 0..15624, got 99999\n")


def test_the_package_is_the_program():
    argv = [sys.executable, "-m", "ntknas", "arch", "99999"]
    found = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
    assert found.returncode == 2
    assert found.stderr == ("ntknas: error: expected an architecture id in 0..15624, got 99999\n")


@pytest.mark.slow
def test_compiled_programs_are_kept_for_the_next_start(tmp_path):
    def score(out):
        tiny = ("--norm", "image", "--channels", "2", "--cells", "1", "--kernels", "clean")
        argv = ("score", "--archs", "9930", *tiny, "--out", str(tmp_path / out))
        found = installed(*argv, XDG_CACHE_HOME=str(tmp_path))
        assert found.returncode == 0, found.stderr
        (program,) = (tmp_path / "ntknas").glob("jit_gram_of-*-cache")
        return program, program.stat().st_mtime_ns

    assert score("first") == score("second")


def test_help_loads_nothing_heavy():
    code = (
        "import sys; from ntknas.cli.main import main; main(['score', '--help']);"
        "print(sorted({'jax', 'pandas', 'matplotlib', 'numpy', 'rich'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert found.stdout.splitlines()[-1] == "[]"


def test_closed_pipe_is_silent():
    found = subprocess.run(
        f"{PROGRAM} truth --where | true; echo ${{PIPESTATUS[0]}}",
        shell=True,
        executable="/bin/bash",
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (found.stdout, found.stderr) == ("0\n", "")


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"ntknas {ntknas.__version__}\n"


@pytest.mark.parametrize("command", ["score", "rank", "correlate", "sweep", "arch", "export"])
def test_help_of_a_command_has_examples(ntknas, command):
    status, out, err = ntknas(command, "--help")
    assert (status, err) == (0, "")
    assert f"\n  ntknas {command} " in out


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["sing"],
        ["rank"],
        ["rank", "somewhere", "--top", "many"],
        ["rank", "somewhere", "--unknown"],
        ["score", "--out", "x"],
        ["arch", "0", "--cells", "0"],
        ["arch", "random:21"],
    ],
)
def test_bad_command_lines(refused, argv):
    refused(*argv)


@pytest.mark.parametrize(
    "argv",
    [
        ["rank"],
        ["export"],
        ["correlate", "--truth", "no-such-file"],
        ["sweep", "--beta", "0,1"],
        ["arch", "0", "--run"],
    ],
)
def test_folder_without_a_run(refused, tmp_path, argv):
    command, *rest = argv
    argv = [*argv, tmp_path] if rest[-1:] == ["--run"] else [command, tmp_path, *rest]
    assert "no run in" in refused(*argv)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", [["rank"], ["export"], ["sweep", "--beta", "0,1"]])
def test_run_without_a_finished_architecture(refused, keep, command):
    folder = keep(0)
    assert "no finished architecture" in refused(command[0], folder, *command[1:])
    assert not list(folder.glob("*scores*"))


def test_database_of_something_else(refused, tmp_path):
    (tmp_path / "run.sqlite").write_text("<html>not a database, but long enough to be read</html>")
    refused("rank", tmp_path)


def test_full_disk_is_one_line_and_status_1(ntknas, finished, tmp_path, monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device", "scores.csv")

    monkeypatch.setattr("ntknas.report.output_file", full)
    status, out, err = ntknas("export", finished, "--out", tmp_path / "scores.csv")
    assert (status, out) == (1, "")
    assert err == "ntknas: error: [Errno 28] No space left on device: 'scores.csv'\n"


def test_interrupt_is_status_130(ntknas, finished, tmp_path, monkeypatch):
    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr("ntknas.report.output_file", interrupt)
    status, out, err = ntknas("export", finished, "--out", tmp_path / "scores.csv")
    assert (status, out, err) == (130, "", "ntknas: interrupted\n")


def test_a_process_that_never_heard_of_a_score_ranks_a_run_that_was_made_with_it(tmp_path, gap):
    folder = tmp_path / "run"
    meta = {"scores": own_score_records()}
    expected = rank(make_run(folder, architectures("random:4"), meta=meta), "gap@clean")
    for score in ("gap@clean", "gap@clean+params"):
        found = installed("rank", str(folder), "--score", score, "--format", "json")
        assert (found.returncode, found.stderr) == (0, "")
        rows = json.loads(found.stdout)
        assert len(rows) == 4
        if score == "gap@clean":
            assert [row["id"] for row in rows] == expected["id"].tolist()
            assert [row["score"] for row in rows] == expected["score"].tolist()
    found = installed("export", str(folder), "--out", "-")
    assert found.returncode == 0
    assert "gap" in found.stdout.splitlines()[0].split(",")
