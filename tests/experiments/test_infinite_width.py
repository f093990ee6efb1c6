"""The experiment runs at a small size, writes what it returns, and its slopes are downward."""

import json

import pytest

from experiments.infinite_width import SMALL, run

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    out = tmp_path_factory.mktemp("infinite_width")
    return out, *run(SMALL, out)


def test_errors_fall_with_the_width(found):
    _, slopes, _ = found
    assert set(slopes["kernel"]) == {"clean", "mixed_robust:0.5"}
    for _, part in slopes.groupby("kernel"):
        assert part["error"].is_monotonic_decreasing
        assert part["slope_low"].iloc[0] <= part["slope"].iloc[0] <= part["slope_high"].iloc[0] < 0


def test_errors_of_the_infinite_network(found):
    _, _, errors = found
    assert len(errors) == 1
    for name in ("clean", "robust"):
        assert errors[f"{name}_error"].between(0, 1).all()
        assert (errors[f"{name}_low"] <= errors[f"{name}_error"]).all()
    assert (errors["robust_error"] >= errors["clean_error"]).all()


def test_files(found):
    out, slopes, errors = found
    written = json.loads((out / "results.json").read_text())
    assert len(written["convergence"]) == len(slopes)
    assert len(written["errors"]) == len(errors)
    assert (out / "infinite_width.png").stat().st_size > 10_000
    assert "slope" in (out / "tables.md").read_text()
