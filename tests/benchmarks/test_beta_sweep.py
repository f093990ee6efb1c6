"""The swept table has its rows, and they are the scores of the mixed kernels."""

import numpy as np
import pytest

import ntknas
from benchmarks.beta_sweep import SweepConfig, run, write_run
from ntknas.errors import InputError

TINY = SweepConfig("random:2:0", betas=3, batch_size=4, repeats=2)


def test_run():
    result = run(TINY)
    assert result["architectures"] == 2
    assert result["table_rows"] == 2 * 2 * 3
    assert result["sweep"]["repeats"] == 2
    assert result["sweep"]["median_seconds"] > 0


def test_rows_are_scores_of_mixed_kernels(tmp_path):
    stored = write_run(tmp_path, TINY)
    table = stored.sweep([0.0, 0.5, 1.0])
    assert sorted(table["id"].unique()) == sorted(a.id for a in ntknas.architectures("random:2:0"))
    assert set(table["status"]) == {"ok"}
    for index in stored.ids:
        gram = stored.kernels(index).gram
        assert gram.shape == (12, 12)
        rows = table[(table["id"] == index) & (table["beta"] == 0.5)].set_index("kernel")
        for name, first in (("mixed_clean", 0), ("mixed_robust", 4)):
            # Joint rows (1 - beta) J + beta J' at beta = 1/2.
            mix = np.zeros((4, 12))
            mix[:, first : first + 8] = 0.5 * np.hstack([np.eye(4), np.eye(4)])
            eigenvalues = np.linalg.eigvalsh(mix @ gram @ mix.T)
            assert rows.loc[name, "lambda_min"] == pytest.approx(eigenvalues[0], rel=1e-6)
            assert rows.loc[name, "cond"] == pytest.approx(
                eigenvalues[-1] / eigenvalues[0], rel=1e-6
            )


def test_settings_without_a_sweep():
    with pytest.raises(InputError, match="betas must be at least 2, got 1"):
        SweepConfig(betas=1)
    with pytest.raises(InputError, match="repeats must be at least 1, got 0"):
        SweepConfig(repeats=0)
