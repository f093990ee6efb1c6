"""`attack_report`: accuracies under attacks and corruptions, and the checklist, as text."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from ntknas.report.tables import format_table
from ntknas.scores import format_fraction

if TYPE_CHECKING:
    from ntknas.attack import Checklist

__all__ = ["attack_report"]

_VERDICTS = {True: "holds", False: "fails", None: "not checked"}


def attack_report(
    rows: Sequence[dict[str, Any]],
    checked: "Checklist | None" = None,
    *,
    classes: Sequence[dict[str, Any]] = (),
    format: str,
) -> str:
    """The result of an evaluation as tables to read, or as CSV.

    Args:
        rows: One entry per accuracy, with the keys test, rho, severity, accuracy, low, high,
            correct, n, and for an attack broken: numbers of images by the name of the attack.
        checked: Verdicts on masked gradients, or None.
        classes: One entry per class and accuracy, with the same keys and the key class.
        format: Format of the text, "table" or "csv". In CSV, the accuracies of classes and the
            criteria follow the accuracies, in columns of their own.

    Example:
        >>> row = dict(test="clean", rho=None, severity=None, accuracy=0.5, low=0.1, high=0.9)
        >>> print(attack_report([row | dict(correct=2, n=4)], format="csv"))
        test,rho,severity,accuracy,low,high,correct,n,broken
        clean,,,0.5,0.1,0.9,2,4,
    """
    columns = ("test", "rho", "severity", "accuracy", "low", "high", "correct", "n")
    frame = pd.DataFrame([{name: row[name] for name in columns} for row in rows])
    frame["broken"] = [
        " ".join(f"{name}:{count}" for name, count in row.get("broken", {}).items()) for row in rows
    ]
    criteria = _criteria(checked)
    if format == "csv":
        parts = [part for part in (frame, pd.DataFrame(list(classes)), criteria) if len(part)]
        return format_table(pd.concat(parts), format="csv")
    frame["rho"] = [None if pd.isna(rho) else format_fraction(rho) for rho in frame["rho"]]
    frame["severity"] = frame["severity"].astype("Int64")
    empty = [name for name in ("rho", "severity") if frame[name].isna().all()]
    empty += [] if frame["broken"].any() else ["broken"]
    text = format_table(frame.drop(columns=empty), format="table")
    if classes:
        text += f"\n\nAccuracy by class:\n{format_table(_by_class(classes), format='table')}"
    if checked is None:
        return text
    failed = sum(criterion.passed is False for criterion in checked.criteria)
    verdict = "no sign of masked gradients"
    if failed:
        verdict = (
            f"{failed} of {len(criteria)} criteria fail: gradients may be masked, and accuracies "
            "under gradient attacks too high"
        )
    table = format_table(criteria, format="table")
    return (
        f"{text}\n\nOn {checked.images} images that are classified correctly:\n{table}\n{verdict}"
    )


def _by_class(classes: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """One row per class and one column per accuracy."""
    table: dict[str, dict[str, Any]] = {}
    for row in classes:
        entry = table.setdefault(row["class"], {"class": row["class"], "n": row["n"]})
        severity = "" if row["severity"] is None else f" {row['severity']}"
        entry[f"{row['test']}{severity}"] = f"{row['accuracy']:.3f}"
    return pd.DataFrame(list(table.values()))


def _criteria(checked: "Checklist | None") -> pd.DataFrame:
    """One row per criterion."""
    if checked is None:
        return pd.DataFrame()
    rows = [(c.name, _VERDICTS[c.passed], c.finding) for c in checked.criteria]
    return pd.DataFrame(rows, columns=["criterion", "verdict", "finding"])
