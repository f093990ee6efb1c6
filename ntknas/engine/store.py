"""The run store: one SQLite file in WAL mode, one transaction an architecture.

A killed process leaves whole architectures or nothing; readers may look while a run goes on; a
lock that the operating system releases with its holder keeps a second writer out. A run whose
writer has ended is `run.sqlite` alone, and is read from a medium that cannot be written too. After
a kill, the folder holds the log `run.sqlite-wal` as well, which belongs to the run.
"""

import contextlib
import fcntl
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ntknas.errors import InputError
from ntknas.scores import KERNEL_SCORES, ZERO_COST_SCORES

__all__ = ["DATABASE", "GramRecord", "ScoreRecord", "Store", "ZeroCostRecord"]

DATABASE = "run.sqlite"
_LOCK = "lock"

_SCORE_TABLE = f"""
CREATE TABLE score (
    id INTEGER NOT NULL, seed INTEGER NOT NULL, position INTEGER NOT NULL, kernel TEXT NOT NULL,
    rho REAL, beta REAL, status TEXT NOT NULL, {", ".join(f"{s} REAL" for s in KERNEL_SCORES)},
    PRIMARY KEY (id, seed, position)
) WITHOUT ROWID;
"""

_SCHEMA = f"""
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE batch (seed INTEGER PRIMARY KEY, indices TEXT NOT NULL, labels TEXT NOT NULL);
CREATE TABLE architecture (id INTEGER PRIMARY KEY, seconds REAL NOT NULL);
CREATE TABLE gram (
    id INTEGER NOT NULL, seed INTEGER NOT NULL, rho REAL NOT NULL, upper BLOB NOT NULL,
    PRIMARY KEY (id, seed, rho)
) WITHOUT ROWID;
{_SCORE_TABLE}
CREATE TABLE zero_cost (
    id INTEGER NOT NULL, seed INTEGER NOT NULL, {", ".join(f"{s} REAL" for s in ZERO_COST_SCORES)},
    PRIMARY KEY (id, seed)
) WITHOUT ROWID;
"""


class GramRecord(NamedTuple):
    """A joint Gram matrix: seed, radius (0 if only clean images), matrix [m, m]."""

    seed: int
    rho: float
    gram: np.ndarray


class ScoreRecord(NamedTuple):
    """A row of the score table: scores in the order of `KERNEL_SCORES`."""

    seed: int
    position: int
    kernel: str
    rho: float | None
    beta: float | None
    status: str
    scores: tuple[float, ...]


class ZeroCostRecord(NamedTuple):
    """A row of the table of proxies: scores in the order of `ZERO_COST_SCORES`."""

    seed: int
    scores: tuple[float, ...]


