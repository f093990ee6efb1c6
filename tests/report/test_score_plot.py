"""Scores against an accuracy in one call."""

import numpy as np
import pandas as pd
import pytest

import ntknas
from ntknas.errors import InputError
from ntknas.evaluation import headline_names, score_table
from ntknas.scores import ScoreKind, score_names
from ntknas.truth import truth_from_frame

NAMES = [f"net {i}" for i in range(12)]


@pytest.fixture
def truth():
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"clean": rng.uniform(size=12), "robust": rng.uniform(size=12)}, NAMES)
    return truth_from_frame(frame)


def scores(count):
    rng = np.random.default_rng(4)
    others = [name for name in score_names(ScoreKind.KERNEL) if name != "cond"][:count]
    columns = {f"{name}@clean": rng.uniform(1, 2, 12) for name in others}
    return pd.DataFrame({"cond@clean": np.arange(1.0, 13.0), **columns}, NAMES)


def panels(figure):
    return [axes for axes in figure.axes if axes.get_visible() and axes.get_title()]


def drawn(figure):
    """Names of the scores; long titles have a line of their own for the kernel."""
    return [panel.get_title().split("\nSpearman")[0].replace("\n", "") for panel in panels(figure)]


def test_named_scores_are_drawn_with_what_correlate_finds(truth, tmp_path):
    path = tmp_path / "x.svg"
    figure = ntknas.plot(scores(2), truth, ["cond@clean"], metric="robust", path=path)
    (panel,) = panels(figure)
    found = ntknas.correlate(scores(2), truth, metrics=["robust"], resamples=0)
    spearman = found.set_index("score")["spearman"]["cond@clean"]
    assert panel.get_title() == f"cond@clean\nSpearman {spearman:.3f}"
    points = panel.collections[0].get_offsets()
    np.testing.assert_allclose(points[:, 0], np.arange(1.0, 13.0))
    np.testing.assert_allclose(points[:, 1], truth.wide(truth.datasets[0])["robust"][NAMES])
    assert path.read_text().startswith("<?xml")


def test_the_best_nine_of_a_table_of_correlations(truth):
    many = scores(11)
    found = ntknas.correlate(many, truth, metrics=["robust"], resamples=0)
    both = ntknas.correlate(many, truth, resamples=0)
    figure = ntknas.plot(many, truth, metric="robust", correlations=both)
    best = found.sort_values("spearman", ascending=False)["score"].head(9)
    assert drawn(figure) == list(best)
    assert "the best 9 of 12 scores" in figure.get_suptitle()
    with pytest.raises(InputError, match="expected correlations with clean"):
        ntknas.plot(many, truth, metric="clean", correlations=found)


def test_without_names_the_headline_scores(data_file):
    table = ntknas.load_precomputed()
    truth = ntknas.load_truth(data_file("robbench/NAS-RobBench-201_html.json"))
    figure = ntknas.plot(table, truth, metric="pgd_8")
    assert len(drawn(figure)) == 9
    assert set(drawn(figure)) < {*headline_names(score_table(table)), "params"}
    assert drawn(figure)[0] == "layer_cosine_lambda_min@clean"
    assert figure.axes[0].get_ylabel() == "accuracy (PGD 8/255)"
    assert figure.get_suptitle().startswith(
        "6466 architectures, NAS-RobBench-201 cifar10 PGD 8/255"
    )


def test_accuracies_of_any_data_set_and_of_another_one(truth, data_file):
    own = ntknas.plot(scores(0), truth, ["cond@clean"], metric="robust", dataset="cifar10")
    assert drawn(own)[0] == "cond@clean"
    frame = ntknas.load_precomputed().scores()[["cond@clean", "params"]].head(200)
    published = ntknas.load_truth(data_file("robbench/NAS-RobBench-201_html.json"))
    every = ntknas.correlate(frame, published, resamples=0, space="nasbench201")
    figure = ntknas.plot(
        *(frame, published),
        space="nasbench201",
        metric="pgd_8",
        dataset="cifar100",
        correlations=every,
    )
    accuracies = published.wide("cifar100")["pgd_8"][frame.index]
    for panel in panels(figure):
        points = panel.collections[0].get_offsets()
        assert set(points[:, 1].round(5)) <= set(accuracies.to_numpy().round(5))


def test_bad_input(truth, tmp_path):
    with pytest.raises(InputError, match="ending in"):
        ntknas.plot(scores(0), truth, metric="robust", path=tmp_path / "x.gif")
    with pytest.raises(InputError, match="pgd_8"):
        ntknas.plot(scores(0), truth, metric="pgd_8")
    assert not list(tmp_path.iterdir())
