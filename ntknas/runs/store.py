"""The run store: one SQLite file in WAL mode, one transaction per architecture.

If a process is killed, each architecture is either stored completely or not at all. A run can be
read while another process writes to it. A lock prevents a second writer; the operating system
releases it when the process ends. When the writer has ended, the run is the single file
`run.sqlite`, which can also be read from a read-only medium. After a kill, the folder also holds
the log `run.sqlite-wal`, which belongs to the run.

Runs of earlier versions can be read without changing them. They are brought to the current schema
when they are written to (`ntknas.runs.migrations`).
"""

import contextlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import chain, islice
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from ntknas.errors import InputError
from ntknas.locks import try_lock
from ntknas.runs.checksums import (
    ADVICE,
    TABLES,
    Rows,
    columns_of,
    quoted,
    seal,
    verified_labels,
    verified_rows,
)
from ntknas.runs.database import (
    check_schema,
    clear_errors,
    open_to_read,
    prepare_to_write,
    table_names,
)
from ntknas.runs.migrations import migrate_tables
from ntknas.runs.rows import ScoreRow
from ntknas.spaces.space import Candidate, Label

__all__ = ["DATABASE", "SCORE_KEYS", "Description", "GramRecord", "Store"]

DATABASE = "run.sqlite"
_LOCK = "lock"

_PER_LABEL = [name for name, table in TABLES.items() if table.per_label]
SCORE_KEYS = (*TABLES["score"].order, *TABLES["score"].texts)
"""The columns of the score table that stand before the scores."""


class GramRecord(NamedTuple):
    """A stored joint Gram matrix.

    Attributes:
        seed: Seed of the initialisation.
        rho: Attack radius in pixel units; 0 if there are only clean images.
        gram: Matrix `[m, m]` in the type of the arithmetic that computed it.
        layer_cosine: Matrix of the layer cosine kernel; None if it is not known.
        parts: Matrices of the parts that were kept, by name.
    """

    seed: int
    rho: float
    gram: np.ndarray
    layer_cosine: np.ndarray | None = None
    parts: Mapping[str, np.ndarray] = MappingProxyType({})


class Description(NamedTuple):
    """The facts that a run stores about a finished architecture.

    Attributes:
        string: Architecture as text.
        constant: Whether the output never depends on the input.
        counts: Scores that need no network, by name.
        seconds: Wall-clock seconds that the architecture took, over all seeds.
    """

    string: str
    constant: bool
    counts: dict[str, float]
    seconds: float


