"""Clean against robust ranks."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from ntknas.analysis import cell_truth, rank_agreement, rank_shifts
from ntknas.analysis.structures import structure_counts
from ntknas.errors import InputError
from ntknas.truth import truth_from_frame

IDS = list(range(0, 600, 5))


@pytest.fixture(scope="module")
def pair():
    rng = np.random.default_rng(3)
    clean = rng.random(len(IDS))
    robust = clean + 0.3 * rng.random(len(IDS))
    truth = truth_from_frame(pd.DataFrame({"clean": clean, "robust": robust}, index=IDS))
    return cell_truth(truth, "clean"), cell_truth(truth, "robust")


def test_agreement_over_all_and_among_the_best(pair):
    clean, robust = (cells.values[cells.trained] for cells in pair)
    table = rank_agreement(*pair, top_fraction=0.1, resamples=100)
    assert table["subset"].tolist() == ["all", "best 10% by clean", "best 10% by robust"]
    assert table["n"].tolist() == [120, 12, 12]
    assert table["spearman"][0] == pytest.approx(stats.spearmanr(clean, robust).statistic)
    best = [np.argsort(-values)[:12] for values in (clean, robust)]
    assert table["shared"].tolist() == [len(set(best[0]) & set(best[1])) / 12] * 3
    among = stats.spearmanr(clean[best[1]], robust[best[1]]).statistic
    assert table["spearman"][2] == pytest.approx(among)
    assert (table["spearman_low"] <= table["spearman"]).all()
    without = rank_agreement(*pair, resamples=0)
    assert without["spearman_low"].isna().all()


def test_shifts(pair):
    clean, robust = (cells.values[cells.trained] for cells in pair)
    table = rank_shifts(*pair).set_index("count")
    gain = stats.rankdata(robust) - stats.rankdata(clean)
    pools = [structure_counts(index)["pools"] for index in pair[0].trained.tolist()]
    row = table.loc["pools"]
    assert row["clean"] == pytest.approx(stats.spearmanr(pools, clean).statistic)
    assert row["gain"] == pytest.approx(stats.spearmanr(pools, gain).statistic)
    assert row["gain_low"] < row["gain"] < row["gain_high"]


def test_the_interval_of_a_shift_covers():
    """Between a count and noise the correlation is zero."""
    rng = np.random.default_rng(4)
    frame = pd.DataFrame(rng.random((len(IDS), 40)), index=IDS).add_prefix("m")
    truth = truth_from_frame(frame)
    cells = [cell_truth(truth, str(name)) for name in frame]
    rows = [rank_shifts(*pair).iloc[0] for pair in zip(cells[::2], cells[1::2], strict=True)]
    covered = sum(row["gain_low"] <= 0 <= row["gain_high"] for row in rows)
    assert covered >= 0.8 * len(rows)


def test_networks_with_one_of_the_two_are_left_out(pair):
    few = truth_from_frame(pd.DataFrame({"robust": np.arange(12.0)}, index=IDS[:12]))
    both = rank_agreement(pair[0], cell_truth(few, "robust"), resamples=0)
    assert both["n"][0] == 12
    apart = truth_from_frame(pd.DataFrame({"robust": np.arange(12.0)}, index=range(601, 613)))
    with pytest.raises(InputError, match="at least 10 networks with both clean and robust"):
        rank_agreement(pair[0], cell_truth(apart, "robust"))
