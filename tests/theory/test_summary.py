"""Means of theory experiments over draws; the rows are made up."""

import numpy as np
import pytest
from scipy import stats

from ntknas.errors import InputError
from ntknas.theory import summarise_theory
from ntknas.theory.experiment import TheoryResult

ORDERS = (3.0, 5.0, 4.0)


def result(order: float, *, errors: bool) -> TheoryResult:
    kernel = {"width": "8", "kernel": "K_all", "beta": 0.5, "order": order}
    kernel |= {"jitter": order / 100, "weyl_holds": order < 5}
    error = {"width": "8", "beta": 0.5, "clean_error": order / 10, "robust_error": 0.5}
    made = object.__new__(TheoryResult)  # without a network, which the summary does not read
    object.__setattr__(made, "kernels", [kernel])
    object.__setattr__(made, "errors", [error] if errors else [])
    return made


def test_means_and_students_intervals():
    kernels, errors = summarise_theory([result(order, errors=True) for order in ORDERS])
    (row,) = kernels.to_dict("records")
    assert row["order"] == 4.0
    expected = stats.t.interval(0.95, 2, loc=4.0, scale=np.std(ORDERS, ddof=1) / np.sqrt(3))
    np.testing.assert_allclose([row["order_low"], row["order_high"]], expected)
    assert (row["jitter"], row["weyl_holds"]) == (0.05, False)
    (row,) = errors.to_dict("records")
    assert row["clean_error"] == pytest.approx(0.4)
    assert row["robust_error_low"] == row["robust_error_high"] == 0.5


def test_one_draw_has_no_interval_and_no_draw_is_refused():
    kernels, errors = summarise_theory([result(3.0, errors=False)])
    assert kernels["order_low"].isna().all()
    assert errors.empty
    with pytest.raises(InputError, match="at least one result"):
        summarise_theory([])
