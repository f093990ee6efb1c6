"""Eigenvalues of a run's kernels."""

import numpy as np
import pytest

from ntknas.errors import InputError
from ntknas.evaluation import kernel_spectra


def test_eigenvalues_are_those_of_the_stored_kernels(run):
    label = run.ids[0]
    table = kernel_spectra(run, [label])
    for (kernel, rho), part in table.groupby(["kernel", "rho"], dropna=False):
        gram = run.kernels(label, rho=run.spec.rhos[0] if np.isnan(rho) else rho)
        expected = np.linalg.eigvalsh(gram.kernel(kernel))[::-1]
        np.testing.assert_allclose(part["eigenvalue"], expected)
        assert part["number"].tolist() == list(range(1, len(expected) + 1))
    assert table["kernel"].unique().tolist() == ["clean", "robust", "twice"]
    assert len(table) == (1 + 2 * 2) * run.spec.batch_size


def test_rounding_is_zero_and_overflow_is_missing(run, monkeypatch):
    gram = run.kernels(run.ids[0], rho=run.spec.rhos[0])
    of_rank_one = np.ones_like(gram.gram)
    held = type(gram)(of_rank_one, gram.batches, gram.epsilon)
    monkeypatch.setattr(type(run), "kernels", lambda *a, **k: held)
    values = kernel_spectra(run, [0])["eigenvalue"].to_numpy().reshape(-1, gram.num_images)
    np.testing.assert_array_equal(values[:, 1:], 0.0)
    np.testing.assert_allclose(values[:, 0], gram.num_images)
    of_rank_one[:] = np.nan
    assert kernel_spectra(run, [0])["eigenvalue"].isna().all()


def test_unknown_architectures(run):
    with pytest.raises(InputError, match="does not hold architecture 15000"):
        kernel_spectra(run, [15000])
