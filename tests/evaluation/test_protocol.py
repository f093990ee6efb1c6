"""The protocol: what it chooses on, what it holds the choice against, and its figures."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from ntknas.errors import InputError
from ntknas.evaluation import (
    FIFTHS,
    Aim,
    agreement,
    confirm,
    formula,
    in_development,
    protocol,
    rank_sum,
    search_ranking,
)
from ntknas.truth import Truth, truth_from_frame
from ntknas.truth.table import tidy

HOW = {"terms": 2, "beam": 3, "halves": 2}
AIM = Aim("made_up", metrics=("pgd_8", "fgsm_8"))


@pytest.fixture(scope="module")
def made_up():
    """200 labels, four candidates with noise, and accuracies of two data sets."""
    rng = np.random.default_rng(0)
    index = list(range(200))
    quality = rng.uniform(size=200)
    noise = dict(zip("abcd", (0.1, 0.2, 0.4, 2.0), strict=True))
    table = pd.DataFrame(
        {name: quality + size * rng.normal(size=200) for name, size in noise.items()}, index=index
    )
    values = {
        (dataset, metric): dict(
            zip(index, 0.2 + 0.5 * quality + 0.02 * rng.normal(size=200), strict=True)
        )
        for dataset in ("cifar10", "cifar100")
        for metric in ("clean", "pgd_8", "fgsm_8")
    }
    members = {i: i for i in index}
    return table, {"made_up": Truth("made here", Path("made_up.json"), tidy(values), members)}


def test_agreement_by_scipy(made_up):
    table, truths = made_up
    truth = truths["made_up"].wide("cifar10")["pgd_8"].round(6)
    row = agreement(table["a"], truth.drop(index=[0, 1]), resamples=50)
    scores, values = table["a"].drop(index=[0, 1]).to_numpy(), truth.drop(index=[0, 1]).to_numpy()
    assert row["n"] == 198
    assert row["all"] == pytest.approx(spearmanr(scores, values).statistic)
    top = np.argsort(-values)[:20]
    assert row["top"] == pytest.approx(spearmanr(scores[top], values[top]).statistic)
    assert row["all_low"] < row["all"] < row["all_high"]
    for k in (1, 5, 10):
        best = values[np.argsort(-scores)[:k]].max()
        assert row[f"regret_{k}"] == pytest.approx(values.max() - best)
    with pytest.raises(InputError, match="20 architectures or more with accuracies, got 5"):
        agreement(table["a"].head(5), truth)


def test_draws_without_a_score_of_the_ranking_are_left_out(made_up):
    table, truths = made_up
    draws = [table, table.drop(columns="a"), -table]
    rows = confirm(["a", "b"], table, truths, AIM, draws=draws, resamples=10)
    assert rows["check"].head(4).tolist() == ["held out", "draw 0", "draw 2", "other accuracies"]
    rows = confirm(["a"], table, truths, AIM, draws=draws[:2], resamples=10)
    assert "draw 0" not in rows["check"].tolist()
    rows = confirm(["-a"], table, truths, AIM, draws=draws, resamples=10)
    assert rows["check"].head(4).tolist() == ["held out", "draw 0", "draw 2", "other accuracies"]


def test_each_fifth_is_chosen_on_once(made_up):
    table, truths = made_up
    chosen, rows = protocol(table, truths, AIM, draws=[table, -table], resamples=10, **HOW)
    wide = truths["made_up"].wide("cifar10")
    aimed_at = wide[["pgd_8", "fgsm_8"]].round(6).rank(pct=True).mean(axis=1)
    assert chosen.chosen == search_ranking(table, aimed_at, **HOW).chosen
    checks = ["held out", "draw 0", "draw 1", *(f"chosen on fifth {k}" for k in range(1, FIFTHS))]
    assert rows["check"].tolist() == [*checks, *["other accuracies"] * 5]
    by_check = rows.set_index("check")
    assert by_check["all"].loc[["draw 0", "draw 1"]].gt(0).tolist() == [True, False]
    for k in range(1, FIFTHS):
        names = search_ranking(table, aimed_at, fifth=k, **HOW).chosen
        row = by_check.loc[f"chosen on fifth {k}"]
        kept = table[[not in_development(label, k) for label in table.index]]
        expected = agreement(rank_sum(kept, names), wide["pgd_8"], resamples=10)
        assert row["ranking"] == formula(names)
        assert {name: row[name] for name in expected} == pytest.approx(expected)
    parts = [sum(in_development(label, k) for label in table.index) for k in range(FIFTHS)]
    assert sum(parts) == len(table)


def test_the_fifth_that_was_chosen_on_is_left_out(made_up):
    table, truths = made_up
    whole = confirm(["a"], table, truths, AIM, fifth=None, resamples=10)
    assert set(whole["n"]) == {200}
    held_out = confirm(["a"], table, truths, AIM, resamples=10)
    assert set(held_out["n"]) == {sum(not in_development(label) for label in table.index)}


def test_a_floor_of_clean_accuracy(made_up):
    table, truths = made_up
    clean = truths["made_up"].wide("cifar10")["clean"]
    floor = float(clean.median())
    rows = confirm(["a"], table, truths, AIM._replace(floor=floor), fifth=None, resamples=10)
    # The floor is of the aim's data set, also where another one is reported.
    assert set(rows["n"]) == {int((clean >= floor).sum())}


def test_architectures_below_the_floor_come_last(made_up):
    table, truths = made_up
    wide = truths["made_up"].wide("cifar10")
    floor = float(wide["clean"].median())
    aim = AIM._replace(floor=floor, below="last")
    row = confirm(["a"], table, truths, aim, fifth=None, resamples=10).iloc[0]
    expected = agreement(table["a"], wide["pgd_8"].where(wide["clean"] >= floor, 0.0), resamples=10)
    assert row["n"] == len(table)
    assert {name: row[name] for name in expected} == pytest.approx(expected)


def test_a_floor_needs_clean_accuracies(made_up):
    table, truths = made_up
    values = truths["made_up"].wide("cifar10")["pgd_8"]
    own = {"own": truth_from_frame(pd.DataFrame({"pgd_8": values}))}
    aim = Aim("own", own["own"].datasets[0], ("pgd_8",), floor=0.5)
    with pytest.raises(InputError, match="the metric clean in own, .* got pgd_8"):
        confirm(["a"], table, own, aim, resamples=10)


def test_signs_and_formulas():
    table = pd.DataFrame({"a": [3.0, 1.0, 2.0, -np.inf], "b": [1.0, 2.0, 3.0, -np.inf]})
    assert rank_sum(table, ["a", "-b"]).tolist() == [8.0, 5.0, 5.0, 2.0]  # the last one stays last
    assert formula(["-a", "b", "-c"]) == "-a+b-c"
    with pytest.raises(InputError, match="scores among a, b, got -c"):
        rank_sum(table, ["a", "-c"])


@pytest.mark.parametrize(
    ("aim", "complaint"),
    [
        (Aim("made_up", "cifar1"), "a data set of cifar10, cifar100, got 'cifar1'"),
        (Aim("made_up", metrics=("banana",)), "a metric of .*, got 'banana'"),
    ],
)
def test_aims_that_are_refused(made_up, aim, complaint):
    with pytest.raises(InputError, match=complaint):
        protocol(made_up[0], made_up[1], aim, resamples=10, terms=1, beam=1, halves=2)
