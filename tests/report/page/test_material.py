"""What a report shows: reading of folders, choices, and what is left out."""

from dataclasses import replace

import numpy as np
import pytest

from ntknas.errors import InputError
from ntknas.evaluation import rank
from ntknas.report.page import Options, Scored, gather, material as module
from ntknas.runs import Run
from tests.report.page.conftest import CELLS, METRIC


def test_kinds_of_places(places, material):
    (scored,), (searched,), (trained,), _ = material
    assert scored.run.folder == places[0]
    assert searched.label == METRIC
    assert trained.path == places[2]
    np.testing.assert_array_equal(searched.history["best"], [0.2, 0.5, 0.5, 0.5])
    assert searched.history["value"].isna().tolist() == [False, False, True, False]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"score": "banana@clean"}, "unknown score"),
        ({"metrics": ("banana",)}, "expected a metric of cifar10"),
        ({"architectures": "1,banana"}, "expected an architecture"),
    ],
)
def test_what_cannot_be_shown_is_said_at_once(places, truth, options, message):
    with pytest.raises(InputError, match=message):
        gather(places[:1], truth=truth, options=Options(**options))


def test_places_that_hold_nothing(tmp_path):
    with pytest.raises(InputError, match="expected a run, a search or trainings in"):
        gather([tmp_path])
    with pytest.raises(InputError, match="expected a folder, or a file of scores"):
        gather([tmp_path / "no"])
    with pytest.raises(InputError, match="to report on, got none"):
        gather([])
    (tmp_path / "search.json").write_text("no json")
    with pytest.raises(InputError, match="cannot read the search"):
        gather([tmp_path])
    with pytest.raises(InputError, match="at least 1"):
        Options(top=0)


def test_the_ranking_is_that_of_the_library(material):
    (scored,) = material.scored
    expected = rank(Run(scored.run.folder))
    assert scored.ranking["id"].tolist() == expected["id"].tolist()
    assert scored.ranking["id"].iloc[-1] == CELLS[-1].id
    assert -1 <= scored.agreement <= 1


def test_spectra_of_the_best_the_median_and_the_worst(material):
    (scored,) = material.scored
    order = scored.ranking["id"].tolist()[:-1]  # without the constant network
    assert scored.chosen == [order[0], order[4], order[8]]
    assert len(scored.spectra) == 3 * 5 * 6
    chosen = replace(scored, options=Options(architectures=f"{order[3]},{order[3]}"))
    assert chosen.chosen == [order[3]]


def test_columns_of_the_picture(material, monkeypatch):
    (scored,) = material.scored
    names = list(scored.points.columns)
    assert names[:3] == ["rank", "clean", METRIC]
    assert "cond@mixed_clean:8/255:0.5" in names
    assert "cond@mixed_clean:8/255:0" not in names
    assert scored.points["3x3 convolutions"].tolist() == [
        scored.table.strings[label].count("nor_conv_3x3") for label in scored.points.index
    ]
    many = Scored(scored.table, scored.source, scored.truth, scored.options)
    monkeypatch.setattr(module, "_MOST_VALUES", 5 * len(names))
    monkeypatch.setattr(module, "_FEWEST_POINTS", 3)
    assert len(many.points) == 5


def test_correlations_name_the_ranking_and_have_intervals(material):
    (scored,) = material.scored
    table = scored.correlations
    assert "default" in table["score"].tolist()
    assert (table["spearman_low"] <= table["spearman_high"]).all()
    assert scored.main_metric == METRIC  # the last, as there is no pgd_8


def test_curves_are_swept_finely(material):
    (scored,) = material.scored
    assert scored.betas == [round(0.1 * step, 1) for step in range(11)]
    assert scored.grid["metric"].unique().tolist() == [METRIC]


def test_without_accuracies(places):
    (scored,) = gather(places[:1]).scored
    assert scored.correlations is None
    assert scored.grid is None
    assert scored.metrics == ()
    assert scored.curves is not None


def test_the_table_in_the_package_has_no_kernels():
    (scored,) = gather([], precomputed=True).scored
    assert scored.run is None
    assert scored.spectra is None
    assert scored.betas == []
    assert len(scored.ranking) == 6466