class Store:
    """A folder that holds one run.

    Args:
        folder: Folder of the run.
        connection: Open connection to the database in the folder.
        sealed: Whether the run has checksums; those of earlier versions have none.
    """

    def __init__(self, folder: Path, connection: sqlite3.Connection, *, sealed: bool = True):
        self.folder = folder
        self._connection = connection
        self._sealed = sealed
        self._score_columns: list[str] | None = None  # of the only writer

    @classmethod
    @contextlib.contextmanager
    def write(cls, folder: Path) -> Iterator["Store"]:
        """Open the run in a folder for writing; the folder and the run are made if necessary.

        Args:
            folder: Folder of the run.

        Raises:
            InputError: If the folder cannot be written, another process writes to it, or it holds
                another kind of file.
        """
        with contextlib.ExitStack() as stack:
            try:
                folder.mkdir(parents=True, exist_ok=True)
                (folder / _LOCK).touch()
            except OSError as error:
                raise InputError(f"cannot write to {folder}: {error.strerror}") from None
            try:
                if not stack.enter_context(try_lock(folder / _LOCK)):
                    raise InputError(f"another process is writing to {folder}")
            except OSError as error:
                raise InputError(f"cannot lock {folder}: {error.strerror}") from None
            with clear_errors(folder, "write"):
                # The thread that scores is not always the one that opened the store.
                connection = sqlite3.connect(folder / DATABASE, check_same_thread=False)
                stack.callback(connection.close)
                prepare_to_write(connection, folder / DATABASE)
            yield cls(folder, connection)

    @classmethod
    def read(cls, folder: Path) -> "Store":
        """Open the run in a folder for reading.

        Args:
            folder: Folder of the run.

        Raises:
            InputError: If there is no run in the folder, or it cannot be read.
        """
        path = folder / DATABASE
        try:
            exists = path.is_file()
        except OSError as error:
            raise InputError(f"cannot read the run in {folder}: {error.strerror}") from None
        if not exists:
            raise InputError(f"no run in {folder}: expected a file {DATABASE} there")
        with clear_errors(folder, "read"):
            connection = open_to_read(path)
            tables = table_names(connection)
            if not tables:
                raise InputError(f"the run in {folder} is empty: it was stopped before it began")
            if "score" not in tables:
                raise InputError(f"{path} is not a run of ntknas")
            sealed = check_schema(connection, path)
            migrate_tables(connection, path, in_file=False)
        return cls(folder, connection, sealed=sealed)

    def _rows(self, query: str, values: tuple = ()) -> Iterator[tuple]:
        """The rows that a query returns."""
        with clear_errors(self.folder, "read"):
            yield from self._connection.execute(query, values)

    def _verified(self, table: str, label: Label | None = None) -> Iterator[Rows]:
        """The rows of a table, held to their checksums, architecture by architecture."""
        path = self.folder / DATABASE
        with clear_errors(self.folder, "read"):
            yield from verified_rows(self._connection, path, table, label, sealed=self._sealed)

    def _keys(self, table: str, label: Label | None = None) -> Iterator[tuple]:
        """The rows of a table without those columns that hold numbers or matrices."""
        return chain.from_iterable(rows.keys for rows in self._verified(table, label))

    def meta(self) -> dict[str, str]:
        """Names and values that describe the run; empty for a new run."""
        return dict(self._keys("meta"))

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Store all that is written meanwhile, or nothing if an error ends it.

        The transactions of the methods that are called meanwhile become parts of it.
        """
        with clear_errors(self.folder, "write"):
            if self._connection.in_transaction:
                yield self._connection
                return
            with self._connection as c:
                c.execute("BEGIN IMMEDIATE")
                yield c

    def begin(self, meta: dict[str, str], batches: list[tuple[int, str, str]]) -> None:
        """Store the description of a new run.

        Args:
            meta: Settings of the run and facts about where it was made, by name.
            batches: Seed, indices and labels of each batch of images.
        """
        with self.transaction() as c:
            c.executemany("INSERT INTO meta VALUES (?, ?)", meta.items())
            c.executemany("INSERT INTO batch VALUES (?, ?, ?)", batches)
            seal(c, ("meta", "batch"))

    def add_meta(self, meta: Mapping[str, str]) -> None:
        """Add entries to the description of the run; those of the same names are replaced.

        Args:
            meta: Settings of the run and facts about where it was made, by name.
        """
        with self.transaction() as c:
            c.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", meta.items())
            seal(c, ["meta"])

    def batches(self) -> dict[int, tuple[str, str]]:
        """Indices and labels of the batch of images of each seed."""
        return {seed: (indices, labels) for seed, indices, labels in self._keys("batch")}

    def done(self) -> set[Label]:
        """Labels of the finished architectures."""
        with clear_errors(self.folder, "read"):
            path = self.folder / DATABASE
            return verified_labels(self._connection, path, sealed=self._sealed)

    def descriptions(self, label: Label | None = None) -> dict[Label, Description]:
        """The description of each finished architecture, by label; or that of one."""
        try:
            return {
                of: Description(string, bool(constant), json.loads(counts), seconds)
                for of, seconds, string, constant, counts in self._keys("architecture", label)
            }
        except (TypeError, json.JSONDecodeError):  # of a run that has no checksums
            path = self.folder / DATABASE
            raise InputError(f"{path} is damaged: a description is none; {ADVICE}") from None

    def add(
        self,
        architecture: Candidate,
        *,
        seconds: float,
        counts: Mapping[str, float],
        grams: Sequence[GramRecord],
        scores: Sequence[tuple[int, Sequence[ScoreRow]]],
        proxies: Sequence[tuple[int, Mapping[str, float]]] = (),
    ) -> None:
        """Store a finished architecture in one transaction.

        Args:
            architecture: Finished architecture.
            seconds: Wall-clock seconds that the architecture took.
            counts: Scores that need no network, by name.
            grams: Joint Gram matrices of the architecture.
            scores: Each seed with its rows, in the order of the table.
            proxies: Each seed with its zero-cost proxies by name, if the run has any.
        """
        label = architecture.id
        described = (label, seconds, architecture.string, architecture.is_constant)
        with self.transaction() as c:
            c.execute(
                "INSERT INTO architecture VALUES (?, ?, ?, ?, ?)", (*described, json.dumps(counts))
            )
            c.executemany(
                "INSERT INTO gram (id, seed, rho, upper, layer_cosine) VALUES (?, ?, ?, ?, ?)",
                [(label, g.seed, g.rho, _upper(g.gram), _upper(g.layer_cosine)) for g in grams],
            )
            c.executemany(
                "INSERT INTO part (id, seed, rho, position, name, upper) VALUES (?, ?, ?, ?, ?, ?)",
                [
                    (label, g.seed, g.rho, position, name, _upper(part))
                    for g in grams
                    for position, (name, part) in enumerate(g.parts.items())
                ],
            )
            if self._score_columns is None:
                self._score_columns = self.score_columns()
            _insert_scores(c, self._score_columns, [(label, *of_seed) for of_seed in scores])
            if proxies:
                names = list(proxies[0][1])
                c.executemany(
                    f"INSERT INTO zero_cost (id, seed, {quoted(names)}) "
                    f"VALUES ({_marks(2 + len(names))})",
                    [(label, seed, *map(values.get, names)) for seed, values in proxies],
                )
            seal(c, _PER_LABEL, label)

    def adopt(
        self,
        other: "Store",
        scores: Sequence[str] = (),
        records: Iterable[tuple[Label, int, Sequence[ScoreRow]]] = (),
    ) -> int:
        """Add the architectures of another run of the same settings, in one transaction.

        Args:
            other: The other run, open for reading.
            scores: Names of scores that the table of this run has and that of the other lacks.
            records: Label, seed and rows of each added architecture and seed, with these scores.

        Returns:
            The number of architectures that this run held already; they are left as they are.
        """
        held = self.done()
        new = sorted(other.done() - held, key=str)
        mine = self.score_columns()
        with self.transaction() as c:
            self._add_columns([name for name in other.score_columns() if name not in mine])
            for table in _PER_LABEL:
                columns = other._columns(table)
                # A file of another version may have columns of proxies that no run of these
                # settings has.
                kept = [name for name in columns if name in self._columns(table)]
                select = f"SELECT {quoted(kept)} FROM {table} WHERE id = ?"
                insert = f"INSERT INTO {table} ({quoted(kept)}) VALUES ({_marks(len(kept))})"
                for label in new if kept else []:
                    for _ in other._verified(table, label):
                        c.executemany(insert, other._rows(select, (label,)))
            _update_scores(c, scores, records)
            for label in new:
                seal(c, _PER_LABEL, label)
        return len(held & other.done())

    def _add_columns(self, scores: Sequence[str]) -> None:
        """Make columns of scores in the table, which is first held to its checksums."""
        self._score_columns = None
        if scores:
            for _ in self._verified("score"):
                pass
        for name in scores:
            self._connection.execute(f'ALTER TABLE score ADD COLUMN "{name}" REAL')
        if scores:
            seal(self._connection, ["score"])

    def _columns(self, table: str) -> list[str]:
        """The names of a table's columns; none if there is no such table."""
        with clear_errors(self.folder, "read"):
            return columns_of(self._connection, table)

    def score_columns(self) -> list[str]:
        """The names of the kernel scores that the table of the run holds."""
        return [name for name in self._columns("score") if name not in SCORE_KEYS]

    def add_scores(
        self,
        scores: Sequence[str],
        records: Sequence[tuple[Label, int, Sequence[ScoreRow]]],
    ) -> None:
        """Add kernel scores to the table of the run, in one transaction.

        Args:
            scores: Names of the scores that the table lacks.
            records: Label, seed and rows of each architecture and seed.
        """
        with self.transaction() as c:
            self._add_columns(scores)
            _update_scores(c, scores, records)
            seal(c, ["score"])

    def has_layer_cosine(self) -> bool:
        """Whether some architecture has a layer cosine kernel; none has in runs of version 0.1."""
        found = self._rows("SELECT 1 FROM gram WHERE layer_cosine IS NOT NULL LIMIT 1")
        return next(found, None) is not None

    def score_rows(self) -> tuple[list[str], Iterator[Rows]]:
        """The names of the columns of the score table, and its rows by architecture, in order."""
        rows = self._verified("score")
        first = list(islice(rows, 1))  # from here on, what others write is not seen
        return self._columns("score"), chain(first, rows)

    def proxy_rows(self) -> tuple[list[str], list[tuple]]:
        """The names of the columns of the table of proxies, and all of its rows in order.

        A table without rows has no columns: nothing would hold their names to a checksum.
        """
        rows = [
            (*key, *values)
            for of_label in self._verified("zero_cost")
            for key, values in zip(of_label.keys, of_label.data.tolist(), strict=True)
        ]
        return self._columns("zero_cost") if rows else [], rows

    def grams(self, label: Label | None, dtype: np.dtype) -> Iterator[tuple[Label, GramRecord]]:
        """The joint Gram matrices of one architecture, or of all architectures.

        Args:
            label: Label of the architecture; None means all.
            dtype: Type of the arithmetic that computed the matrices.

        Yields:
            Label and matrices in float64, ordered by label, seed and rho.
        """

        def matrix(stored: Any) -> np.ndarray:
            try:
                return _from_upper(np.frombuffer(stored, dtype))
            except (TypeError, ValueError):  # of a run that has no checksums
                path = self.folder / DATABASE
                raise InputError(f"{path} is damaged: a matrix is incomplete; {ADVICE}") from None

        of_parts = self._verified("part", label)
        parts = None  # read ahead: not all architectures have parts
        for rows in self._verified("gram", label):
            parts = parts or next(of_parts, None)
            of_label: dict[tuple, dict[str, np.ndarray]] = {}
            if parts is not None and parts.label == rows.label:
                for (_, seed, rho, _, name), (upper,) in zip(parts.keys, parts.data, strict=True):
                    of_label.setdefault((seed, rho), {})[name] = matrix(upper)
                parts = None
            for (_, seed, rho), (whole, cosine) in zip(rows.keys, rows.data, strict=True):
                layer_cosine = None if cosine is None else matrix(cosine)
                kept = of_label.get((seed, rho), {})
                yield rows.label, GramRecord(seed, rho, matrix(whole), layer_cosine, kept)
        for _ in of_parts:  # none is left, or some are of no architecture
            pass


