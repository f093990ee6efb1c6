"""Heat maps over beta and rho: what is drawn."""

import numpy as np
import pandas as pd
import pytest

from ntknas.errors import InputError
from ntknas.report import heat_maps

BETAS, RHOS = (0.0, 0.5, 1.0), (1 / 255, 8 / 255)


def grid(scores=("cond", "lambda_min")):
    """Made-up correlations of two families of kernels with two metrics."""
    rng = np.random.default_rng(0)
    rows = [
        {"score": score, "kernel": kernel, "metric": metric, "rho": rho, "beta": beta}
        for score in scores
        for kernel in ("mixed_clean", "mixed_robust")
        for metric in ("clean", "pgd_8")
        for rho in RHOS
        for beta in BETAS
    ]
    return pd.DataFrame(rows).assign(spearman=rng.uniform(-1, 1, len(rows)))


def test_a_row_per_family_and_a_column_per_metric(tmp_path, figures):
    table = grid()
    drawn = heat_maps(table, tmp_path / "a.png", score="lambda_min", title="here")
    assert (tmp_path / "a.png").stat().st_size > 10_000
    assert figures == [drawn]
    (figure,) = figures
    assert figure.get_suptitle() == "here"
    maps = {axes.get_title(): axes for axes in figure.axes if axes.get_title()}
    assert list(maps) == [
        *("mixed_clean, clean", "mixed_clean, PGD 8/255"),
        *("mixed_robust, clean", "mixed_robust, PGD 8/255"),
    ]
    for title, axes in maps.items():
        kernel, label = title.split(", ")
        metric = {"clean": "clean", "PGD 8/255": "pgd_8"}[label]
        part = table.query("score == 'lambda_min' and kernel == @kernel and metric == @metric")
        expected = part["spearman"].to_numpy().reshape(len(RHOS), len(BETAS))
        np.testing.assert_array_equal(axes.images[0].get_array(), expected)
        (star,) = axes.lines  # marks the best pair
        best = part.loc[part["spearman"].idxmax()]
        assert BETAS[int(star.get_xdata()[0])] == best["beta"]
        assert RHOS[int(star.get_ydata()[0])] == best["rho"]
        radii = ["1/255", "8/255"] if metric == "clean" else ["", ""]  # the first column says it
        assert [text.get_text() for text in axes.get_yticklabels()] == radii
        assert [text.get_text() for text in axes.get_xticklabels()] == ["0", "0.5", "1"]


def test_maps_of_a_metric_share_their_colours(tmp_path, figures):
    table = grid()
    heat_maps(table, tmp_path / "a.svg", score="cond")
    (figure,) = figures
    assert figure.get_suptitle() == "cond"
    for metric, label in (("clean", "clean"), ("pgd_8", "PGD 8/255")):
        values = table[(table["score"] == "cond") & (table["metric"] == metric)]["spearman"]
        ends = [
            axes.images[0].get_clim() for axes in figure.axes if axes.get_title().endswith(label)
        ]
        assert ends == [(values.min(), values.max())] * 2


@pytest.mark.parametrize(
    ("name", "score", "message"),
    [
        ("a.jpg", "cond", "ending in .png, .svg or .pdf"),
        ("a.png", "banana", "expected correlations of banana to draw, got none"),
    ],
)
def test_refused(tmp_path, name, score, message):
    with pytest.raises(InputError, match=message):
        heat_maps(grid(), tmp_path / name, score=score)
    assert list(tmp_path.iterdir()) == []
