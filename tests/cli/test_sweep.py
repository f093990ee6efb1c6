"""`ntknas sweep`."""

import json
import re

import numpy as np
import pytest

from ntknas.evaluation import correlate
from ntknas.runs import Run
from ntknas.scores import SCORES
from ntknas.truth import load_truth


def test_medians_by_hand_and_ends_are_pure_kernels(ntknas, finished):
    status, out, err = ntknas("sweep", finished, "--beta", "0,0.3,1", "--format", "json")
    assert (status, err) == (0, "")
    rows = json.loads(out)
    assert len(rows) == 2 * 2 * 3
    scores = Run(finished).scores()
    for row in rows:
        pure = {("mixed_clean", 0.0): "clean", ("mixed_clean", 1.0): "robust:8/255"}
        kernel = pure.get((row["kernel"], row["beta"]))
        if kernel and row["rho"] == 8 / 255:
            known = scores[f"lambda_min@{kernel}"]
            np.testing.assert_allclose(row["value"], known.median(), rtol=1e-9)
            np.testing.assert_allclose(row["value_low"], known.quantile(0.25), rtol=1e-9)


def test_correlations_are_the_librarys(ntknas, finished, truth):
    status, out, _ = ntknas(
        *("sweep", finished, "--beta", "0.25,0.75", "--truth", truth, "--metric", "clean"),
        *("--score", "cond", "lambda_min", "--resamples", "20", "--format", "json"),
    )
    assert status == 0
    rows = json.loads(out)
    assert len(rows) == 2 * 2 * 2 * 2
    run = Run(finished)
    name = "cond@mixed_robust:3/255:0.75"
    expected = correlate(
        run.scores(run.sweep([0.25, 0.75])),
        load_truth(truth),
        names=[name],
        metrics=["clean"],
        resamples=20,
    ).iloc[0]
    (row,) = [
        row
        for row in rows
        if (row["score"], row["kernel"], row["beta"]) == ("cond", "mixed_robust", 0.75)
        and row["rho"] == 3 / 255
    ]
    assert row["spearman"] == expected["spearman"]
    assert row["spearman_low"] == expected["spearman_low"]
    assert row["dataset"] == "cifar10"


def test_table_and_picture(ntknas, finished, truth, tmp_path):
    picture, heat = tmp_path / "beta.png", tmp_path / "heat.svg"
    status, out, err = ntknas(
        *("sweep", finished, "--beta", "0:1:0.5", "--truth", truth, "--resamples", "20"),
        *("--plot", picture, "--heat-map", heat),
    )
    assert status == 0
    assert "Spearman with cifar10 pgd_8" in out
    assert out.splitlines()[1].replace("|", "").split() == [
        "score",
        "kernel",
        "rho",
        "0",
        "0.5",
        "1",
        *("1", "less", "0", "[95%]"),
    ]
    assert re.search(r"[+-]0\.\d{3} \[[+-]0\.\d{3}, [+-]0\.\d{3}\] *$", out, re.M)
    assert "of 8 values differ from those at beta 0" in err
    assert str(picture) in err
    assert "mixed_robust, PGD 8/255" in heat.read_text()
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--beta", "0,2"], "[0, 1]"),
        (["--beta=-1:1:0.5"], "[0, 1]"),
        (["--beta", "0:1:0"], "STEP"),
        (["--beta", "banana"], "banana"),
        ([], "--beta"),
        (["--beta", "0,1", "--score", "cond@clean"], "without its kernel"),
        (["--beta", "0,1", "--score", "params"], "params"),
        (["--beta", "0,1", "--score", ""], "expected scores of lambda_min"),
        (["--beta", "0,1", "--metric", "pgd_8"], "--truth"),
        (["--beta", "0,1", "--truth-seed", "1"], "--truth FILE, which is missing"),
        (["--beta", "0,1", "--heat-map", "a.png"], "needs --truth FILE and one --score"),
        (["--beta", "0,1", "--plot", "beta.jpg"], ".png, .svg or .pdf"),
        (["--beta", "0,1", "--plot", "no/such/folder/beta.png"], "folder"),
    ],
)
def test_bad_options(refused, finished, options, complaint):
    assert complaint in refused("sweep", finished, *options)


def test_networks_and_a_truth_of_ones_own(ntknas, texts, own_truth):
    argv = ("sweep", texts, "--beta", "0,1", "--truth", own_truth, "--metric", "robust")
    status, out, _ = ntknas(*argv, "--resamples", "0", "--format", "json")
    assert status == 0
    rows = json.loads(out)
    expected = correlate(
        Run(texts),
        load_truth(own_truth),
        names=["lambda_min@clean", "lambda_min@robust:8/255"],
        metrics=["robust"],
        resamples=0,
    )
    assert [row["spearman"] for row in rows] == pytest.approx(expected["spearman"][:2].tolist())
    status, out, _ = ntknas(*argv, "--resamples", "0")
    assert (status, "12 architectures: Spearman with" in out) == (0, True)


def test_a_registered_score(ntknas, refused, finished, gap):
    status, out, _ = ntknas("sweep", finished, "--beta", "0.5", "--score", "gap")
    assert status == 0
    assert out.count("\n gap ") == 4
    SCORES.remove("gap")
    complaint = refused("sweep", finished, "--beta", "0.5", "--score", "gap")
    assert "without its kernel: lambda_min" in complaint


def test_seeds_of_the_truth(ntknas, finished, seeds_truth):
    argv = [
        *("sweep", finished, "--beta", "0.5", "--truth", seeds_truth, "--metric", "robust"),
        *("--resamples", "0", "--format", "json"),
    ]
    _, mean, err = ntknas(*argv)
    assert err.startswith("note: robust: 1 of 12 architectures lack seeds (")
    status, first, err = ntknas(*argv, "--truth-seed", "0")
    assert (status, err) == (0, "")
    assert json.loads(first)[0]["spearman"] != json.loads(mean)[0]["spearman"]
