"""The table of rivals on a made-up run: figures against scipy, costs, missing scores, bad input."""

import json
import sys
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import rankdata, spearmanr

import ntknas
from experiments import rivals
from experiments.rivals import FIRST, ROWS, RivalsConfig, run
from experiments.rivals_picture import against_cost, side_by_side
from ntknas.runs import Store
from ntknas.scores import SCORES, ScoreKind, score_names
from ntknas.spaces.nasbench201 import architectures
from tests.conftest import real_data
from tests.engine.tiny import CLEAN, add_made_up

PROXIES = score_names(ScoreKind.PROXY)
IDS = [a.id for a in architectures("random:40")]
SPEC = replace(CLEAN, zero_cost=True)
TRUTH = "robbench/NAS-RobBench-201_html.json"


def write_run(folder, spec=SPEC, ids=IDS):
    """A run with made-up kernels and proxies; SWAP is missing once, and ties some."""
    rng = np.random.default_rng(0)
    with Store.write(folder) as store:
        labels = str([i % 3 for i in range(spec.batch_size)])
        store.begin({"spec": spec.to_json(), "dtype": "float32"}, [(0, labels, labels)])
        for index in ids:
            values = {name: float(rng.normal()) for name in spec.proxies}
            values |= {"swap": float(index % 5)} if "swap" in values else {}
            if index == IDS[3] and "swap" in values:
                values["swap"] = np.nan
            proxies = [(0, values)] if spec.proxies else []
            add_made_up(store, spec, index, proxies=proxies)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("rivals") / "run")


@pytest.fixture(scope="module")
def config(folder, tmp_path_factory):
    parts = {row.label: {"cpu_seconds": 0.1} for row in ROWS if row.proxies}
    path = tmp_path_factory.mktemp("seconds") / "seconds.json"
    path.write_text(json.dumps({"parts": parts | {"kernel": {"cpu_seconds": 0.25}}}))
    return RivalsConfig((folder,), (real_data(TRUTH),), seconds=path, resamples=8)


@pytest.fixture(scope="module")
def table(config):
    return run(config)[0]


def row_of(table, label, metric="pgd_8"):
    return table[(table["label"] == label) & (table["metric"] == metric)].iloc[0]


def test_every_ranking_is_one_of_scores_that_there_are():
    labels = [row.label for row in ROWS]
    assert len(set(labels)) == len(labels)
    assert not any("," in label for label in labels)  # the benchmark's flag joins them with commas
    used = {name for row in ROWS for name in row.proxies}
    assert used == set(PROXIES)
    assert {row.group for row in ROWS} == {"ours", "rivals", "older", "size"}
    for row in ROWS:
        assert {name.partition("@")[0] for name in row.names} <= set(SCORES)


def test_figures_are_those_of_scipy(table, config, folder):
    truth = ntknas.load_truth(config.truth[0])
    accuracy = truth.wide("cifar10")["pgd_8"].round(6)
    scores = ntknas.Run(folder).scores()
    known = np.array([accuracy[truth.representative_of[i]] for i in scores.index])
    constant = scores.index.isin(ntknas.Run(folder).constant_ids())
    for label in ("ZiCo", "CURE's curvature"):
        found = row_of(table, label)
        name = {row.label: row.score for row in ROWS}[label]
        values = np.where(constant, -np.inf, SCORES[name].direction * scores[name])
        assert found["n"] == len(known) == 40
        assert found["spearman"] == pytest.approx(spearmanr(rankdata(values), known).statistic)
        best = np.argsort(-known, kind="stable")[:4]
        expected = spearmanr(rankdata(values[best]), known[best]).statistic
        assert found["top"] == pytest.approx(expected)
        order = np.argsort(-values, kind="stable")
        for k in FIRST:
            regret = known.max() - known[order[:k]].max()
            assert found[f"regret_{k}"] == pytest.approx(regret)
        assert found["spearman_low"] <= found["spearman"] <= found["spearman_high"]


def test_az_nas_sums_the_logarithms_of_four_ranks(table, config, folder):
    truth = ntknas.load_truth(config.truth[0])
    accuracy = truth.wide("cifar10")["pgd_8"].round(6)
    scores = ntknas.Run(folder).scores()
    known = [accuracy[truth.representative_of[i]] for i in scores.index]
    constant = scores.index.isin(ntknas.Run(folder).constant_ids())
    parts = ("az_expressivity", "az_progressivity", "az_trainability", "flops")
    total = np.zeros(40)
    for name in parts:
        values = scores[name].to_numpy()
        total += np.log(
            rankdata(values if name == "flops" else np.where(constant, -9, values)) / 60
        )
    assert row_of(table, "AZ-NAS")["spearman"] == pytest.approx(spearmanr(total, known).statistic)


