"""The search of a ranking: what it chooses from, on which architectures, and what it finds."""

import itertools
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import rankdata, spearmanr

from ntknas.errors import InputError
from ntknas.evaluation import (
    TOP_FRACTIONS,
    best_fraction,
    candidates,
    candidates_by_draw,
    in_development,
    quality,
    search_ranking,
    search_sums,
)
from ntknas.kernel import Batch
from ntknas.runs import ScoringSpec, load_precomputed
from ntknas.spaces import architectures
from ntknas.spaces.nasbench201.listing import representatives
from tests.evaluation.conftest import MEMBER
from tests.evaluation.made_up import IMAGES, make_run


def noisy(n=60, names="abcdef", labels=None, seed=0):
    """A truth of n architectures and candidates that are the truth with noise."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=n)
    noise = rng.normal(size=(len(names), n))
    index = range(n) if labels is None else labels
    table = pd.DataFrame((truth + noise).T, columns=list(names), index=index)
    return table, pd.Series(truth, index=index)


def by_hand(scores, truth):
    """Spearman over all and within the best tenth, fifth and three tenths, by scipy."""
    n = len(truth)
    parts = [slice(None), *(np.argsort(-truth)[: round(f * n)] for f in (0.1, 0.2, 0.3))]
    each = [spearmanr(scores[part], truth[part]).statistic for part in parts]
    return np.dot([0.6, 0.2, 0.1, 0.1], each)


def test_the_development_part_is_a_fifth_of_the_classes():
    share = np.mean([in_development(index) for index in set(representatives())])
    assert share == pytest.approx(0.2, abs=0.02)


def test_the_development_part_of_texts_is_fixed_too():
    chosen = [f"net_{i}" for i in range(1000) if in_development(f"net_{i}")]
    assert len(chosen) == pytest.approx(200, abs=40)
    assert in_development("7") == in_development(7)  # the hash is of what is written


def test_candidates_are_turned_and_constant_networks_last(run):
    table = candidates([run])
    scores = run.scores()
    cond = -scores.loc[table.index, "cond@clean"]
    finite = np.isfinite(table["cond@clean"])
    assert (table["cond@clean"][finite] == cond[finite]).all()
    assert table.index[~finite].tolist() == [MEMBER]
    assert np.isfinite(table["params"]).all()
    assert {"params", "pool_paths", "sphericity@clean"} <= set(table)
    assert not table.isna().any(axis=None)
    assert not table.rank().T.duplicated().any()
    assert (table.nunique() > 1).all()
    assert "flops" not in table  # ranks as params do


def test_scores_of_several_runs_have_the_runs_names(tmp_path, texts):
    spec = ScoringSpec(batch_size=IMAGES, batches=(Batch.CLEAN,))
    first = make_run(tmp_path / "first", architectures("random:12"), spec)
    twice = replace(spec, seeds=2)  # other kernels: scores that rank alike are dropped
    second = make_run(tmp_path / "second", architectures("random:16"), twice)
    table = candidates([first, second])
    assert table.index.tolist() == first.ids
    assert {"first/cond@clean", "second/cond@clean"} <= set(table)
    assert "cond@clean" not in table
    assert list(table.columns).count("depth") == 1
    of_kernels = [name for name in map(str, table) if "@" in name]
    assert {name.split("/")[0] for name in of_kernels} == {"first", "second"}
    assert not any("/" in str(name) for name in table.columns.drop(of_kernels))  # counts are shared
    assert "cond@clean" in candidates([texts])
    assert len(candidates([first, texts])) == 0  # no architecture in common


def test_draws_of_the_precomputed_table_lack_proxies():
    table = load_precomputed()
    every = candidates([table])
    assert set(every) <= set(map(str, table.scores()))
    assert {"snip", "cond@clean"} <= set(every)
    draws = candidates_by_draw([table], ["cond@clean", "snip", "params"])
    assert [list(draw) for draw in draws] == [
        ["cond@clean", "snip", "params"],
        *[["cond@clean", "params"]] * 2,
    ]


def test_best_fraction():
    truth = np.array([0.1, 0.9, 0.5, 0.9, 0.3])
    assert best_fraction(truth, 0.6).tolist() == [1, 3, 2]
    assert best_fraction(truth, 0.01).tolist() == [1, 3]  # two at least


def test_quality_is_a_weighted_mean_of_correlations():
    table, truth = noisy()
    scores = table.to_numpy().T
    found = quality(scores, truth.to_numpy())
    np.testing.assert_allclose(found, [by_hand(row, truth.to_numpy()) for row in scores])
    np.testing.assert_allclose(quality(np.exp(scores), truth.to_numpy() ** 3), found)


def test_the_search_finds_the_best_pair():
    """A beam as wide as there are scores leaves nothing out at two terms."""
    table, truth = noisy()

    def of_sum(names):
        return by_hand(table[list(names)].rank().sum(axis=1).to_numpy(), truth.to_numpy())

    best = search_sums(table, truth.to_numpy(), terms=2, beam=6)
    assert best[0] == (max("abcdef", key=of_sum),)
    assert best[1] == max(itertools.combinations("abcdef", 2), key=of_sum)


def test_a_ranking_is_chosen_on_the_development_part_alone():
    table, accuracy = noisy(n=200)
    chosen = [label for label in table.index if in_development(label)]
    options = {"terms": 3, "beam": 4, "halves": 3}
    found = search_ranking(table, accuracy, **options)
    assert found.n == len(chosen)
    others = ~table.index.isin(chosen)
    spoilt, changed = table.copy(), accuracy.copy()
    spoilt.loc[others] = 0.0
    changed[others] = np.nan
    again = search_ranking(spoilt, changed, **options)
    assert again.chosen == found.chosen
    assert (again.spearman, again.spearman_top) == (found.spearman, found.spearman_top)
    pd.testing.assert_frame_equal(again.lengths, found.lengths)


def test_what_a_search_found():
    table, accuracy = noisy(n=200)
    found = search_ranking(table, accuracy, terms=4, beam=6, halves=5)
    part = table[[in_development(label) for label in table.index]]
    values = accuracy[part.index].round(6).to_numpy()
    assert found.of_length == search_sums(part, values, terms=4, beam=6)
    assert found.lengths.index.tolist() == [1, 2, 3, 4]
    assert found.chosen == found.of_length[int(found.lengths["mean"].argmax())]
    sums = part[list(found.chosen)].rank().sum(axis=1).to_numpy()
    assert found.spearman == pytest.approx(spearmanr(sums, values).statistic)
    top = np.argsort(-values)[: round(TOP_FRACTIONS[0] * len(values))]
    assert found.spearman_top == pytest.approx(spearmanr(sums[top], values[top]).statistic)


def test_lengths_are_judged_on_the_other_half():
    """One half alone has no standard error, and its mean can be computed by hand."""
    table, accuracy = noisy(n=200)
    found = search_ranking(table, accuracy, terms=1, beam=1, halves=1, seed=5)
    part = table[[in_development(label) for label in table.index]]
    values = accuracy[part.index].round(6).to_numpy()
    order = np.random.default_rng(5).permutation(len(values))
    chosen_on, judged_on = np.split(order, [len(order) // 2])
    first = part.iloc[chosen_on]
    name = max(table.columns, key=lambda c: by_hand(first[c].to_numpy(), values[chosen_on]))
    expected = by_hand(rankdata(part[name].iloc[judged_on]), values[judged_on])
    assert found.lengths["mean"].tolist() == pytest.approx([expected])
    assert found.lengths["error"].isna().all()


def test_labels_that_are_texts():
    labels = [f"net_{i}" for i in range(150)]
    table, accuracy = noisy(n=150, labels=labels)
    found = search_ranking(table, accuracy, terms=2, beam=3, halves=2)
    assert found.n == sum(map(in_development, labels))


@pytest.mark.parametrize("what", ["terms", "beam", "halves"])
def test_numbers_below_one(what):
    table, accuracy = noisy(n=150)
    with pytest.raises(InputError, match=f"expected {what} of 1 or more, got 0"):
        search_ranking(table, accuracy, **{what: 0})


def test_too_few_to_choose_on():
    table, accuracy = noisy(n=40)
    with pytest.raises(InputError, match="20 architectures or more to choose on, got"):
        search_ranking(table, accuracy)
