"""`ntknas correlate`."""

import csv
import io
import json

import numpy as np
import pytest

from ntknas.evaluation import RANKINGS, correlate
from ntknas.runs import Run
from ntknas.scores import SCORES
from ntknas.spaces.nasbench201 import architectures
from ntknas.truth import load_truth
from tests.cli.conftest import ARCHS, write_truth

DEFAULT = RANKINGS["default"].formula


def test_json_is_the_librarys_table(ntknas, finished, truth):
    status, out, err = ntknas(
        *("correlate", finished, "--truth", truth, "--metric", "pgd_8", "--format", "json"),
        *("--score", "cond@clean", "cond@robust:8/255", "--resamples", "50", "--seed", "3"),
        *("--combine", "cond@clean+params"),
    )
    assert (status, err) == (0, "")
    rows = json.loads(out)
    assert [row["score"] for row in rows] == [
        *("cond@clean", "cond@robust:8/255", "cond@clean+params", "params", "flops")
    ]
    expected = correlate(
        Run(finished),
        load_truth(truth),
        metrics=["pgd_8"],
        names=["cond@clean", "cond@robust:8/255"],
        combine=["cond@clean+params"],
        resamples=50,
        seed=3,
    )
    for key in ("spearman", "spearman_low", "spearman_high", "kendall"):
        np.testing.assert_array_equal([row[key] for row in rows], expected[key])
    assert {(row["dataset"], row["metric"], row["n"]) for row in rows} == {("cifar10", "pgd_8", 12)}


def test_csv_holds_every_score(ntknas, finished, truth):
    argv = ["correlate", finished, "--truth", truth, "--format", "csv", "--resamples", "0"]
    rows = list(csv.DictReader(io.StringIO(ntknas(*argv)[1])))
    scores = [*Run(finished).scores().columns, str(DEFAULT)]
    assert {row["score"] for row in rows} == set(scores)
    assert len(rows) == 2 * len(scores)


def test_matrix_of_several_metrics(ntknas, finished, truth):
    status, out, err = ntknas("correlate", finished, "--truth", truth)
    assert status == 0
    assert "n = 12" in out
    assert "clean" in out.splitlines()[1]
    assert "pgd_8" in out.splitlines()[1]
    assert f"default: {DEFAULT}" in err
    for name in ("cond@clean", "default", "cosine_lambda_min@twice:3/255", "params"):
        assert f"\n {name} " in out
    assert "trace" not in out
    assert "--score NAME" in err
    assert max(map(len, out.splitlines())) <= 120


def test_intervals_of_several_metrics(ntknas, finished, truth):
    command = (
        *("correlate", finished, "--truth", truth, "--metric", "clean", "pgd_8"),
        *("--score", "cond@clean", "params", "--resamples", "50", "--top-fraction", "1/2"),
    )
    status, out, _ = ntknas(*command, "--intervals", "--format", "markdown")
    assert status == 0
    rows = {tuple(map(str.strip, line.split("|")[1:3])): line for line in out.splitlines()[2:]}
    assert {subset for subset, _ in rows} == {"all", "top 50%"}
    _, text, _ = ntknas(*command, "--format", "json")
    expected = [row for row in json.loads(text) if row["score"] == "cond@clean"]
    assert len(expected) == 4
    for row in expected:
        low, high = row["spearman_low"], row["spearman_high"]
        cell = f"{row['spearman']:.3f} [{low:.3f}, {high:.3f}]"
        assert cell in rows[row["subset"], "cond@clean"]


def test_detail_of_one_metric(ntknas, finished, truth):
    status, out, _ = ntknas(
        *("correlate", finished, "--truth", truth, "--metric", "pgd_8", "--resamples", "50"),
        *("--top-fraction", "1/2"),
    )
    assert status == 0
    lines = out.splitlines()
    assert "cifar10 pgd_8; n = 6..12" in lines[0]
    spearman = [float(line.split("|")[3].split()[0]) for line in lines if line.startswith(" all")]
    assert spearman == sorted(spearman, reverse=True)
    assert any(line.startswith(" top 50% ") for line in lines)
    assert max(map(len, lines)) <= 120


def test_some_architectures_without_truth(ntknas, finished, tmp_path):
    held = architectures(ARCHS)[:5]
    values = {a.id: [0.1 * i] for i, a in enumerate(held)}
    path = write_truth(tmp_path / "few.json", values, ["cifar10#val_acc"])
    status, out, err = ntknas("correlate", finished, "--truth", path, "--format", "json")
    assert status == 0
    assert f"7 of 12 architectures are not in {path}" in err
    assert json.loads(out)[0]["n"] == 5


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--metric", "apgd"], "pgd_8"),
        (["--dataset", "imagenet16"], "cifar10"),
        (["--score", "banana"], "banana"),
        (["--score", "cond@robust:5/255"], "robust:8/255"),
        (["--combine", "cond@clean+banana"], "banana"),
        (["--combine", "cond@clean-banana"], "banana"),
        (["--combine", "params-params"], "params in params-params"),
        (["--top-fraction", "1.5"], "between 0 and 1"),
        (["--resamples", "-1", "--metric", "clean"], "0 or more"),
        (["--seed", "-1", "--metric", "clean"], "0 or more"),
        (["--format", "xml"], "xml"),
    ],
)
def test_bad_options(refused, finished, truth, options, complaint):
    assert complaint in refused("correlate", finished, "--truth", truth, *options)


