"""Pictures of what makes a cell good."""

import pytest

from ntknas.analysis import analyse
from ntknas.errors import InputError
from ntknas.report import (
    operations_picture,
    ranks_picture,
    sizes_picture,
    structure_picture,
)
from ntknas.spaces.nasbench201 import architectures
from ntknas.truth import truth_from_frame


@pytest.fixture(scope="module")
def truth():
    """Accuracies of the 125 cells that end in the operations 1, 2 and 3."""
    import pandas as pd

    cells = [cell for cell in architectures("every") if cell.ops[3:] == (1, 2, 3)]
    values = {cell.id: 0.2 + 0.01 * sum(cell.ops) + 1e-4 * (cell.id % 7) for cell in cells}
    frame = pd.DataFrame({"clean": values})
    return truth_from_frame(frame.assign(robust=frame["clean"] / 2 + 1e-5 * (frame.index % 11)))


@pytest.fixture(scope="module")
def found(truth):
    return analyse(truth, "robust", resamples=0)


def test_operations(found, tmp_path):
    """Edges without a comparison have a dash instead of a number."""
    operations_picture(found, tmp_path / "o.svg")
    drawn = (tmp_path / "o.svg").read_text()
    share = found.tables["shares"]["share"][0]
    assert f"{100 * share:.0f}%" in drawn
    assert "share among the best 12 networks" in drawn
    assert "percentage points" in drawn
    assert "<!-- - -->" in drawn
    effect = 100 * found.tables["effects"]["effect"][0]
    assert f"{effect:+.1f}".replace("-", "\u2212") in drawn or f"{effect:+.1f}" in drawn


def test_sizes(found, tmp_path):
    sizes_picture(found, tmp_path / "s.svg")
    drawn = (tmp_path / "s.svg").read_text()
    assert f"{len(found.cells.varying)} networks" in drawn
    assert f"each of {len(found.tables['sizes'])} sizes" in drawn


def test_ranks(truth, found, tmp_path):
    ranks_picture(found, tmp_path / "r.svg")
    drawn = (tmp_path / "r.svg").read_text()
    shared = round(12 * found.tables["ranks"]["shared"][0])
    assert f"best by both ({shared})" in drawn
    assert f"best by clean alone ({12 - shared})" in drawn
    with pytest.raises(InputError, match="two metrics to compare"):
        ranks_picture(analyse(truth, "clean"), tmp_path / "r.svg")


def test_structure(found, tmp_path):
    structure_picture(found, tmp_path / "t.svg")
    drawn = (tmp_path / "t.svg").read_text()
    assert "live poolings" in drawn
    assert "at equal size" in drawn


@pytest.mark.parametrize(
    "draw", [operations_picture, ranks_picture, sizes_picture, structure_picture]
)
def test_other_endings_are_refused(found, draw, tmp_path):
    with pytest.raises(InputError, match=r"\.png, \.svg or \.pdf"):
        draw(found, tmp_path / "picture.jpg")
