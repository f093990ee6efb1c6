"""Completion: what a shell that asks is answered, and the code for shells."""

import os
import shutil
import subprocess
import sys

import pytest


def completions(line: str, folder) -> list[str]:
    """What the program answers when bash asks it to complete a line."""
    asked = {
        "_ARGCOMPLETE": "1",
        "_ARGCOMPLETE_IFS": "\n",
        "_ARGCOMPLETE_SUPPRESS_SPACE": "1",
        "_ARGCOMPLETE_STDOUT_FILENAME": str(folder / "answer"),
        "COMP_LINE": line,
        "COMP_POINT": str(len(line)),
        "COMP_TYPE": "9",
    }
    done = subprocess.run(
        [sys.executable, "-m", "ntknas"],
        cwd=folder,
        env=os.environ | asked,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return (folder / "answer").read_text().split("\n")


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("ntknas cor", ["correlate"]),
        ("ntknas score --preset f", ["fast"]),
        ("ntknas rank --score sphericity@c", ["sphericity@clean"]),
        ("ntknas correlate --score cond@clean,cond@cl", ["cond@clean,cond@clean"]),
        ("ntknas rank x --score cond@clean+live_p", ["cond@clean+live_params"]),
        ("ntknas sweep x --score spher", ["sphericity"]),
        ("ntknas correlate --truth rob", ["robbench", "robust.csv"]),
        ("ntknas data fetch cifar100", ["cifar100"]),
    ],
)
def test_answers(line, answer, tmp_path):
    (tmp_path / "robust.csv").touch()
    assert completions(line, tmp_path) == answer


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "tcsh", "powershell"])
def test_code_for_a_shell(ntknas, shell):
    status, out, err = ntknas("completion", shell)
    assert (status, err) == (0, "")
    assert "ntknas" in out
    if shell in ("bash", "zsh", "fish") and shutil.which(shell):
        done = subprocess.run([shell, "-n"], input=out, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")


def test_other_shells(refused):
    assert "invalid choice: 'csh'" in refused("completion", "csh")
