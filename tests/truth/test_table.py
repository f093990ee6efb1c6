"""Truth: lookups, pivots and the summary, on a table small enough to know by heart."""

import math
from pathlib import Path

import numpy as np
import pytest

from ntknas.errors import InputError
from ntknas.spaces.nasbench201 import Architecture
from ntknas.truth.table import Truth, tidy

NAN = float("nan")


@pytest.fixture
def truth():
    table = tidy(
        {
            ("cifar100", "pgd_3"): {7: 0.02, 0: 0.3},
            ("cifar100", "clean"): {0: 0.4, 7: NAN, 10: 0.01},
            ("cifar10", "clean"): {0: 0.8},
        }
    )
    known = {0: 0, 7: 7, 10: 10, 1651: 10}
    return Truth("NAS-RobBench-201", Path("acc.json"), table, known, ("a note",))


def test_the_table_is_tidy(truth):
    assert list(truth.table.columns) == ["architecture", "dataset", "metric", "value"]
    assert len(truth.table) == 6
    assert truth.table["architecture"].tolist() == [0, 7, 0, 7, 10, 0]
    assert truth.table["architecture"].dtype == np.int64


def test_data_sets_and_metrics_keep_the_order_of_the_file(truth):
    assert truth.datasets == ("cifar100", "cifar10")
    assert truth.metrics("cifar100") == ("pgd_3", "clean")
    wide = truth.wide("cifar100")
    assert wide.index.tolist() == [0, 7, 10]
    assert wide.columns.tolist() == ["pgd_3", "clean"]


def test_every_member_of_a_class_has_its_value(truth):
    assert truth.value(10, "cifar100", "clean") == 0.01
    assert truth.value(1651, "cifar100", "clean") == 0.01
    assert truth.value(np.int64(1651), "cifar100", "clean") == 0.01
    assert truth.value(Architecture.from_code("000000"), "cifar100", "clean") == 0.01


def test_what_is_missing_is_nan(truth):
    assert math.isnan(truth.value(7, "cifar100", "clean"))
    assert math.isnan(truth.value(10, "cifar100", "pgd_3"))
    assert math.isnan(truth.value(7, "cifar10", "clean"))


def test_unknown_names_are_refused(truth):
    with pytest.raises(InputError, match="cifar100, cifar10; got 'svhn'"):
        truth.value(0, "svhn", "clean")
    with pytest.raises(InputError, match="got 'svhn'"):
        truth.metrics("svhn")
    with pytest.raises(InputError, match="metric of cifar100: pgd_3, clean; got 'pgd_8'"):
        truth.value(0, "cifar100", "pgd_8")
    with pytest.raises(InputError, match="architecture 3 is not in acc.json"):
        truth.value(3, "cifar100", "clean")
    with pytest.raises(InputError, match="architecture -1 is not in acc.json"):
        truth.value(-1, "cifar100", "clean")
    with pytest.raises(InputError, match="architecture small is not in acc.json"):
        truth.value("small", "cifar100", "clean")


def test_an_empty_table_is_refused():
    with pytest.raises(InputError, match="expected accuracies in acc.json, got none"):
        Truth("NAS-RobBench-201", Path("acc.json"), tidy({}), {})


def test_the_summary_says_what_is_there(truth):
    summary = truth.summary()
    assert "NAS-RobBench-201: acc.json" in summary
    assert "3 architectures with values; 4 ids known" in summary
    assert "note: a note" in summary
    row = next(line for line in summary.splitlines() if line.startswith("cifar100   pgd_3"))
    assert row.split()[2:] == ["2", "2", "0.0200", "0.1600", "0.3000", "0"]
    assert "cifar100 clean: not a number: 1, e.g. architecture 7" in summary


def test_a_column_without_numbers_does_not_break_the_summary():
    table = tidy({("cifar10", "clean"): {0: NAN}})
    summary = Truth("NAS-RobBench-201", Path("acc.json"), table, {0: 0}).summary()
    assert "no numbers" in summary
    clean = Truth("NAS-RobBench-201", Path("f"), tidy({("cifar10", "clean"): {0: 0.5}}), {0: 0})
    assert clean.summary().endswith("anomalies: none")
