"""A run held against published accuracies; the Gram matrices are made up."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import ntknas
from ntknas.errors import InputError
from ntknas.evaluation import correlate, scatter_frame, score_table, true_values
from ntknas.scores import RankSum
from ntknas.spaces import Architecture, architectures
from ntknas.truth import Truth, load_truth, truth_from_frame
from ntknas.truth.table import tidy
from tests.evaluation.conftest import MEMBER


def spearman(scores, accuracy):
    return stats.spearmanr(scores.rank(), accuracy).statistic


def test_a_correlation_by_hand(run, truth):
    table = correlate(run, truth, names=["cond@robust:8/255"], metrics=["pgd_8"], resamples=0)
    scores = -run.scores()["cond@robust:8/255"]
    scores[MEMBER] = -np.inf
    values = [round(truth.value(i, "cifar10", "pgd_8"), 6) for i in scores.index]
    row = table.set_index("score").loc["cond@robust:8/255"]
    assert row["spearman"] == pytest.approx(spearman(scores, values), abs=1e-12)
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
    assert row["spearman"] == pytest.approx(spearman(sums, values))
    assert row["direction"] == -1


def test_a_minus_sign_turns_a_score_round(run, truth):
    scores = run.scores().drop(MEMBER)
    turned_sum = RankSum.parse("-cond@clean-params")
    names: list[str | RankSum] = ["params", "-params", turned_sum, "cond@clean+params"]
    table = correlate(scores, truth, names=names, dataset="cifar10", metrics=["pgd_8"], resamples=0)
    found = table.set_index("score")["spearman"]
    assert list(found.index) == [*map(str, names), "flops"]
    assert found["-params"] == pytest.approx(-found["params"])
    assert found["-cond@clean-params"] == pytest.approx(-found["cond@clean+params"])
    mixed = correlate(
        scores, truth, names=["cond@clean-params"], dataset="cifar10", metrics=["pgd_8"]
    ).set_index("score")
    sums = -(scores["cond@clean"].rank() + scores["params"].rank())
    values = [round(truth.value(i, "cifar10", "pgd_8"), 6) for i in scores.index]
    assert mixed["spearman"]["cond@clean-params"] == pytest.approx(spearman(sums, values))


def test_constant_networks_are_last_except_in_counts(run, truth):
    # MEMBER has few parameters; here it has many, so that it matters whether they count.
    counts = pd.Series(np.roll(np.arange(31.0), 1 + run.ids.index(MEMBER)), index=run.ids)
    assert counts.idxmax() == MEMBER
    scores = run.scores().assign(params=counts, flops=counts)
    values = [round(truth.value(i, "cifar10", "pgd_8"), 6) for i in scores.index]
    cond = scores["cond@clean"].copy()
    cond[MEMBER] = -np.inf
    last = counts.copy()
    last[MEMBER] = -np.inf
    expected = {
        "-cond@clean": spearman(cond, values),
        "live_params": spearman(scores["live_params"].where(scores.index != MEMBER, -9), values),
        "params+flops": spearman(counts, values),
        "params": spearman(counts, values),
        "flops": spearman(counts, values),
    }
    names = ["-cond@clean", "live_params", "params+flops"]
    table = correlate(scores, truth, names=names, dataset="cifar10", metrics=["pgd_8"], resamples=0)
    assert table.set_index("score")["spearman"].to_dict() == pytest.approx(expected)
    assert expected["params"] != pytest.approx(spearman(last, values))


def test_sizes_are_added_to_a_frame_without_them(truth):
    scores = pd.DataFrame({"cond@clean": [3.0, 1.0, 2.0]}, index=[0, 1, 2])
    options: dict[str, Any] = {"dataset": "cifar10", "metrics": ["clean"], "resamples": 0}
    table = correlate(scores, truth, space="nasbench201", **options)
    assert table["score"].tolist() == ["cond@clean", "params", "flops"]
    # Of architectures of one's own nothing is known but what the frame says.
    assert correlate(scores, truth, **options)["score"].tolist() == ["cond@clean"]


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
        ({"combine": ["cond@clean-cond@clean"]}, "one sign"),
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


def test_true_values_are_those_of_representatives(run, truth):
    rows = true_values(truth, "cifar100", score_table(run))
    assert set(rows["architecture"]) == set(run.ids)
    assert rows["metric"].unique().tolist() == ["clean"]
    assert rows.set_index("architecture")["value"][MEMBER] == 0.1


def own_truth(run, **columns):
    """Accuracies of a run of one's own."""
    values = {"accuracy": [0.5 + 0.01 * ((7 * i) % 12) for i in range(12)]} | columns
    return truth_from_frame(pd.DataFrame(values, index=run.ids))


