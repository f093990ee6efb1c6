"""The table of correlations: published facts, hand values, invariances, subsets and refusals."""

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ntknas.errors import InputError
from ntknas.ranking import bootstrap, correlation_table, correlations, rank

CONSTANTS = [10, 12, 74, 172, 879]


def tidy(values):
    """Truth from a frame of architectures by `dataset#metric`."""
    table = values.rename_axis("architecture").melt(ignore_index=False, value_name="value")
    names = table.pop("variable").str.split("#", expand=True)
    return table.assign(dataset=names[0], metric=names[1]).reset_index()


def small(n=40, seed=0):
    """Scores and a truth of n architectures; the columns are the truth with more or less noise."""
    rng = np.random.default_rng(seed)
    ids = pd.Index(rng.permutation(500)[:n], name="architecture")
    good, noise = rng.normal(size=(2, n))
    scores = pd.DataFrame({"cond": -good - noise, "lambda_min": good + 0.3 * noise}, index=ids)
    truth = tidy(pd.DataFrame({"cifar10#clean": good, "cifar10#pgd": np.round(good)}, index=ids))
    return scores, {"cond": -1, "lambda_min": 1}, truth


def published(path):
    """The table of adversarially trained networks, and the op codes of all architectures."""
    table = json.loads(path("robbench/NAS-RobBench-201_html.json").read_text()[len("acc=") :])
    codes = json.loads(path("robbench/ops.json").read_text()[len("arch=") :])
    labels = table.pop("")
    rows = {int(key): value for key, value in table.items() if isinstance(value, list)}
    return pd.DataFrame.from_dict(rows, orient="index", columns=labels), codes


def test_published_correlations_of_the_benchmark(data_file):
    values, _ = published(data_file)
    scores = values[["cifar10#val_fgsm_8_acc", "cifar10#val_acc", "cifar100#val_pgd_8_acc"]]
    table = correlation_table(
        scores,
        dict.fromkeys(scores, 1),
        tidy(values[["cifar10#val_pgd_8_acc", "imagenet#val_pgd_8_acc"]]),
        resamples=0,
    ).set_index(["score", "dataset"])
    assert (table["n"] == 6466).all()
    spearman = table["spearman"].round(3)
    assert spearman["cifar10#val_fgsm_8_acc", "cifar10"] == 0.998
    assert spearman["cifar10#val_acc", "cifar10"] == 0.985
    assert spearman["cifar100#val_pgd_8_acc", "cifar10"] == 0.988


def test_number_of_parameters_is_the_baseline(data_file):
    values, codes = published(data_file)
    # Parameters of the convolutions of 5 cells at 16, 32 and 64 channels, batch norm included; the
    # rest of the network is the same for all.
    cost = {"2": sum(5 * (c * c + 2 * c) for c in (16, 32, 64))}
    cost["3"] = sum(5 * (9 * c * c + 2 * c) for c in (16, 32, 64))
    params = [sum(cost.get(op, 0) for op in codes[i]) for i in values.index]
    scores = pd.DataFrame({"params": params}, index=values.index)
    metrics = ["val_acc", "val_fgsm_8_acc", "val_pgd_3_acc", "val_pgd_8_acc", "autoattack"]
    table = correlation_table(
        scores,
        {"params": 1},
        tidy(values),
        datasets=["cifar10"],
        metrics=metrics,
        top_fraction=0.1,
        resamples=20,
        worst=CONSTANTS,
    )
    whole = table[table["subset"] == "all"].set_index("metric")
    assert whole["spearman"][metrics].round(3).tolist() == [0.778, 0.813, 0.797, 0.820, 0.814]
    best = table[table["subset"] == "top 10%"].set_index("metric")
    assert best["spearman"]["val_pgd_8_acc"].round(3) == 0.394
    assert best["n"].between(647, 650).all()
    assert (table["spearman_low"] < table["spearman"]).all()
    assert (table["spearman"] < table["spearman_high"]).all()


def test_rows_hold_points_and_intervals():
    scores, directions, truth = small()
    table = correlation_table(scores, directions, truth, resamples=50, seed=7)
    assert table.columns.tolist() == [
        *("score", "dataset", "metric", "subset", "n", "coverage"),
        *("spearman", "spearman_low", "spearman_high"),
        *("kendall", "kendall_low", "kendall_high"),
        *("weighted_kendall", "weighted_kendall_low", "weighted_kendall_high"),
        *("direction", "resamples", "seed"),
    ]
    assert table[["score", "metric"]].to_numpy().tolist() == [
        ["cond", "clean"],
        ["cond", "pgd"],
        ["lambda_min", "clean"],
        ["lambda_min", "pgd"],
    ]
    known = truth[truth["metric"] == "pgd"].set_index("architecture")["value"].sort_index()
    score = -scores["cond"].sort_index()
    row = table.iloc[1]
    expected = bootstrap(score, known, resamples=50, seed=7)
    for name, value in correlations(score, known)._asdict().items():
        interval = getattr(expected, name)
        assert (row[name], row[f"{name}_low"], row[f"{name}_high"]) == (value, *interval)
    assert row[["n", "coverage", "direction", "resamples", "seed"]].tolist() == [40, 1, -1, 50, 7]