def test_no_architecture_has_a_truth(refused, finished, tmp_path):
    path = write_truth(tmp_path / "others.json", {12: [0.1], 10: [0.1]}, ["cifar10#val_acc"])
    assert "none of the 12" in refused("correlate", finished, "--truth", path)


def test_truth_of_another_dataset(refused, finished, tmp_path):
    path = write_truth(tmp_path / "others.json", {12: [0.1]}, ["cifar100#val_acc"])
    assert "cifar100" in refused("correlate", finished, "--truth", path)


def test_run_of_one_architecture(refused, keep, truth):
    assert "at least 2 architectures" in refused("correlate", keep(1), "--truth", truth)


def test_truth_is_required(refused, finished):
    assert "--truth" in refused("correlate", finished)


def test_the_precomputed_table(ntknas, refused, truth):
    options = ("--truth", truth, "--metric", "pgd_8", "--resamples", "0")
    status, out, err = ntknas("correlate", "--precomputed", *options)
    assert status == 0
    assert out.startswith("the precomputed table against")
    assert "n = 12 architectures" in out
    assert "6454 of 6466 architectures are not in" in err
    assert "expected the folder of a run, a file of scores, or --precomputed" in refused(
        "correlate", *options
    )


def test_plot(ntknas, refused, finished, truth, tmp_path):
    options = ("--truth", truth, "--score", "cond@clean", "--resamples", "0")
    picture = tmp_path / "scatter.png"
    status, _, err = ntknas("correlate", finished, *options, "--metric", "pgd_8", "--plot", picture)
    assert status == 0
    assert f"picture: {picture}" in err
    assert picture.stat().st_size > 10_000
    picture = tmp_path / "best.svg"
    argv = ("correlate", finished, "--truth", truth, "--metric", "pgd_8", "--resamples", "0")
    assert ntknas(*argv, "--plot", picture)[0] == 0
    drawn = picture.read_text()
    assert "; the best 9 of " in drawn
    assert drawn.count("<!-- Spearman") == 9
    assert "one --metric" in refused("correlate", finished, *options, "--plot", picture)
    gif = tmp_path / "scatter.gif"
    assert "ending in" in refused("correlate", finished, *options, "--plot", gif)


def test_a_minus_sign(ntknas, finished, truth):
    options = ("--truth", truth, "--metric", "pgd_8", "--resamples", "0")
    names = ("--score=cond@clean,-params", "--combine", "cond@clean-params,-flops-params")
    status, out, _ = ntknas("correlate", finished, *options, *names, "--format", "json")
    assert status == 0
    found = {row["score"]: row["spearman"] for row in json.loads(out)}
    assert list(found) == [
        *("cond@clean", "-params", "cond@clean-params", "-flops-params", "params", "flops")
    ]
    assert found["-params"] == pytest.approx(-found["params"])
    expected = correlate(
        Run(finished), load_truth(truth), names=["cond@clean-params"], resamples=0
    ).query("score == 'cond@clean-params' and metric == 'pgd_8'")
    assert found["cond@clean-params"] == expected["spearman"].item()
    status, out, _ = ntknas("correlate", finished, *options, *names)
    assert status == 0
    assert "\n cond@clean-params " in out


