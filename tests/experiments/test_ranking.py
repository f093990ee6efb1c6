"""The search for a ranking: what it chooses from, on which architectures, and what it reports."""

import numpy as np
import pytest
from scipy.stats import spearmanr

import ntknas
from experiments.ranking import RankingConfig, candidates, in_development, run
from ntknas.architecture.space import representatives
from ntknas.kernel import Batch
from ntknas.network import Norm


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ranking") / "tiny"
    network = ntknas.NetworkSpec(channels=4, cells=1, norm=Norm.IMAGE)
    spec = ntknas.ScoringSpec(batch_size=6, kernels=(Batch.CLEAN,), network=network)
    ntknas.score("random:60", out=folder, spec=spec)
    return folder


def test_the_development_part_is_a_fifth_of_the_classes():
    share = np.mean([in_development(index) for index in set(representatives())])
    assert share == pytest.approx(0.2, abs=0.02)


def test_candidates_are_turned_and_constant_networks_last(folder):
    run_ = ntknas.Run(folder)
    table = candidates([run_])
    scores = run_.scores()
    cond = -scores.loc[table.index, "cond@clean"]
    finite = np.isfinite(table["tiny/cond@clean"])
    assert (table["tiny/cond@clean"][finite] == cond[finite]).all()
    constant = [i for i in table.index if ntknas.Architecture.from_id(i).is_constant]
    assert not finite[constant].any()
    assert "params" in table
    assert not table.isna().any(axis=None)
    assert not table.rank().T.duplicated().any()


def test_the_table_reports_held_out_architectures(folder, data_file):
    truth = data_file("robbench/NAS-RobBench-201_html.json")
    config = RankingConfig((folder,), truth, terms=2, beam=3, top_fraction=0.3, resamples=20)
    table = run(config, report=3)
    assert table["terms"].max() == 2
    assert (table["ranking"] == "params").any()
    scores = candidates([ntknas.Run(folder)])
    accuracy = ntknas.load_truth(truth).wide("cifar10")["pgd_8"]
    common = scores.index.intersection(accuracy.dropna().index)
    held_out = [i for i in common if not in_development(i)]
    row = table.query("ranking == 'params'").iloc[0]
    expected = spearmanr(scores.loc[held_out, "params"], accuracy[held_out].round(6)).statistic
    assert row["held_out"] == pytest.approx(expected)
    assert row["n"] == len(held_out)
    assert row["best"] + row["regret"] == pytest.approx(accuracy[held_out].max())
    # The search's own objective: no single score is better on the development part.
    mean = table[["development", "development_top"]].mean(axis=1)
    assert mean.iloc[0] == mean.max()