def test_the_best_come_first_within_each_metric(table):
    assert table["metric"].drop_duplicates().tolist() == ["pgd_8", "autoattack"]
    for _, part in table.groupby("metric"):
        assert part["spearman"].is_monotonic_decreasing
    assert (table[[f"regret_{k}" for k in FIRST]] >= 0).all(axis=None)
    assert (table["regret_1"] >= table["regret_10"]).all()


def test_what_lacks_a_score_is_counted_and_last(table):
    assert row_of(table, "SWAP")["missing"] == 1
    assert table[table["label"] != "SWAP"]["missing"].sum() == 0


def test_costs_are_those_of_what_a_ranking_needs(table):
    for label, seconds in (("ZiCo", 0.1), ("sphericity", 0.25), ("AZ-NAS", 0.1), ("params", 0.0)):
        found = row_of(table, label)
        assert (found["seconds"], found["cost"]) == pytest.approx((seconds, seconds / 0.25))


def test_runs_are_joined_and_what_they_lack_is_named(folder, config, tmp_path):
    other = write_run(tmp_path / "other", CLEAN, IDS[:20])
    found, lacking = run(replace(config, runs=(other,), seconds=None))
    assert {"ZiCo", "AZ-NAS"} <= set(lacking)
    assert found["seconds"].isna().all()
    joined, lacking = run(replace(config, runs=(other, folder)))
    assert not {"ZiCo", "AZ-NAS", "sphericity"} & set(lacking)
    assert set(joined["n"]) == {20}


def test_without_resamples_there_are_no_intervals(config):
    found, _ = run(replace(config, resamples=0, metrics=("pgd_8",)))
    assert found["spearman_low"].isna().all()


def test_the_command_writes_tables_and_a_picture(config, tmp_path, monkeypatch, capsys):
    out = tmp_path / "out"
    truth, seconds = str(config.truth[0]), str(config.seconds)
    monkeypatch.setattr(
        sys,
        "argv",
        ["rivals", str(config.runs[0]), "--truth", truth, "--seconds", seconds]
        + ["--out", str(out), "--metrics", "pgd_8", "--resamples", "5"],
    )
    rivals.main()
    text = (out / "tables.md").read_text()
    assert text in capsys.readouterr().out
    assert "n = 40 architectures" in text
    assert "| without a score |" in text
    assert "Not in the runs: layer_cosine_lambda_min" in text  # made-up kernels have no layers
    content = json.loads((out / "rivals.json").read_text())
    assert {row["label"] for row in content["table"]} > {"AZ-NAS", "default"}
    assert content["config"]["metrics"] == ["pgd_8"]
    assert (out / "rivals.png").stat().st_size > 10_000


def test_pictures_hold_every_ranking_and_its_cost(table, tmp_path):
    side_by_side(table, tmp_path / "all.svg", title="made up")
    drawn = (tmp_path / "all.svg").read_text()
    for label in table["label"]:
        assert f"<!-- {label} -->" in drawn
    assert "<!-- CPU seconds -->" in drawn
    against_cost(table, tmp_path / "cost.svg", title="made up")
    drawn = (tmp_path / "cost.svg").read_text()
    best = table[(table["metric"] == "pgd_8") & (table["seconds"] > 0)]
    assert all(f"<!-- {n} -->" in drawn for n in best[best["spearman"] >= 0.5]["label"])
    left = (best["spearman"] < 0.5).sum()
    assert f"{left} rankings below 0.5 are not shown" in drawn


def test_a_picture_without_costs_has_no_panel_for_them(config, tmp_path):
    table, _ = run(replace(config, seconds=None, resamples=0))
    side_by_side(table, tmp_path / "none.svg", title="made up")
    assert "CPU s" not in (tmp_path / "none.svg").read_text()


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--metrics", "banana"], "expected a truth with one of the metrics banana on cifar10"),
        (["--seconds", __file__], "expected a file of python -m benchmarks.rivals"),
        (["--truth", "missing.json"], "missing.json"),
    ],
)
def test_bad_input_is_one_line(config, tmp_path, monkeypatch, capsys, options, complaint):
    argv = ["rivals", str(config.runs[0]), "--truth", str(config.truth[0])]
    monkeypatch.setattr(sys, "argv", [*argv, "--out", str(tmp_path / "out"), *options])
    with pytest.raises(SystemExit) as stop:
        rivals.main()
    assert stop.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert complaint in line
    assert not (tmp_path / "out").exists()
