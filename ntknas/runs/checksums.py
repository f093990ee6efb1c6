"""Checksums of a run: damage to its file is found when it is read, never passed on as numbers.

Each table of a run has one checksum per architecture, over all rows and columns that it has for
the architecture; the tables of the whole run (`meta`, `batch`) have one each. Checksums stand in a
table of their own, so that rows that vanish are missed too. A checksum is 64 bits of BLAKE2b, which
is no slower here than a CRC and overlooks one random error in 2^64.
"""

import contextlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import blake2b
from itertools import chain, groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ntknas.errors import InputError, shorten
from ntknas.spaces.space import Label

__all__ = [
    "ADVICE",
    "CHECKSUMS",
    "TABLES",
    "Rows",
    "columns_of",
    "quoted",
    "seal",
    "verified_labels",
    "verified_rows",
]

CHECKSUMS = """
CREATE TABLE checksum (
    of TEXT NOT NULL, id NOT NULL, value INTEGER NOT NULL, PRIMARY KEY (of, id)
) WITHOUT ROWID
"""
"""The SQL statement that makes the table of checksums."""

ADVICE = "restore a copy of the file, or score again into another folder"
"""What to do about a damaged file."""

WHOLE_RUN = 0
"""Stands for the label where a table describes the whole run."""


class _Table(NamedTuple):
    """A table that has checksums.

    Attributes:
        what: What the table holds, for messages.
        order: Columns that rows are ordered by; they tell rows apart.
        texts: Columns after those that hold short values.
        numbers: Whether all other columns are numbers; if not, they are matrices as bytes.
        per_label: Whether the first column is the label of an architecture.
    """

    what: str
    order: tuple[str, ...]
    texts: tuple[str, ...] = ()
    numbers: bool = False
    per_label: bool = True


TABLES = {
    "meta": _Table("settings", ("name",), ("value",), per_label=False),
    "batch": _Table("batches of images", ("seed",), ("indices", "labels"), per_label=False),
    "architecture": _Table("description", ("id",), ("seconds", "string", "constant", "counts")),
    "gram": _Table("Gram matrices", ("id", "seed", "rho")),
    "part": _Table("matrices of parts", ("id", "seed", "rho", "position"), ("name",)),
    "score": _Table(
        "scores",
        ("id", "seed", "position"),
        ("kernel", "part", "rho", "beta", "status"),
        numbers=True,
    ),
    "zero_cost": _Table("zero-cost proxies", ("id", "seed"), numbers=True),
}
"""The tables of a run that have checksums, by name."""


class Rows(NamedTuple):
    """The rows that a table has for one architecture, or for the whole run.

    Attributes:
        label: Label of the architecture.
        keys: The columns that tell the rows apart and those of short values, row by row.
        data: All other columns: numbers `[rows, columns]` in float64 (NaN where one is missing), or
            the bytes of matrices, row by row.
    """

    label: Label
    keys: list[tuple]
    data: Any


def columns_of(connection: sqlite3.Connection, table: str) -> list[str]:
    """The names of a table's columns, keys first; none if there is no such table."""
    names = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
    keys = [*TABLES[table].order, *TABLES[table].texts]
    return [*keys, *(name for name in names if name not in keys)] if names else []


def quoted(names: Sequence[str]) -> str:
    """The names of columns as a quoted list for SQL."""
    return ", ".join(f'"{name}"' for name in names)


def verified_rows(
    connection: sqlite3.Connection, path: Path, table: str, label: Label | None, *, sealed: bool
) -> Iterator[Rows]:
    """The rows of a table, architecture by architecture, held to their checksums.

    Args:
        connection: Connection to the run.
        path: Path of the run's file, for messages.
        table: Name of the table.
        label: Label of an architecture; None means all.
        sealed: Whether the run has checksums; those of earlier versions have none.

    Yields:
        Rows in order. Until the end, the run is read as it was at the beginning.

    Raises:
        InputError: If rows and checksums disagree.
    """
    with _one_state(connection):
        where, values = ("", ()) if label is None else (" AND id = ?", (label,))
        query = f"SELECT id, value FROM checksum WHERE of = ?{where}"
        expected = dict(connection.execute(query, (table, *values))) if sealed else {}
        columns = columns_of(connection, table)
        for rows in _grouped(connection, table, columns, label):
            if sealed and expected.pop(rows.label, None) != _checksum(columns, rows):
                raise _damaged(path, table, rows.label)
            yield rows
        for missing in expected:
            raise _damaged(path, table, missing)


