"""The picture of a training: a line per metric."""

import pandas as pd
import pytest

from ntknas.errors import InputError
from ntknas.report import training_curves

METRICS = pd.DataFrame(
    {
        "epoch": [1, 2],
        "learning_rate": [0.1, 0.0],
        "loss": [2.3, 2.0],
        "train_accuracy": [0.1, 0.2],
        "images_per_second": [80.0, 90.0],
    }
)


def test_three_panels_and_a_line_per_metric(tmp_path, figures):
    training_curves(METRICS, tmp_path / "a.png", title="here")
    (figure,) = figures
    assert [len(axes.lines) for axes in figure.axes] == [1, 1, 1]
    training_curves(METRICS.assign(validation_robust=0.15), tmp_path / "b.svg")
    accuracy = figures[1].axes[1]
    assert [line.get_label() for line in accuracy.lines] == [
        "training batches",
        "validation, attacked",
    ]


def test_an_empty_table(tmp_path):
    with pytest.raises(InputError, match="at least one epoch"):
        training_curves(METRICS.iloc[:0], tmp_path / "a.png")
    assert not list(tmp_path.iterdir())
