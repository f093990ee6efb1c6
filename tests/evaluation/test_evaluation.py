"""Ranking a run and holding it against published accuracies; the Gram matrices are made up."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ntknas.evaluation.evaluation import score_name
from scipy import stats

import ntknas
from ntknas.errors import InputError
from ntknas.evaluation import DEFAULT_RANKING, correlate, default_ranking, rank
from ntknas.kernel import Batch, JointGram
from ntknas.runs import Run, ScoringSpec
from ntknas.runs.run import score_records
from ntknas.runs.store import GramRecord, Store
from ntknas.spaces.nasbench201 import Architecture, architectures
from ntknas.truth import Truth, load_truth
from ntknas.truth.table import tidy

IMAGES = 6
MEMBER = 1651  # all none: constant, represented by 10


def make_run(folder, chosen, batches=tuple(Batch)):
    """A run whose Gram matrices are random."""
    rng = np.random.default_rng(0)
    spec = ScoringSpec(batch_size=IMAGES, kernels=kernels, rhos=(3 / 255, 8 / 255))
    labels = np.arange(IMAGES) % 3
    with Store.write(folder) as store:
        numbers = json.dumps(labels.tolist())
        store.begin({"spec": spec.to_json(), "dtype": "float32"}, [(0, numbers, numbers)])
        for architecture in chosen:
            grams = {}
            for rho in spec.rhos or (0.0,):
                rows = rng.normal(size=(len(kernels) * IMAGES, 40))
                grams[rho] = JointGram(rows @ rows.T, kernels)
            records = score_records(spec, 0, grams, labels, constant=architecture.is_constant)
            stored = [
                GramRecord(0, rho, blocks.gram.astype(np.float32)) for rho, blocks in grams.items()
            ]
            store.add(architecture.id, 0.1, stored, records)
    return Run(folder)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    chosen = [*architectures("random:30"), Architecture.from_id(MEMBER)]
    return make_run(tmp_path_factory.mktemp("evaluation") / "run", chosen)


@pytest.fixture(scope="module")
def truth(run):
    """Accuracies of the representatives of all architectures, with float32 noise in a tie."""
    ids = {Architecture.from_id(i).representative.id for i in range(15625)}
    rng = np.random.default_rng(1)
    pgd = dict(zip(sorted(ids), rng.uniform(0.2, 0.5, len(ids)), strict=True))
    pgd[10] = 0.1
    first, second = run.ids[:2]
    pgd[first], pgd[second] = 0.3, 0.3 + 1e-8
    clean = {i: value + 0.2 for i, value in pgd.items()}
    table = tidy({("cifar10", "clean"): clean, ("cifar10", "pgd_8"): pgd})
    table = pd.concat([table, tidy({("cifar100", "clean"): pgd})], ignore_index=True)
    members = {i: Architecture.from_id(i).representative.id for i in range(15625)}
    return Truth("made here", Path("made-here.json"), table, members)


def test_a_correlation_by_hand(run, truth):
    table = correlate(run, truth, names=["cond@robust:8/255"], metrics=["pgd_8"], resamples=0)
    scores = -run.scores()["cond@robust:8/255"]
    scores[MEMBER] = -np.inf
    values = [round(truth.value(i, "cifar10", "pgd_8"), 6) for i in scores.index]
    expected = stats.spearmanr(scores.rank(), values).statistic
    row = table.set_index("score").loc["cond@robust:8/255"]
    assert row["spearman"] == pytest.approx(expected, abs=1e-12)
    assert row["n"] == 31
    assert row["direction"] == -1


def test_truth_is_rounded_so_that_noise_is_a_tie(run, truth):
    pair = run.scores().loc[run.ids[:2]]
    table = correlate(pair, truth, dataset="cifar10", names=[], metrics=["pgd_8"], resamples=0)
    assert table["spearman"].isna().all()


def test_baselines_are_always_in_once(run, truth):
    table = correlate(run, truth, names=["params", "cond@clean"], metrics=["clean"], resamples=0)
    assert table["score"].tolist() == ["params", "cond@clean", "flops"]


def test_every_score_by_default(run, truth):
    table = correlate(run, truth, metrics=["clean"], resamples=0)
    assert table["score"].tolist() == list(run.scores().columns)


def test_dataset_is_the_runs_or_for_a_frame_all(run, truth):
    of_run = correlate(run, truth, names=["cond@clean"], resamples=0)
    of_frame = correlate(run.scores(), truth, names=["cond@clean"], resamples=0)
    assert set(of_run["dataset"]) == {"cifar10"}
    assert set(of_frame["dataset"]) == {"cifar10", "cifar100"}
    assert of_run["metric"].unique().tolist() == ["clean", "pgd_8"]


def test_combination_is_a_sum_of_ranks(run, truth):
    name = "cond@robust:0.0313725+params"
    table = correlate(run, truth, names=[], combine=[name], metrics=["pgd_8"], resamples=0)
    scores = run.scores()
    cond = scores["cond@robust:8/255"].copy()
    cond[MEMBER] = np.inf
    sums = -(cond.rank() + (-scores["params"]).rank())
    sums[MEMBER] = -np.inf
    values = [round(truth.value(i, "cifar10", "pgd_8"), 6) for i in scores.index]
    row = table.set_index("score").loc["cond@robust:8/255+params"]
    assert row["spearman"] == pytest.approx(stats.spearmanr(sums.rank(), values).statistic)
    assert row["direction"] == -1


def test_sizes_are_added_to_a_frame_without_them(truth):
    scores = pd.DataFrame({"cond@clean": [3.0, 1.0, 2.0]}, index=[0, 1, 2])
    table = correlate(scores, truth, dataset="cifar10", metrics=["clean"], resamples=0)
    assert table["score"].tolist() == ["cond@clean", "params", "flops"]


def test_reports_progress(run, truth):
    seen = []
    correlate(
        *(run, truth),
        names=["cond@clean"],
        metrics=["clean"],
        resamples=0,
        on_pair=lambda done, total: seen.append((done, total)),
    )
    assert seen == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"dataset": "imagenet16"}, "cifar10, cifar100"),
        ({"metrics": ["apgd"]}, "pgd_8"),
        ({"names": ["banana@clean"]}, "banana"),
        ({"names": ["cond@robust:5/255"]}, "robust:3/255"),
        ({"combine": ["cond@clean+banana"]}, "banana"),
        ({"names": ["cond@clean:0.5"]}, "cond@clean"),
        ({"top_fraction": 2.0}, "fraction"),
    ],
)
def test_refusals(run, truth, options, complaint):
    with pytest.raises(InputError, match=complaint):
        correlate(run, truth, **options)


def test_no_architecture_in_the_truth(run):
    truth = Truth("made here", Path("here.json"), tidy({("cifar10", "clean"): {5: 0.5}}), {5: 5})
    scores = run.scores().drop(index=5, errors="ignore")
    with pytest.raises(InputError, match=r"none of the \d+ architectures is in here.json"):
        correlate(scores, truth, dataset="cifar10")


def test_rank_by_default_and_by_one_score(run):
    table = rank(run)
    assert list(table.columns) == ["id", "architecture", "score", "rank"]
    assert table["id"].iloc[-1] == MEMBER
    assert sorted(table["id"]) == run.ids
    pd.testing.assert_frame_equal(rank(run, DEFAULT_RANKING), table)
    pd.testing.assert_frame_equal(rank(run, top=4), table.head(4))
    best = run.scores()["lambda_min@clean"].drop(MEMBER).idxmax()
    row = rank(run, "lambda_min@clean", top=1).iloc[0]
    assert (row["rank"], row["id"]) == (1, best)
    assert row["architecture"] == Architecture.from_id(best).string


def test_rank_refuses(run):
    with pytest.raises(InputError, match="at least 1"):
        rank(run, top=0)
    with pytest.raises(InputError, match="banana"):
        rank(run, "banana")


def test_default_ranking_without_a_clean_kernel(tmp_path):
    robust = make_run(tmp_path / "run", architectures("0,1"), batches=(Batch.ATTACKED,))
    expected = DEFAULT_RANKING.replace("@clean", "@robust:3/255")
    assert default_ranking(robust.scores()) == expected
    assert rank(robust)["rank"].tolist()[0] == 1


def test_no_condition_number_to_rank_by():
    with pytest.raises(InputError, match="lambda_min@clean"):
        rank(pd.DataFrame({"lambda_min@clean": [1.0, 2.0]}, index=[0, 1]))


def test_spellings_of_a_name(run):
    scores = run.scores()
    for text in ("cond@robust:8/255", "cond@robust:0.0313725", f"cond@robust:{8 / 255!r}"):
        assert score_name(text, scores) == "cond@robust:8/255"
    assert score_name("cond@mixed_clean:8/255:1/2", scores) == "cond@mixed_clean:8/255:0.5"


def test_public_names(run):
    assert (ntknas.rank, ntknas.correlate) == (rank, correlate)
    assert set(ntknas.__all__) <= set(dir(ntknas))
    for name in ntknas.__all__:
        assert getattr(ntknas, name).__doc__
    with pytest.raises(AttributeError, match="banana"):
        _ = ntknas.banana


def test_number_of_parameters_ranks_as_published(data_file):
    """FACTS of the published table: Spearman .820 with PGD-8 over all 6,466."""
    truth = load_truth(data_file("robbench/NAS-RobBench-201_html.json"))
    chosen = architectures("all")
    scores = pd.DataFrame({"params": 0.0}, index=[a.id for a in chosen])
    scores["params"] = [ntknas.spaces.nasbench201.num_parameters(a) for a in chosen]
    table = correlate(scores, truth, dataset="cifar10", metrics=["pgd_8"], resamples=0)
    assert table.set_index("score")["spearman"]["params"] == pytest.approx(0.820, abs=5e-4)