def verified_labels(connection: sqlite3.Connection, path: Path, *, sealed: bool) -> set[Label]:
    """The labels of the finished architectures, none of which is lost.

    Args:
        connection: Connection to the run.
        path: Path of the run's file, for messages.
        sealed: Whether the run has checksums; those of earlier versions have none.

    Raises:
        InputError: If these are not the labels that have checksums.
    """
    with _one_state(connection):
        labels = {row[0] for row in connection.execute("SELECT id FROM architecture")}
        if sealed:
            query = "SELECT id FROM checksum WHERE of = 'architecture'"
            for label in labels ^ {row[0] for row in connection.execute(query)}:
                raise _damaged(path, "architecture", label)
    return labels


@contextlib.contextmanager
def _one_state(connection: sqlite3.Connection) -> Iterator[None]:
    """Read the run in the same state throughout, whatever others write."""
    # SQLite changes states only when no statement is unfinished.
    unfinished = connection.execute("SELECT name FROM sqlite_master")
    unfinished.fetchone()
    try:
        yield
    finally:
        unfinished.close()


def _damaged(path: Path, table: str, label: Any) -> InputError:
    """The error that says what is damaged."""
    of = f" of architecture {shorten(str(label))!a}" if TABLES[table].per_label else ""
    what = TABLES[table].what
    return InputError(f"{path} is damaged: checksum of the {what}{of}; {ADVICE}")


def _grouped(
    connection: sqlite3.Connection, table: str, columns: list[str], label: Label | None
) -> Iterator[Rows]:
    """The rows of a table, architecture by architecture."""
    kind = TABLES[table]
    width = len(kind.order) + len(kind.texts)
    where, values = ("", ()) if label is None else ("WHERE id = ?", (label,))
    order = quoted(kind.order)
    query = f"SELECT {quoted(columns)} FROM {table} {where} ORDER BY {order}"
    stored = connection.execute(query, values) if columns else iter(())
    first: Callable[[tuple], Any] = itemgetter(0) if kind.per_label else lambda _: WHOLE_RUN
    keys, rest = itemgetter(slice(width)), itemgetter(slice(width, None))
    for of, group in groupby(stored, key=first):
        rows = list(group)
        data: Any = list(map(rest, rows))
        if kind.numbers:
            try:
                data = np.array(data, "<f8")
            except (TypeError, ValueError):
                raise sqlite3.DatabaseError(f"numbers expected in the table {table}") from None
        yield Rows(of, list(map(keys, rows)), data)


def _checksum(columns: Sequence[str], rows: Rows) -> int:
    """The checksum of rows: of the names of columns, short values as Python writes them, data."""
    state = blake2b(repr((columns, rows.keys)).encode(), digest_size=8)
    if isinstance(rows.data, np.ndarray):
        state.update(rows.data.tobytes())
    else:
        try:
            state.update(b"".join(chain.from_iterable(rows.data)))
        except TypeError:  # an older run has no layer cosine kernel
            state.update(repr(rows.data).encode())
    return int.from_bytes(state.digest(), "little", signed=True)


def seal(
    connection: sqlite3.Connection, tables: Iterable[str] = TABLES, label: Label | None = None
) -> None:
    """Store the checksums of what tables hold, in the transaction that wrote it.

    Args:
        connection: Connection to the run.
        tables: Names of tables.
        label: Label of an architecture; None means all.
    """
    for table in tables:
        columns = columns_of(connection, table)
        connection.executemany(
            "INSERT OR REPLACE INTO checksum VALUES (?, ?, ?)",
            [
                (table, rows.label, _checksum(columns, rows))
                for rows in _grouped(connection, table, columns, label)
            ],
        )
