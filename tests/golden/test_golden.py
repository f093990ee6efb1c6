"""Version 0.1.0's kernels, scores, rankings, correlations and tables, computed and read again.

`version_0_1_0` holds runs that version 0.1.0 wrote, one per mode, and what its commands printed of
them. On the machine that made them, numbers agree to the last bit; elsewhere to 1e-6, except for
kernels of attacked images in float32: an attack follows signs of gradients, which rounding turns.
Their float64 twin (`batch64`) is held to 1e-6 everywhere.
"""

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import ntknas
from ntknas.cli.main import main
from ntknas.kernel import Batch
from tests.golden.later import without_later
from tests.golden.machine import machine
from tests.golden.old_draws import old_task

GOLDEN = Path(__file__).parent / "version_0_1_0"
SETTINGS: dict[str, list[str]] = json.loads((GOLDEN / "settings.json").read_text())
SAME_MACHINE = json.loads((GOLDEN / "machine.json").read_text()) == machine()
ARCHS = "0,10,12,1000,2581,3842"
TRUTH = "robbench/NAS-RobBench-201_html.json"
RTOL = 1e-6

# One run is recomputed always, the others with the slow tests.
QUICK = ("image",)
runs = pytest.mark.parametrize(
    "name",
    [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in SETTINGS],
)


def printed(capsys, *argv: str) -> str:
    """What a command prints."""
    capsys.readouterr()
    assert main(list(argv)) == 0
    return capsys.readouterr().out


def assert_same(text: str, stored: Path) -> None:
    """Equal text on the same machine; elsewhere equal words and numbers within 1e-6."""
    expected = stored.read_text()
    if SAME_MACHINE:
        assert text == expected
    elif stored.suffix == ".csv":
        ours, theirs = (pd.read_csv(io.StringIO(content)) for content in (text, expected))
        pd.testing.assert_frame_equal(ours, theirs, rtol=RTOL, atol=1e-12)
    else:
        number = r"-?\d+(?:\.\d+)?(?:e[-+]?\d+)?"
        assert re.sub(number, "#", text) == re.sub(number, "#", expected)
        numbers = [np.array(re.findall(number, t), float) for t in (text, expected)]
        np.testing.assert_allclose(numbers[0], numbers[1], rtol=1e-3, atol=1e-3)  # as printed


@pytest.mark.parametrize("name", SETTINGS)
def test_a_run_of_version_0_1_0_exports_and_ranks_as_it_did(name, capsys, monkeypatch):
    monkeypatch.chdir(GOLDEN)
    before = (GOLDEN / name / "run.sqlite").read_bytes()
    exported = printed(capsys, "export", name, "--out", "-")
    assert_same(without_later(exported), GOLDEN / name / "export.csv")
    ranked = printed(capsys, "rank", name, "--top", "all", "--format", "csv")
    assert_same(without_later(ranked), GOLDEN / name / "rank_default.csv")
    assert (GOLDEN / name / "run.sqlite").read_bytes() == before


@pytest.mark.parametrize(
    "name",
    ["batch", "proxies", *(pytest.param(n, marks=pytest.mark.slow) for n in ("image", "none"))],
)
def test_its_correlations_are_what_they_were(name, capsys, monkeypatch, data_file):
    monkeypatch.chdir(GOLDEN)
    truth = ("correlate", name, "--truth", str(data_file(TRUTH)), "--resamples", "30")
    every = ("--format", "csv", "--metric", "pgd_8,clean", "--combine", "default")
    assert_same(without_later(printed(capsys, *truth, *every)), GOLDEN / name / "correlate.csv")
    top = ("--metric", "pgd_8", "--top-fraction", "0.5")
    assert_same(printed(capsys, *truth, *top), GOLDEN / name / "correlate.txt")


@pytest.mark.parametrize("name", ["batch", "image", "batch64"])
def test_its_sweeps_are_what_they_were(name, capsys, monkeypatch, data_file):
    monkeypatch.chdir(GOLDEN)
    four = ("sweep", name, "--beta", "0:1:0.25", "--score", "lambda_min,cond,bound,sphericity")
    assert_same(printed(capsys, *four, "--format", "csv"), GOLDEN / name / "sweep.csv")
    two = ("sweep", name, "--beta", "0:1:0.5", "--score", "lambda_min,cond")
    truth = ("--truth", str(data_file(TRUTH)), "--format", "csv", "--resamples", "30")
    assert_same(without_later(printed(capsys, *two, *truth)), GOLDEN / name / "sweep_truth.csv")


