"""Results of attacks as text."""

import csv
import io

import pytest

from ntknas.attack import Checklist, Criterion
from ntknas.report import attack_report

NOWHERE = {"rho": None, "severity": None, "low": 0.1, "high": 0.9}
CLEAN = NOWHERE | {"test": "clean", "accuracy": 0.75, "correct": 3, "n": 4}
ATTACKED = NOWHERE | {
    "test": "autoattack",
    "rho": 8 / 255,
    "accuracy": 0.25,
    "correct": 1,
    "n": 4,
    "broken": {"apgd-ce": 2, "apgd-t": 0},
}
FOG = NOWHERE | {"test": "fog", "severity": 3, "accuracy": 0.5, "correct": 2, "n": 4}


def criteria(*passed):
    return Checklist(
        tuple(Criterion(f"criterion {i}", p, f"finding, {i}") for i, p in enumerate(passed)), 3
    )


def test_a_table_shows_the_columns_that_say_something():
    text = attack_report([CLEAN, ATTACKED], format="table")
    head, _, clean, attacked = text.splitlines()
    assert "severity" not in head
    assert "8/255" in attacked
    assert "apgd-ce:2 apgd-t:0" in attacked
    assert clean.split()[:3] == ["clean", "|", "-"]
    only_clean = attack_report([CLEAN], format="table").splitlines()[0]
    assert [word.strip() for word in only_clean.split("|")] == [
        *("test", "accuracy", "low", "high", "correct", "n"),
    ]


def test_severities_are_whole_numbers():
    text = attack_report([CLEAN, FOG], format="table")
    assert [w.strip() for w in text.splitlines()[-1].split("|")][:2] == ["fog", "3"]
    assert "rho" not in text


CLASSES = [
    {"class": name} | row | {"accuracy": accuracy, "n": 2}
    for row, accuracies in ((CLEAN, (1.0, 0.5)), (FOG, (0.0, 1.0)))
    for name, accuracy in zip(("cat", "dog"), accuracies, strict=True)
]


def test_classes_are_rows_and_tests_are_columns():
    text = attack_report([CLEAN, FOG], classes=CLASSES, format="table")
    before, after = text.split("\n\nAccuracy by class:\n")
    assert before == attack_report([CLEAN, FOG], format="table")
    head, _, *rows = ([w.strip() for w in line.split("|")] for line in after.splitlines())
    assert head == ["class", "n", "clean", "fog 3"]
    assert [row[:2] for row in rows] == [["cat", "2"], ["dog", "2"]]
    assert [[float(w) for w in row[2:]] for row in rows] == [[1, 0], [0.5, 1]]
    csv_rows = list(
        csv.DictReader(io.StringIO(attack_report([CLEAN], classes=CLASSES, format="csv")))
    )
    assert [row["class"] for row in csv_rows] == ["", "cat", "dog", "cat", "dog"]
    assert [row["accuracy"] for row in csv_rows[1:]] == ["1.0", "0.5", "0.0", "1.0"]


@pytest.mark.parametrize(
    ("passed", "verdict"),
    [
        ((True, None), "no sign of masked gradients"),
        ((True, False, False), "2 of 3 criteria fail: gradients may be masked"),
    ],
)
def test_a_table_ends_with_the_verdict(passed, verdict):
    text = attack_report([CLEAN], criteria(*passed), format="table")
    assert verdict in text.splitlines()[-1]
    assert "On 3 images that are classified correctly:" in text
    for word, value in (("holds", True), ("fails", False), ("not checked", None)):
        assert (word in text) == (value in passed)


def test_csv_holds_accuracies_and_then_criteria():
    text = attack_report([CLEAN, ATTACKED], criteria(False), format="csv")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["test"] for row in rows] == ["clean", "autoattack", ""]
    assert float(rows[1]["rho"]) == 8 / 255
    assert rows[2]["criterion"] == "criterion 0"
    assert rows[2]["verdict"] == "fails"
    assert rows[2]["finding"] == "finding, 0"
