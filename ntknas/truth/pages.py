"""The tables of the project page of NAS-RobBench-201: one list of accuracies per architecture.

A table is an object that holds, for each of the 15,625 ids, either a list of fractions or the id of
an isomorphic architecture. The key "" holds the labels of the columns, `dataset#metric`. The page
has two tables: that of NAS-RobBench-201 (18 columns; Wu et al., ICLR 2024) and that of Jung et al.
(17 columns, rounded to three places; ICLR 2023). They are distinguished by their labels.
"""

from pathlib import Path
from typing import Any

from ntknas.errors import InputError
from ntknas.truth.isomorphs import parse_id, resolve
from ntknas.truth.names import DATASETS, JUNG, JUNG_METRICS, ROBBENCH, ROBBENCH_METRICS
from ntknas.truth.table import Truth, tidy

__all__ = ["read_page"]


def _columns(labels: Any, path: Path) -> tuple[str, list[tuple[str, str]]]:
    """The benchmark of the table, and the data set and metric of each column."""
    if not isinstance(labels, list) or not labels or not all(isinstance(x, str) for x in labels):
        raise InputError(f"expected a list of column labels under '' in {path}, got {labels!r:.80}")
    split = [label.partition("#")[::2] for label in labels]
    for benchmark, known in ((ROBBENCH, ROBBENCH_METRICS), (JUNG, JUNG_METRICS)):
        if all(dataset in DATASETS and metric in known for dataset, metric in split):
            names = [(DATASETS[dataset], known[metric]) for dataset, metric in split]
            if len(set(names)) < len(names):
                raise InputError(f"expected each column once in {path}, got {labels!r:.200}")
            return benchmark, names
    raise InputError(
        f"expected the labels of {ROBBENCH} (such as cifar10#val_acc) or {JUNG} "
        f"(such as cifar10#clean) in {path}, got {labels!r:.200}"
    )


def _check_row(index: int, row: list[Any], labels: list[str], path: Path) -> None:
    """Raise InputError unless the row has one number, or null, per column."""
    if len(row) != len(labels):
        raise InputError(
            f"expected {len(labels)} columns for architecture {index} in {path}, got {len(row)}"
        )
    for label, value in zip(labels, row, strict=True):
        if value is not None and type(value) not in (float, int):
            raise InputError(
                f"expected a number for architecture {index}, {label} in {path}, got {value!r:.80}"
            )


def read_page(content: dict[str, Any], path: Path) -> Truth:
    """The accuracies in a table of the project page.

    Args:
        content: Parsed object of the file.
        path: Path of the file, for error messages and for `Truth.path`.

    Returns:
        The accuracies; null becomes NaN.

    Raises:
        InputError: If labels, rows or references have another form than this module describes.

    Example:
        >>> content = {"0": [0.5, 0.25], "7": "0", "": ["cifar10#clean", "cifar10#pgd"]}
        >>> read_page(content, Path("acc.json")).value(7, "cifar10", "pgd")
        0.25
    """
    labels = content[""]
    benchmark, names = _columns(labels, path)
    rows: dict[int, list[Any]] = {}
    references: dict[int, int] = {}
    for key, entry in content.items():
        if key == "":
            continue
        index = parse_id(key, str(path))
        if isinstance(entry, list):
            _check_row(index, entry, labels, path)
            rows[index] = entry
        else:
            references[index] = parse_id(entry, f"{path} (architecture {index})")
    columns = {
        name: {
            index: float("nan") if row[position] is None else float(row[position])
            for index, row in rows.items()
        }
        for position, name in enumerate(names)
    }
    notes = ("the attacks are at 1/255 (confirmed for pgd)",) if benchmark == JUNG else ()
    representative_of = resolve(references, set(rows), str(path))
    return Truth(benchmark, path, tidy(columns), representative_of, notes)