def test_networks_and_a_truth_of_ones_own(ntknas, texts, own_truth, tmp_path):
    argv = ("correlate", texts, "--truth", own_truth)
    status, out, err = ntknas(*argv)
    assert status == 0
    assert out.splitlines()[0].endswith("against ours.csv, cifar10; n = 12 architectures")
    assert "accuracy" in out.splitlines()[1]
    assert "\n default " in out
    assert "default: layer_cosine_lambda_min@clean+params" in err
    assert "are not in" not in err
    picture = tmp_path / "scatter.png"
    options = ("--metric", "robust", "--resamples", "20")
    status, out, err = ntknas(*argv, *options, "--plot", picture)
    assert status == 0
    assert out.splitlines()[0].endswith("against ours.csv, cifar10 robust; n = 12 architectures")
    assert picture.stat().st_size > 10_000
    status, out, _ = ntknas(*argv, *options, "--format", "json", "--top-fraction", "1/4")
    assert status == 0
    expected = correlate(
        Run(texts),
        load_truth(own_truth),
        metrics=["robust"],
        combine=["default"],
        resamples=20,
        top_fraction=0.25,
    )
    rows = json.loads(out)
    assert [row["score"] for row in rows] == expected["score"].tolist()
    assert [row["n"] for row in rows] == expected["n"].tolist() == [12, 3] * (len(rows) // 2)
    spearman = [np.nan if row["spearman"] is None else row["spearman"] for row in rows]
    np.testing.assert_array_equal(spearman, expected["spearman"])


def test_a_truth_of_ones_own_for_cells(ntknas, finished, tmp_path):
    held = Run(finished).ids[:7]
    path = tmp_path / "ours.csv"
    rows = [f"{label},moons,{0.1 * i}" for i, label in enumerate(held)]
    path.write_text("\n".join(["architecture,dataset,robust", *rows]))
    options = ("--dataset", "moons", "--metric", "robust", "--score", "params", "--format", "json")
    status, out, err = ntknas("correlate", finished, "--truth", path, *options)
    assert status == 0
    assert f"5 of 12 architectures are not in {path}" in err
    assert [(row["score"], row["n"]) for row in json.loads(out)] == [("params", 7), ("flops", 7)]


def test_truths_of_ones_own_that_do_not_fit(refused, texts, finished, own_truth):
    refuse = "none of the 12 architectures is in"
    assert refuse in refused("correlate", finished, "--truth", own_truth)
    argv = ("correlate", texts, "--truth", own_truth)
    assert "available: accuracy, robust" in refused(*argv, "--metric", "pgd_8")
    assert "choose a metric of" in refused("sweep", texts, "--beta", "0,1", "--truth", own_truth)


def test_a_registered_score(ntknas, finished, truth, gap):
    options = ("--metric", "pgd_8", "--resamples", "0", "--format", "json")
    status, out, _ = ntknas("correlate", finished, "--truth", truth, *options)
    assert status == 0
    found = {row["score"]: row["spearman"] for row in json.loads(out)}
    expected = correlate(Run(finished), load_truth(truth), metrics=["pgd_8"], resamples=0)
    assert found["gap@clean"] == expected.set_index("score")["spearman"]["gap@clean"]
    options = ("--metric", "pgd_8", "--score", "gap@robust:8/255", "--combine", "gap@clean-params")
    status, out, _ = ntknas("correlate", finished, "--truth", truth, *options)
    assert status == 0
    assert "\n gap@robust:8/255 " in out
    assert "\n gap@clean-params " in out


def test_seeds_of_the_truth(ntknas, refused, finished, seeds_truth):
    last = architectures(ARCHS)[-1].id
    argv = [
        *("correlate", finished, "--truth", seeds_truth, "--score", "cond@clean"),
        *("--resamples", "0", "--format", "json"),
    ]
    for seed, n, remark in (
        (None, 12, f"1 of 12 architectures lack seeds ({last} has 1 of 2)"),
        ("0", 12, ""),
        ("1", 11, f"1 of 12 architectures have no value for seed 1 ({last})"),
    ):
        status, out, err = ntknas(*argv, *(() if seed is None else ("--truth-seed", seed)))
        assert status == 0
        assert err == (f"note: robust: {remark}\n" if remark else "")
        truth = load_truth(seeds_truth, seed=seed)
        expected = correlate(Run(finished), truth, names=["cond@clean"], resamples=0)
        rows = json.loads(out)
        assert [row["spearman"] for row in rows] == expected["spearman"].tolist()
        assert rows[0]["n"] == n
    assert "seeds.csv: 0, 1; got '2'" in refused(*argv, "--truth-seed", "2")


def test_a_truth_without_seeds(refused, finished, truth):
    argv = ("correlate", finished, "--truth", truth, "--truth-seed", "1")
    assert "truth.json has none, got seed '1'" in refused(*argv)


def test_a_file_of_another_tool(ntknas, refused, truth, tmp_path):
    cells = architectures(ARCHS)
    rows = "".join(f"{cell.string},{-i},{i * i},2\n" for i, cell in enumerate(cells))
    path = tmp_path / "scores.csv"
    path.write_text(f"architecture,jacov,nwot,cond@clean\n{rows}")
    argv = ("correlate", path, "--truth", truth, "--metric", "pgd_8", "--plot", tmp_path / "p.png")
    status, out, err = ntknas(*argv, "--resamples", "20")
    assert status == 0
    assert f"{path} against NAS-RobBench-201, cifar10 pgd_8; n = 12 architectures" in out
    found = {line.split("|")[0].strip(): line for line in out.splitlines() if "|" in line}
    assert "-1.000 [-1.000, -1.000]" in found["jacov"]
    assert "1.000 [1.000, 1.000]" in found["nwot"]
    assert {"cond@clean", "params", "flops"} <= set(found)
    assert "default" not in err
    for name in ("jacov", "nwot"):
        SCORES.remove(name)
    content = {"cifar100": {str(cell.naslib): {"jacov": {"score": 1.0}} for cell in cells}}
    path = tmp_path / "zc.json"
    path.write_text(json.dumps(content))
    assert "got 'cifar100'" in refused("correlate", path, "--truth", truth)
    assert "got 'cifar10'" in refused("correlate", path, "--truth", truth, "--dataset", "cifar10")
    SCORES.remove("jacov")
