"""The search for a ranking: what it reports of architectures that it was not chosen on."""

import sys

import pytest
from scipy.stats import spearmanr

import ntknas
from experiments import ranking
from experiments.ranking import RankingConfig, report, taking_part
from ntknas.evaluation import candidates, formula, in_development, search_ranking
from tests.engine.tiny import CLEAN

TRUTH = "robbench/NAS-RobBench-201_html.json"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ranking") / "tiny"
    ntknas.score("random:150", out=folder, spec=CLEAN)
    return folder


def test_the_table_reports_held_out_architectures(folder, data_file):
    truth = data_file(TRUTH)
    config = RankingConfig(
        (folder,), (truth,), metrics=("pgd_8",), terms=2, beam=3, halves=2, resamples=20
    )
    choice, table = report(config)
    scores = candidates([ntknas.Run(folder)])
    accuracy = ntknas.load_truth(truth).wide("cifar10")["pgd_8"]
    held_out = [i for i in scores.index if not in_development(i)]
    assert choice["development"]["n"] == len(scores) - len(held_out)
    wanted = search_ranking(scores, accuracy[scores.index], terms=2, beam=3, halves=2)
    assert choice["chosen"] == formula(wanted.chosen)
    assert choice["of_length"] == [formula(names) for names in wanted.of_length]
    assert choice["development"]["all"] == wanted.spearman
    assert choice["development"]["top"] == wanted.spearman_top
    assert [row["mean"] for row in choice["lengths"]] == wanted.lengths["mean"].tolist()
    row = table.query("name == 'params' and check == 'held out'").iloc[0]
    expected = spearmanr(scores.loc[held_out, "params"], accuracy[held_out].round(6)).statistic
    assert row["all"] == pytest.approx(expected)
    assert row["all_low"] < row["all"] < row["all_high"]
    assert row["n"] == len(held_out)
    chosen = table[table["name"] == "chosen"]
    assert set(chosen["dataset"]) == {"cifar10", "cifar100", "imagenet16"}
    # The tiny network has one cell per stage and no parts: the new default can be ranked by.
    assert {"default", "kernel_only", "default_1", "params"} <= set(table["name"])


@pytest.mark.parametrize(
    ("settings", "left"),
    [
        ({}, ["params", "cond@clean", "cond@robust:8/255"]),
        ({"counts": False}, ["cond@clean", "cond@robust:8/255"]),
        ({"parts": True, "attacked": False}, ["params", "cond@clean", "cond@clean.head"]),
        ({"proxies": True, "attacked": False}, ["params", "snip", "runs/snip", "cond@clean"]),
    ],
)
def test_kinds_of_candidates(settings, left):
    attacked = ["cond@robust:8/255", "cond@robust.head:8/255"]
    names = ["params", "snip", "runs/snip", "cond@clean", "cond@clean.head", *attacked]
    assert taking_part(names, RankingConfig((), (), **settings)) == left


def test_only_kernels_in_both_directions(folder, data_file):
    config = RankingConfig(
        (folder,),
        (data_file(TRUTH),),
        counts=False,
        signs=True,
        terms=1,
        beam=2,
        halves=2,
        resamples=10,
    )
    choice, table = report(config)
    assert "@" in choice["chosen"]
    assert all("@" in name for name in choice["of_length"])


@pytest.mark.parametrize(
    ("options", "complaint"),
    [(["--metrics", "banana"], "banana"), (["--truth", "missing.json"], "missing.json")],
)
def test_bad_input_is_one_line(monkeypatch, capsys, folder, data_file, options, complaint):
    argv = ["ranking", str(folder), "--truth", str(data_file(TRUTH)), *options]
    monkeypatch.setattr(sys, "argv", argv)
    with pytest.raises(SystemExit) as stop:
        ranking.main()
    assert stop.value.code == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert complaint in lines[0]
