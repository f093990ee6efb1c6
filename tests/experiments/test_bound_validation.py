"""The experiment runs on a tiny design, and its tables say what its rows say."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from experiments.bound_validation import SMALL, BoundValidationConfig, run, settings
from ntknas.errors import InputError
from ntknas.ranking import correlations

# One compiled program: neither width, depth nor N vary.
CONFIG = replace(SMALL, widths=(16,), depths=(3,), sizes=(16,))


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bounds")
    return run(CONFIG, folder), folder


@pytest.mark.slow
def test_files(result):
    found, folder = result
    written = json.loads((folder / "results.json").read_text())
    assert written["config"]["seed"] == CONFIG.seed
    assert {"jax", "numpy", "ntknas"} <= set(written["versions"])
    assert len(written["rows"]) == len(found["rows"]) == CONFIG.draws * len(settings(CONFIG))
    assert (folder / "bounds.png").stat().st_size > 10_000
    tables = (folder / "tables.md").read_text()
    assert all(f"## {name}" in tables for name in ("settings", "correlations", "pairing", "weyl"))


@pytest.mark.slow
def test_tables_follow_from_the_rows(result):
    found, _ = result
    rows = pd.DataFrame(found["rows"])
    beta = rows[rows["factor"] == "beta"]
    row = next(
        row
        for row in found["correlations"]
        if (row["factor"], row["term"], row["kernel"], row["error"])
        == ("beta", "order", "K~_all", "robust_error")
    )
    expected = correlations(beta["order@K~_all"], beta["robust_error"]).spearman
    np.testing.assert_allclose(row["spearman"], expected, rtol=1e-12)
    summary = next(r for r in found["settings"] if (r["factor"], r["value"]) == ("rho", "4/255"))
    drawn = rows[(rows["factor"] == "rho") & (rows["value"] == "4/255")]
    assert summary["clean_error"] == pytest.approx(drawn["clean_error"].mean())
    assert summary["clean_error_low"] <= summary["clean_error"] <= summary["clean_error_high"]


@pytest.mark.slow
def test_what_the_theory_says_for_certain(result):
    found, _ = result
    # The base is part of every factor and counts once; beta, rho and skips add one network each.
    networks = 4 * CONFIG.draws
    assert found["counts"]["networks"] == networks
    assert found["counts"]["beta 0 gives the standard bound exactly"] == networks
    assert found["counts"]["label energy <= 1 / lambda_min (K_all and K~_all)"] == 2 * networks
    for row in found["weyl"]:
        assert row["cases"] == row["holds"] == 9 * networks
        assert row["least"] <= row["tightness, median"] <= 1
    calm = [row for row in found["rows"] if row["rho"] == 0]
    assert all(row["clean_error"] == row["robust_error"] for row in calm)


def test_the_full_design_varies_one_factor_at_a_time():
    config = BoundValidationConfig()
    for setting in settings(config):
        changed = {
            name
            for name in ("width", "num_train", "beta", "rho")
            if getattr(setting, name) != getattr(config, name)
        }
        assert changed <= {setting.factor} | ({"num_train"} if setting.factor == "N" else set())
        assert len(setting.skips) == setting.depth - 2


def test_the_sphere_has_its_best_errors_beside_the_measured_ones(tmp_path):
    # Width 4: some images have no unit that answers to them, and a kernel's row of zeros.
    config = replace(CONFIG, task="sphere", widths=(4,), width=4, num_train=48, sizes=(48,))
    found = run(config, tmp_path)
    assert any(row["jitter@K_all"] > 0 for row in found["rows"])
    for row in found["settings"]:
        assert row["best_clean_error"] == 0.05
        assert row["best_clean_error"] <= row["best_robust_error"] <= 1


def test_unknown_task(tmp_path):
    with pytest.raises(InputError, match="task must be two, ten or sphere, got 'three'"):
        run(replace(CONFIG, task="three"), tmp_path)
