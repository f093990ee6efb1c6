"""The history of a search as a CSV file, from which the search is continued.

One row per query, in order, with the columns query (from 1), architecture (label), value, string
(the architecture as text) and, with several objectives, value_2, value_3, ... Numbers keep every
digit.
"""

import csv
import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ntknas.errors import InputError
from ntknas.files import write_whole
from ntknas.search.loop import Evaluation
from ntknas.spaces import Space

__all__ = ["append_history", "read_history"]

_COLUMNS = ("query", "architecture", "value", "string")


def append_history(
    path: str | os.PathLike[str], history: Sequence[Evaluation], *, stored: int = 0
) -> None:
    """Add the queries that a file does not hold yet.

    Args:
        path: Path of the CSV file. If `stored` is 0, it is written anew, in one step.
        history: All queries so far.
        stored: Number of queries that the file holds.
    """
    rows = io.StringIO()
    writer = csv.writer(rows, lineterminator="\n")
    if stored == 0:
        more = max((len(query.values) for query in history), default=0)
        writer.writerow([*_COLUMNS, *(f"value_{n}" for n in range(2, more + 1))])
    for number, query in enumerate(history[stored:], stored + 1):
        fields = [number, query.architecture.id, repr(query.value), query.architecture.string]
        writer.writerow([*fields, *(repr(value) for value in query.values[1:])])
    if stored == 0:
        write_whole(Path(path), rows.getvalue())
    else:
        with Path(path).open("a", newline="", encoding="utf-8") as file:
            file.write(rows.getvalue())


def read_history(path: str | os.PathLike[str], space: Space[Any]) -> list[Evaluation]:
    """The queries in a file.

    A last line that was cut off, as by a power failure, is left out.

    Args:
        path: Path of the CSV file.
        space: Space of the architectures.

    Raises:
        InputError: If the file cannot be read, or is not a history of the space.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a text file"
        raise InputError(f"expected the history of a search, got {path}: {reason}") from error
    whole = text[: text.rfind("\n") + 1]
    rows = list(csv.reader(whole.splitlines()))
    if not rows or tuple(rows[0][: len(_COLUMNS)]) != _COLUMNS:
        raise InputError(f"expected the columns {','.join(_COLUMNS)} in {path}")
    history = []
    for number, row in enumerate(rows[1:], 1):
        try:
            if int(row[0]) != number or len(row) != len(rows[0]):
                raise ValueError
            values = tuple(float(value) for value in (row[2], *row[len(_COLUMNS) :]))
        except (ValueError, IndexError):
            raise InputError(f"expected query {number} in line {number + 1} of {path}") from None
        architecture = space.parse(row[1])[0]
        history.append(Evaluation(architecture, values[0], values if len(values) > 1 else ()))
    return history