class Store:
    """A folder that holds one run."""

    def __init__(self, folder: Path, connection: sqlite3.Connection):
        self.folder = folder
        self._connection = connection

    @classmethod
    @contextlib.contextmanager
    def write(cls, folder: Path) -> Iterator["Store"]:
        """Open a folder's run for writing, making both if they do not exist.

        Raises:
          InputError: if the folder cannot be written, another process writes to it, or it holds
            something else.
        """
        with contextlib.ExitStack() as stack:
            try:
                folder.mkdir(parents=True, exist_ok=True)
                lock = stack.enter_context((folder / _LOCK).open("w"))
            except OSError as error:
                raise InputError(f"cannot write to {folder}: {error.strerror}") from None
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise InputError(f"another process is writing to {folder}") from None
            except OSError as error:
                raise InputError(f"cannot lock {folder}: {error.strerror}") from None
            with _clear_errors(folder, "write"):
                # The thread that scores is not always the one that opened the store.
                connection = sqlite3.connect(folder / DATABASE, check_same_thread=False)
                stack.callback(connection.close)
                tables = _tables(connection)
                if tables and "score" not in tables:
                    raise InputError(f"{folder / DATABASE} is not a run of ntknas")
                connection.execute("PRAGMA journal_mode=WAL")
                connection.execute("PRAGMA synchronous=NORMAL")
                if not tables:
                    connection.executescript(f"BEGIN;{_SCHEMA}COMMIT;")
            yield cls(folder, connection)

    @classmethod
    def read(cls, folder: Path) -> "Store":
        """Open a folder's run for reading.

        Raises:
          InputError: if there is no run in it.
        """
        path = folder / DATABASE
        try:
            found = path.is_file()
        except OSError as error:
            raise InputError(f"cannot read the run in {folder}: {error.strerror}") from None
        if not found:
            raise InputError(f"no run in {folder}: expected a file {DATABASE} there")
        with _clear_errors(folder, "read"):
            connection = _open_to_read(path)
            tables = _tables(connection)
        if not tables:
            raise InputError(f"the run in {folder} is empty: it was stopped before it began")
        if "score" not in tables:
            raise InputError(f"{path} is not a run of ntknas")
        return cls(folder, connection)

    def _rows(self, query: str, values: tuple = ()) -> Iterator[tuple]:
        with _clear_errors(self.folder, "read"):
            yield from self._connection.execute(query, values)

    def meta(self) -> dict[str, str]:
        """Names and values that describe the run; empty for a new one."""
        return dict(self._rows("SELECT name, value FROM meta"))

    def begin(self, meta: dict[str, str], batches: list[tuple[int, str, str]]) -> None:
        """Describe a new run: its meta data and (seed, indices, labels) of its batches."""
        with _clear_errors(self.folder, "write"), self._connection as c:
            c.executemany("INSERT INTO meta VALUES (?, ?)", meta.items())
            c.executemany("INSERT INTO batch VALUES (?, ?, ?)", batches)

    def batches(self) -> dict[int, tuple[str, str]]:
        """Indices and labels of the batch of each seed."""
        rows = self._rows("SELECT seed, indices, labels FROM batch")
        return {seed: (indices, labels) for seed, indices, labels in rows}

    def done(self) -> set[int]:
        """Ids of the finished architectures."""
        return {row[0] for row in self._rows("SELECT id FROM architecture")}

    def add(
        self,
        index: int,
        seconds: float,
        grams: list[GramRecord],
        scores: list[ScoreRecord],
        zero_cost: Sequence[ZeroCostRecord] = (),
    ) -> None:
        """Store a finished architecture in one transaction."""
        with _clear_errors(self.folder, "write"), self._connection as c:
            c.execute("INSERT INTO architecture VALUES (?, ?)", (index, seconds))
            c.executemany(
                "INSERT INTO gram VALUES (?, ?, ?, ?)",
                [(index, g.seed, g.rho, _upper(g.gram)) for g in grams],
            )
            _insert_scores(c, [(index, record) for record in scores])
            if zero_cost:  # runs of older versions have no such table
                marks = ", ".join("?" * (2 + len(ZERO_COST_SCORES)))
                c.executemany(
                    f"INSERT INTO zero_cost VALUES ({marks})",
                    [(index, record.seed, *record.scores) for record in zero_cost],
                )

    def has_all_scores(self) -> bool:
        """Whether the run was made with the scores that there are today."""
        columns = [row[1] for row in self._rows("PRAGMA table_info(score)")]
        return columns[-len(KERNEL_SCORES) :] == list(KERNEL_SCORES)

    def rewrite_scores(self, records: Sequence[tuple[int, ScoreRecord]]) -> None:
        """Put another score table, of (id, row), in place of the run's, in one transaction."""
        with _clear_errors(self.folder, "write"), self._connection as c:
            c.execute("BEGIN IMMEDIATE")
            c.execute("DROP TABLE score")
            c.execute(_SCORE_TABLE)
            _insert_scores(c, records)

    def score_rows(self) -> list[tuple]:
        """All rows of the score table: id, seed, position, kernel, rho, beta, status, scores."""
        return list(self._rows("SELECT * FROM score ORDER BY id, seed, position"))

    def zero_cost_rows(self) -> list[tuple]:
        """All rows of the table of proxies: id, seed, scores."""
        return list(self._rows("SELECT * FROM zero_cost ORDER BY id, seed"))

    def seconds(self) -> dict[int, float]:
        """Wall-clock seconds that each architecture took."""
        return dict(self._rows("SELECT id, seconds FROM architecture"))

    def grams(
        self, index: int | None, dtype: np.dtype
    ) -> Iterator[tuple[int, int, float, np.ndarray]]:
        """(id, seed, rho, joint Gram matrix in float64) of one architecture, or of all."""
        where, values = ("", ()) if index is None else ("WHERE id = ?", (index,))
        rows = self._rows(
            f"SELECT id, seed, rho, upper FROM gram {where} ORDER BY id, seed, rho", values
        )
        for i, seed, rho, blob in rows:
            yield i, seed, rho, _from_upper(np.frombuffer(blob, dtype))


def _tables(connection: sqlite3.Connection) -> set[str]:
    return {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}


def _insert_scores(
    connection: sqlite3.Connection, records: Sequence[tuple[int, ScoreRecord]]
) -> None:
    marks = ", ".join("?" * (7 + len(KERNEL_SCORES)))
    rows = [(index, *record[:-1], *record.scores) for index, record in records]
    connection.executemany(f"INSERT INTO score VALUES ({marks})", rows)


def _upper(gram: np.ndarray) -> bytes:
    return gram[np.triu_indices(len(gram))].tobytes()


def _from_upper(values: np.ndarray) -> np.ndarray:
    size = int((2 * len(values)) ** 0.5)
    gram = np.empty((size, size))
    rows, columns = np.triu_indices(size)
    gram[rows, columns] = gram[columns, rows] = values
    return gram


def _open_to_read(path: Path) -> sqlite3.Connection:
    """A connection that only reads, whether or not the folder may be written.

    In WAL mode SQLite makes a small file beside the database even to read it. Where it may not,
    and there is no log, the database is complete and can be read as a file that nobody changes.
    """
    uri = f"{path.absolute().as_uri()}?mode=ro"
    try:
        connection = sqlite3.connect(uri, uri=True, check_same_thread=False)
        _tables(connection)
        return connection
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY):
            raise
    log = path.with_name(f"{path.name}-wal")
    if log.exists() and log.stat().st_size:
        raise InputError(
            f"cannot read the run in {path.parent}: {log.name} has to be merged into {path.name}, "
            "which needs write permission; copy the whole folder to where you may write"
        )
    return sqlite3.connect(f"{uri}&immutable=1", uri=True, check_same_thread=False)


@contextlib.contextmanager
def _clear_errors(folder: Path, verb: str) -> Iterator[None]:
    """SQLite's errors while it reads or writes as one line that names the folder."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        if verb == "write" and code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
            raise OSError(f"cannot write to {folder}: {error}; the run can be resumed") from None
        raise InputError(f"cannot {verb} the run in {folder}: {error}") from None