def test_architectures_and_truth_of_ones_own(texts):
    truth = own_truth(texts, robust=np.arange(12.0))
    table = ntknas.correlate(texts, truth, names=["cond@clean"], resamples=10)
    assert table[["score", "metric"]].to_numpy().tolist() == [
        *(["cond@clean", "accuracy"], ["cond@clean", "robust"]),
        *(["params", "accuracy"], ["params", "robust"]),
    ]
    assert (table["n"] == 12).all()
    scores = texts.scores()
    accuracy = truth.wide("cifar10")["accuracy"]
    row = table.iloc[0]
    assert row["spearman"] == pytest.approx(spearman(-scores["cond@clean"], accuracy))
    assert row["spearman_low"] <= row["spearman"] <= row["spearman_high"]
    for other in (scores, scores.sample(frac=1, random_state=0)):
        again = correlate(other, truth, names=["cond@clean"], resamples=10)
        pd.testing.assert_frame_equal(again, table)


def test_a_truth_of_ones_own_with_data_sets(texts):
    halves = own_truth(texts, dataset=["cifar10"] * 6 + ["svhn"] * 6)
    assert set(correlate(texts, halves, resamples=0)["dataset"]) == {"cifar10"}
    table = correlate(texts, halves, dataset="svhn", names=["params"], resamples=0)
    assert (table["dataset"][0], table["n"][0]) == ("svhn", 6)
    with pytest.raises(InputError, match="data set of the frame: cifar10, svhn; got 'mnist'"):
        correlate(texts, halves, dataset="mnist")


def test_labels_of_another_kind_are_not_matched(texts):
    numbers = truth_from_frame(pd.DataFrame({"accuracy": [0.1, 0.2]}, index=[0, 1]))
    with pytest.raises(InputError, match="none of the 12 architectures is in the frame"):
        correlate(texts, numbers)


def test_a_truth_of_ones_own_for_cells(run):
    """Ids of NAS-Bench-201 in a table of one's own: each stands for itself."""
    truth = truth_from_frame(pd.DataFrame({"accuracy": np.linspace(0, 1, 31)}, index=run.ids))
    table = correlate(run, truth, names=["live_params"], resamples=0)
    assert table["score"].tolist() == ["live_params", "params", "flops"]
    expected = spearman(run.scores()["params"], np.linspace(0, 1, 31))
    assert table["spearman"][1] == pytest.approx(expected)


def test_scatter_is_of_the_same_pairs(run, truth):
    names = ["cond@clean", "cond@clean-params"]
    table = correlate(
        *(run, truth), names=names, combine=["default"], metrics=["pgd_8"], resamples=0
    )
    frame = scatter_frame(run, truth, table)
    assert list(frame["score"].unique()) == [*names, "default", "params"]  # flops rank as params
    scores = run.scores()
    cond = frame[frame["score"] == "cond@clean"]
    assert cond["value"].to_dict() == scores["cond@clean"].to_dict()
    for label, (_, row) in zip(cond.index.tolist(), cond.iterrows(), strict=True):
        assert row["accuracy"] == truth.value(label, "cifar10", "pgd_8")
        string = Architecture.from_id(label).string
        assert row["convolutions_3x3"] == string.count("nor_conv_3x3")
    rho = table.set_index("score")["spearman"]["cond@clean"]
    assert set(cond["note"]) == {f"Spearman {rho:.3f}"}
    better = frame.groupby("score")["better"].first().to_dict()
    assert better == dict.fromkeys([*names, "default"], "lower") | {"params": "higher"}


def test_scatter_of_ones_own(texts):
    truth = own_truth(texts)
    for scores in (texts, texts.scores()[["cond@clean", "params"]]):
        table = correlate(scores, truth, names=["cond@clean"], resamples=0)
        frame = scatter_frame(scores, truth, table)
        assert list(frame["score"].unique()) == ["cond@clean", "params"]
        assert (frame["convolutions_3x3"] == 0).all()
        assert frame.loc["net_03", "accuracy"].tolist() == [0.59] * 2


def test_number_of_parameters_ranks_as_published(data_file):
    """FACTS of the published table: Spearman .820 with PGD-8 over all 6,466."""
    truth = load_truth(data_file("robbench/NAS-RobBench-201_html.json"))
    chosen = architectures("all")
    scores = pd.DataFrame({"params": 0.0}, index=[a.id for a in chosen])
    scores["params"] = [ntknas.spaces.nasbench201.num_parameters(a) for a in chosen]
    table = correlate(scores, truth, dataset="cifar10", metrics=["pgd_8"], resamples=0)
    assert table.set_index("score")["spearman"]["params"] == pytest.approx(0.820, abs=5e-4)