def test_good_scores_correlate_positively_and_directions_flip_the_sign():
    scores, directions, truth = small()
    table = correlation_table(scores, directions, truth, resamples=0)
    assert (table["spearman"] > 0.4).all()
    flipped = correlation_table(scores, {k: -v for k, v in directions.items()}, truth, resamples=0)
    for name in ("spearman", "kendall"):
        np.testing.assert_allclose(flipped[name], -table[name])


def test_order_of_input_and_monotone_maps_do_not_matter():
    scores, directions, truth = small()
    options: dict[str, Any] = {"top_fraction": 0.5, "resamples": 30}
    expected = correlation_table(scores, directions, truth, **options)
    mapped = np.exp(scores.sample(frac=1, random_state=0))
    pd.testing.assert_frame_equal(
        correlation_table(mapped, directions, truth, **options), expected, rtol=1e-12
    )
    halves = [truth[truth["metric"] == name] for name in ("clean", "pgd")]
    shuffled = pd.concat([half.sample(frac=1, random_state=0) for half in halves])
    pd.testing.assert_frame_equal(
        correlation_table(scores, directions, shuffled, **options), expected, rtol=1e-12
    )


def test_missing_scores_and_truth_lower_n_and_coverage():
    scores, directions, truth = small()
    scores.iloc[:4, 0] = np.nan
    truth = truth.drop(truth.index[[38, 39]])  # of the metric "clean"
    table = correlation_table(scores, directions, truth, resamples=10).set_index(
        ["score", "metric"]
    )
    assert table["n"].tolist() == [34, 36, 38, 40]
    assert table["coverage"].tolist() == [0.85, 0.9, 0.95, 1]
    assert table[["spearman", "spearman_low"]].notna().all(axis=None)


def test_a_score_of_nobody_is_an_empty_row():
    scores, directions, truth = small()
    table = correlation_table(
        scores.assign(cond=np.nan), directions, truth, resamples=10, top_fraction=0.2
    )
    empty = table[table["score"] == "cond"]
    assert (empty["n"] == 0).all()
    assert (empty["coverage"] == 0).all()
    assert empty[["spearman", "kendall_low", "weighted_kendall_high"]].isna().all(axis=None)


def test_constant_networks_are_last():
    ids = pd.Index([1, 2, 3, 4, 5], name="architecture")
    scores = pd.DataFrame(
        {"cond": [2.0, 3.0, 4.0, np.nan, 1.0], "params": [5, 4, 3, 2, 1]}, index=ids
    )
    truth = tidy(pd.DataFrame({"cifar10#clean": [0.9, 0.8, 0.7, 0.1, 0.1]}, index=ids))
    directions = {"cond": -1, "params": 1}
    plain = correlation_table(scores, directions, truth, resamples=0).set_index("score")
    assert plain["n"].to_dict() == {"cond": 4, "params": 5}
    table = correlation_table(scores, directions, truth, resamples=0, worst=[4, 5, 77])
    table = table.set_index("score")
    assert table["n"].to_dict() == {"cond": 5, "params": 5}
    assert table["spearman"]["cond"] == pytest.approx(1)
    assert table["spearman"]["params"] == plain["spearman"]["params"] < 1


def test_top_fraction_includes_ties_at_the_edge():
    ids = pd.Index(range(30), name="architecture")
    values = np.r_[np.arange(20.0), [30.0] * 6, [40.0, 41.0, 42.0, 43.0]]
    scores = pd.DataFrame({"lambda_min": values}, index=ids)
    truth = tidy(pd.DataFrame({"cifar10#clean": values}, index=ids))
    for fraction, n, label in [(0.1, 3, "top 10%"), (0.2, 10, "top 20%"), (0.125, 4, "top 12.5%")]:
        table = correlation_table(
            scores, {"lambda_min": 1}, truth, resamples=0, top_fraction=fraction
        )
        assert table["subset"].tolist() == ["all", label]
        assert table["n"].tolist() == [30, n]


def test_top_fraction_is_the_same_for_every_score():
    scores, directions, truth = small()
    clean = truth[truth["metric"] == "clean"].set_index("architecture")["value"]
    scores.loc[clean.nlargest(8).index[:3], "cond"] = np.nan
    table = correlation_table(scores, directions, truth, metrics=["clean"], top_fraction=0.2)
    best = table[table["subset"] == "top 20%"].set_index("score")
    assert best["n"].to_dict() == {"cond": 5, "lambda_min": 8}
    assert best["coverage"].to_dict() == {"cond": 5 / 8, "lambda_min": 1}