def test_the_scores_of_version_0_1_are_described_as_they_were(capsys):
    """Later scores stand between them."""
    before = json.loads((GOLDEN / "other" / "scores.json").read_text())
    assert [
        row for row in json.loads(printed(capsys, "scores", "--format", "json")) if row in before
    ] == before


@pytest.mark.parametrize(
    ("file", "argv"),
    [
        pytest.param(
            "theory.json",
            "--images 8 --test-images 6 --pooling 8 --width 16 --steps 3 --train "
            "--training-steps 5 --infinite",
            marks=pytest.mark.slow,
        ),
        (
            "theory_ten.json",
            "--images 10 --test-images 10 --task ten --pooling 8 --width 16 --steps 3 --depth 3",
        ),
        ("theory_sphere.json", "--images 8 --test-images 6 --task sphere --width 16 --steps 3"),
    ],
)
def test_theory_says_what_it_said(file, argv, capsys, monkeypatch):
    """Of the images of version 0.1.0, which drew training and test images together."""
    monkeypatch.setattr("ntknas.theory.experiment._task", old_task)
    text = printed(capsys, "theory", "--format", "json", *argv.split())
    ours, theirs = json.loads(text), json.loads((GOLDEN / "other" / file).read_text())
    later = GOLDEN / "other" / f"later_{file}"  # 0.2.0 trains the network whose kernels it reports
    if later.exists():
        theirs["errors"] = json.loads(later.read_text())["errors"]
    if SAME_MACHINE:
        assert ours == theirs
    assert ours["network"] == theirs["network"]
    for kind in ("kernels", "errors"):
        frames = [pd.DataFrame(content[kind]) for content in (ours, theirs)]
        # Attacks in float32 turn with rounding; on another machine only their size is compared.
        pd.testing.assert_frame_equal(frames[0], frames[1], rtol=0.05, atol=0.1)


@runs
def test_kernels_are_what_they_were(name, tmp_path, data_file):
    out = tmp_path / "run"
    argv = [
        str(data_file("cifar100/cifar100_subset.npz")) if a.endswith(".npz") else a
        for a in SETTINGS[name]
    ]
    if name == "batch64":
        environment = os.environ | {"JAX_ENABLE_X64": "1"}
        command = [sys.executable, "-m", "ntknas.cli.main"]
        done = subprocess.run(
            [*command, "score", "--archs", ARCHS, "--out", str(out), *argv],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    else:
        assert main(["score", "--archs", ARCHS, "--out", str(out), *argv]) == 0
    new, old = ntknas.Run(out), ntknas.Run(GOLDEN / name)
    assert new.ids == old.ids
    assert new.spec == old.spec
    for index in old.ids:
        for seed in range(old.spec.seeds):
            for rho in old.spec.rhos or (None,):
                ours, theirs = (run.kernels(index, rho=rho, seed=seed) for run in (new, old))
                scale = abs(theirs.gram).max()
                if name == "batch64":
                    np.testing.assert_allclose(ours.gram, theirs.gram, atol=RTOL * scale)
                elif SAME_MACHINE:
                    # Since version 0.1.0 the parts of layers are added up last.
                    np.testing.assert_allclose(ours.gram, theirs.gram, atol=2e-6 * scale)
                elif Batch.CLEAN in theirs.batches:
                    scale = abs(theirs.clean).max()
                    np.testing.assert_allclose(ours.clean, theirs.clean, atol=1e-4 * scale)
    if SAME_MACHINE:
        # The smallest eigenvalues feel the rounding most. Proxies share their passes since then.
        table, before = new.table(), old.table()
        pd.testing.assert_frame_equal(table[before.columns], before, rtol=1e-3)
    elif name == "proxies":
        before = old.table()
        pd.testing.assert_frame_equal(new.table()[before.columns], before, rtol=1e-3)
