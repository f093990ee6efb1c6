"""The search for a ranking: what it chooses from, on which architectures, and what it reports."""

import itertools
import sys

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

import ntknas
from experiments import ranking
from experiments.ranking import RankingConfig, candidates, in_development, report, search
from ntknas.spaces.nasbench201.listing import representatives
from tests.engine.tiny import CLEAN

TRUTH = "robbench/NAS-RobBench-201_html.json"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ranking") / "tiny"
    ntknas.score("random:150", out=folder, spec=CLEAN)
    return folder


def test_the_development_part_is_a_fifth_of_the_classes():
    share = np.mean([in_development(index) for index in set(representatives())])
    assert share == pytest.approx(0.2, abs=0.02)


def test_candidates_are_turned_and_constant_networks_last(folder):
    run = ntknas.Run(folder)
    table = candidates([run])
    scores = run.scores()
    cond = -scores.loc[table.index, "cond@clean"]
    finite = np.isfinite(table["cond@clean"])
    assert (table["cond@clean"][finite] == cond[finite]).all()
    constant = [i for i in table.index if ntknas.Architecture.from_id(i).is_constant]
    assert not finite[constant].any()
    assert {"params", "pool_paths", "sphericity@clean"} <= set(table)
    assert not table.isna().any(axis=None)
    assert not table.rank().T.duplicated().any()


def test_scores_of_several_runs_have_the_runs_names(folder):
    table = candidates([ntknas.Run(folder), ntknas.Run(folder)])
    assert "tiny/cond@clean" in table
    assert list(table.columns).count("depth") == 1


def test_the_search_finds_the_best_pair():
    """A beam as wide as there are scores leaves nothing out at two terms."""
    rng = np.random.default_rng(0)
    truth = rng.normal(size=60)
    noise = rng.normal(size=(6, 60))
    table = pd.DataFrame((truth + noise).T, columns=list("abcdef"))

    def quality(names):
        total = table[list(names)].rank().sum(axis=1)
        parts = [slice(None), *(np.argsort(-truth)[: round(f * 60)] for f in (0.1, 0.2, 0.3))]
        each = [spearmanr(total.to_numpy()[p], truth[p]).statistic for p in parts]
        return np.dot([0.7, 0.1, 0.1, 0.1], each)

    found = search(table, truth, terms=2, beam=6)
    assert found[0] == (max("abcdef", key=quality),)
    assert found[1] == max(itertools.combinations("abcdef", 2), key=quality)


def test_the_table_reports_held_out_architectures(folder, data_file):
    truth = data_file(TRUTH)
    config = RankingConfig((folder,), (truth,), terms=2, beam=3, halves=2, resamples=20)
    choice, table = report(config)
    assert len(choice["chosen"]) <= 2
    assert len(choice["lengths"]) == 2
    scores = candidates([ntknas.Run(folder)])
    accuracy = ntknas.load_truth(truth).wide("cifar10")["pgd_8"]
    held_out = [i for i in scores.index if not in_development(i)]
    assert choice["development"]["n"] == len(scores) - len(held_out)
    row = table.query("ranking == 'params' and dataset == 'cifar10' and metric == 'pgd_8'").iloc[0]
    expected = spearmanr(scores.loc[held_out, "params"], accuracy[held_out].round(6)).statistic
    assert row["all"] == pytest.approx(expected)
    assert row["all_low"] < row["all"] < row["all_high"]
    assert row["n"] == len(held_out)
    assert row["best"] + row["regret"] == pytest.approx(accuracy[held_out].max())
    chosen = table[table["ranking"] == "+".join(choice["chosen"])]
    assert set(chosen["dataset"]) == {"cifar10", "cifar100", "imagenet16"}


@pytest.mark.parametrize(
    ("options", "complaint"),
    [(["--metric", "banana"], "banana"), (["--truth", "missing.json"], "missing.json")],
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