def test_progress():
    scores, directions, truth = small()
    calls = []
    correlation_table(
        scores,
        directions,
        truth,
        resamples=0,
        on_pair=lambda done, total: calls.append((done, total)),
    )
    assert calls == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_pairs_that_the_truth_lacks_are_not_listed():
    scores, directions, truth = small()
    other = truth[truth["metric"] == "pgd"].assign(dataset="imagenet")
    table = correlation_table(scores, directions, pd.concat([truth, other]), resamples=0)
    assert table[["dataset", "metric"]].drop_duplicates().to_numpy().tolist() == [
        ["cifar10", "clean"],
        ["cifar10", "pgd"],
        ["imagenet", "pgd"],
    ]
    with pytest.raises(InputError, match="unknown metric clean; available: pgd"):
        correlation_table(
            scores,
            directions,
            pd.concat([truth, other]),
            datasets=["imagenet"],
            metrics=["clean"],
        )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scores": pd.DataFrame()}, "got 0 architectures"),
        ({"directions": {"cond": -1}}, "direction .* 'lambda_min', got none"),
        ({"datasets": ["svhn"]}, "unknown dataset svhn; available: cifar10"),
        ({"metrics": ["pgd", "aa"]}, "unknown metric aa; available: clean, pgd"),
        ({"top_fraction": 10.0}, "between 0 and 1, got 10.0"),
        ({"resamples": -1}, "got -1"),
    ],
)
def test_refuses(change, message):
    scores, directions, truth = small()
    arguments = {"scores": scores, "directions": directions, "truth": truth} | change
    with pytest.raises(InputError, match=message):
        correlation_table(**arguments)


def test_refuses_unusable_truth():
    scores, directions, truth = small()
    with pytest.raises(InputError, match="none named value"):
        correlation_table(scores, directions, truth.drop(columns="value"))
    for nothing in (truth.iloc[:0], truth.assign(value=np.nan)):
        with pytest.raises(InputError, match="true values of the datasets and metrics asked for"):
            correlation_table(scores, directions, nothing)
    with pytest.raises(InputError, match="one true value of each kind, got two of"):
        correlation_table(scores, directions, pd.concat([truth, truth.iloc[:1]]))
    with pytest.raises(InputError, match=r"got 40 of which none is: scored 1000, .* 1, .*, \.\.\."):
        correlation_table(
            scores.set_axis(range(1000, 1040)),
            directions,
            truth.assign(architecture=[*range(1, 41)] * 2),
        )


def test_labels_may_be_texts():
    scores, directions, truth = small()
    expected = correlation_table(scores, directions, truth, resamples=20, worst=[scores.index[0]])
    # As long as the order of labels is that of the numbers, resamples are the same.
    texts = {label: f"cell{label:03d}" for label in scores.index}
    found = correlation_table(
        scores.rename(texts),
        directions,
        truth.assign(architecture=truth["architecture"].map(texts)),
        resamples=20,
        worst=[texts[scores.index[0]]],
    )
    pd.testing.assert_frame_equal(found, expected)
    with pytest.raises(InputError, match="none is: scored cell.*; true values of elsewhere$"):
        correlation_table(
            scores.rename(texts), directions, truth.iloc[:1].assign(architecture="elsewhere")
        )


def test_refuses_a_single_architecture():
    scores, directions, truth = small()
    with pytest.raises(InputError, match="^correlation needs at least 2 architectures, got 1$"):
        correlation_table(scores.iloc[:1], directions, truth)


def test_ranks_of_rounding_are_undefined():
    """As of cosine_lambda_min of one image, which is 1 by definition."""
    rng = np.random.default_rng(0)
    labels = range(20)
    scores = pd.DataFrame(
        {
            "one": 1 + 3e-8 * rng.normal(size=20),
            "large": 1e9 * (1 + 3e-8 * rng.normal(size=20)),
            "zero": np.zeros(20),
            "real": 1 + 1e-3 * rng.normal(size=20),
        },
        index=labels,
    )
    truth = pd.DataFrame({"architecture": labels, "value": rng.uniform(size=20)})
    truth = truth.assign(dataset="cifar10", metric="clean")
    directions = dict.fromkeys(scores.columns, 1)
    for worst in ((), (3, 4)):  # constant networks rank last, which tells no others apart
        table = correlation_table(scores, directions, truth, worst=worst, resamples=20)
        table = table.set_index("score")
        assert table.loc[["one", "large", "zero"], ["spearman", "kendall"]].isna().all(None)
        assert table.loc["real", ["spearman", "kendall"]].notna().all()
    ranked = rank(scores, directions, ["one"], worst=[3])
    assert ranked["rank"].tolist() == [1] * 19 + [20]


@pytest.mark.parametrize("argument", ["metrics", "datasets"])
def test_a_text_in_place_of_a_list(argument):
    frame = pd.DataFrame({"cond": [1.0, 2.0]})
    truth = pd.DataFrame({"architecture": [0, 1], "value": [0.1, 0.2]})
    truth = truth.assign(dataset="cifar10", metric="pgd_8")
    with pytest.raises(InputError, match=rf"^expected a list of {argument}, such as \['pgd_8'\]"):
        correlation_table(frame, {"cond": 1}, truth, **dict[str, Any]({argument: "pgd_8"}))
