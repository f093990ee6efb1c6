"""Each kind of anomaly is found where it was planted, and only there."""

import pytest

from ntknas.truth.anomalies import Anomaly, find_anomalies
from ntknas.truth.table import tidy

NAN = float("nan")
GOOD = {
    ("cifar10", "clean"): {0: 0.8, 1: 0.7},
    ("cifar10", "fgsm_3"): {0: 0.6, 1: 0.5},
    ("cifar10", "pgd_3"): {0: 0.5, 1: 0.45},
    ("cifar10", "fgsm_8"): {0: 0.4, 1: 0.35},
    ("cifar10", "pgd_8"): {0: 0.35, 1: 0.3},
    ("cifar10", "autoattack"): {0: 0.3, 1: 0.25},
}
KNOWN = {0: 0, 1: 1}


def planted(metric, value, dataset="cifar10"):
    columns = {**GOOD, (dataset, metric): {**GOOD[dataset, metric], 1: value}}
    return find_anomalies(tidy(columns), KNOWN)


def test_a_good_table_has_none():
    assert find_anomalies(tidy(GOOD), KNOWN) == []


@pytest.mark.parametrize(
    ("metric", "value", "expected"),
    [
        ("clean", 1.5, {("cifar10 clean", "outside [0, 1]")}),
        ("clean", float("inf"), {("cifar10 clean", "outside [0, 1]")}),
        (
            "autoattack",
            -0.5,
            {
                ("cifar10 autoattack", "outside [0, 1]"),
                ("cifar10 autoattack", "below chance (0.1)"),
            },
        ),
        ("autoattack", 0.05, {("cifar10 autoattack", "below chance (0.1)")}),
        ("autoattack", NAN, {("cifar10 autoattack", "not a number")}),
        ("autoattack", 0.31, {("cifar10 autoattack", "above pgd_8")}),
        ("pgd_3", 0.55, {("cifar10 pgd_3", "above fgsm_3")}),
        ("pgd_3", 0.29, {("cifar10 pgd_8", "above pgd_3")}),
        (
            "fgsm_3",
            0.75,
            {("cifar10 fgsm_3", "above clean")},
        ),
    ],
)
def test_planted_values_are_found(metric, value, expected):
    found = planted(metric, value)
    assert {(a.place, a.problem) for a in found} == expected
    assert all(a.count == 1 and a.worst == 1 for a in found)


def test_differences_of_float32_rounding_do_not_count():
    assert planted("pgd_3", 0.5 + 1e-8) == []
    assert planted("autoattack", 0.1 - 1e-8) == []


def test_chance_is_rounded_where_the_column_is():
    columns = {("imagenet16", "clean"): {10: 0.008, 1: 0.3}}
    assert find_anomalies(tidy(columns), {10: 10, 1: 1}) == []
    columns = {("imagenet16", "clean"): {10: 0.008, 1: 0.3333}}
    assert "below chance" in str(find_anomalies(tidy(columns), {10: 10, 1: 1})[0])


def test_black_box_attacks_and_severities_are_ordered_too():
    columns = {
        ("cifar10", "square"): {0: 0.3},
        ("cifar10", "apgd"): {0: 0.4},
        ("cifar10", "pgd"): {0: 0.35},
        ("cifar10", "corruption_1"): {0: 0.5},
        ("cifar10", "corruption_2"): {0: 0.6},
        ("cifar10", "pgd_0.5"): {0: 0.2},
        ("cifar10", "pgd_255"): {0: 0.25},
    }
    problems = [(a.place, a.problem) for a in find_anomalies(tidy(columns), {0: 0})]
    assert problems == [
        ("cifar10 apgd", "above pgd"),
        ("cifar10 apgd", "above square"),
        ("cifar10 pgd_255", "above pgd_0.5"),
        ("cifar10 corruption_2", "above corruption_1"),
    ]


def test_missing_values_are_not_nan():
    columns = {("cifar10", "clean"): {0: 0.8, 1: NAN, 2: 0.7}, ("cifar10", "fgsm_3"): {0: 0.5}}
    assert find_anomalies(tidy(columns), {0: 0, 1: 1, 2: 2}) == [
        Anomaly("cifar10 clean", "not a number", 1, 1),
        Anomaly("cifar10 fgsm_3", "no value", 2, 1),
    ]


def test_identical_rows_orphans_and_strange_references():
    columns = {("cifar10", "clean"): {3: 0.8, 5: 0.8, 10: 0.1}}
    known = {3: 3, 5: 5, 10: 10, 1651: 12, 0: 3}
    assert find_anomalies(tidy(columns), known) == [
        Anomaly("whole rows", "identical to another row", 2, 3),
        Anomaly("isomorphs", "refer to an architecture without values", 1, 1651),
        Anomaly("isomorphs", "not the representative of NAS-Bench-201's classes", 2, 0),
    ]


def test_the_worst_is_the_most_extreme():
    columns = {("cifar10", "clean"): {4: 0.09, 6: 0.01, 8: 0.05}}
    found = find_anomalies(tidy(columns), {4: 4, 6: 6, 8: 8})
    assert str(found[0]) == "cifar10 clean: below chance (0.1): 3, e.g. architecture 6"