def _marks(count: int) -> str:
    """A list of question marks, the place holders of SQL."""
    return ", ".join("?" * count)


def _insert_scores(
    connection: sqlite3.Connection,
    scores: Sequence[str],
    records: Sequence[tuple[Label, int, Sequence[ScoreRow]]],
) -> None:
    """Insert rows into the score table; scores that the rows lack stay missing."""
    columns = (*SCORE_KEYS, *scores)
    rows: list[tuple[Any, ...]] = [
        (label, seed, position, *row[:-1], *map(row.scores.get, scores))
        for label, seed, rows_of_seed in records
        for position, row in enumerate(rows_of_seed)
    ]
    connection.executemany(
        f"INSERT INTO score ({quoted(columns)}) VALUES ({_marks(len(columns))})", rows
    )


def _update_scores(
    connection: sqlite3.Connection,
    scores: Sequence[str],
    records: Iterable[tuple[Label, int, Sequence[ScoreRow]]],
) -> None:
    """Write scores into rows of the score table; scores that the records lack become missing."""
    if not scores:
        return
    assigned = ", ".join(f'"{name}" = ?' for name in scores)
    connection.executemany(
        f"UPDATE score SET {assigned} WHERE id = ? AND seed = ? AND position = ?",
        (
            (*map(row.scores.get, scores), label, seed, position)
            for label, seed, rows in records
            for position, row in enumerate(rows)
        ),
    )


def _upper(gram: np.ndarray | None) -> bytes | None:
    """The upper triangle of a symmetric matrix, as bytes; None for a matrix that is not known."""
    return None if gram is None else gram[_triangle(len(gram))].tobytes()


@cache
def _triangle(size: int) -> tuple[np.ndarray, np.ndarray]:
    """The positions of the upper triangle of a matrix."""
    return np.triu_indices(size)


@cache
def _places(count: int) -> np.ndarray:
    """For each entry of a symmetric matrix, its place among the `count` values of the triangle."""
    size = int((2 * count) ** 0.5)
    places = np.empty((size, size), np.intp)
    rows, columns = _triangle(size)
    places[rows, columns] = places[columns, rows] = np.arange(count)
    return places


def _from_upper(values: np.ndarray) -> np.ndarray:
    """The symmetric matrix in float64 with this upper triangle."""
    return values.astype(float).take(_places(len(values)))
