"""The SQLite file of a run: its tables, how it is opened, and its errors in one line."""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from ntknas.errors import InputError, shorten
from ntknas.runs.checksums import ADVICE, CHECKSUMS, TABLES
from ntknas.runs.migrations import SCHEMA, SEALED, migrate_tables
from ntknas.scores import ScoreKind, score_names

__all__ = ["check_schema", "clear_errors", "open_to_read", "prepare_to_write", "table_names"]


def _schema() -> str:
    """The SQL statements that make the tables of a new run.

    A row of a table without row ids that is longer than a quarter of a page takes pages of its own.
    Matrices are, so `gram` has row ids.
    """
    scores, proxies = (
        ", ".join(f'"{name}" REAL' for name in score_names(kind))
        for kind in (ScoreKind.KERNEL, ScoreKind.PROXY)
    )
    return f"""
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE batch (seed INTEGER PRIMARY KEY, indices TEXT NOT NULL, labels TEXT NOT NULL);
CREATE TABLE architecture (
    id PRIMARY KEY NOT NULL, seconds REAL NOT NULL, string TEXT NOT NULL,
    constant INTEGER NOT NULL, counts TEXT NOT NULL
);
CREATE TABLE gram (
    id NOT NULL, seed INTEGER NOT NULL, rho REAL NOT NULL, upper BLOB NOT NULL, layer_cosine BLOB,
    PRIMARY KEY (id, seed, rho)
);
CREATE TABLE part (
    id NOT NULL, seed INTEGER NOT NULL, rho REAL NOT NULL, position INTEGER NOT NULL,
    name TEXT NOT NULL, upper BLOB NOT NULL,
    PRIMARY KEY (id, seed, rho, position)
) WITHOUT ROWID;
CREATE TABLE score (
    id NOT NULL, seed INTEGER NOT NULL, position INTEGER NOT NULL, kernel TEXT NOT NULL,
    part TEXT NOT NULL, rho REAL, beta REAL, status TEXT NOT NULL, {scores},
    PRIMARY KEY (id, seed, position)
) WITHOUT ROWID;
CREATE TABLE zero_cost (
    id NOT NULL, seed INTEGER NOT NULL, {proxies},
    PRIMARY KEY (id, seed)
) WITHOUT ROWID;
{CHECKSUMS};
PRAGMA user_version = {SCHEMA};
"""


def check_schema(connection: sqlite3.Connection, path: Path) -> bool:
    """Whether a run has checksums.

    Raises:
        InputError: If a newer version of the package wrote the run, or a table is missing.
    """
    (schema,) = connection.execute("PRAGMA user_version").fetchone()
    if schema > SCHEMA:
        raise InputError(
            f"{path} was written by a newer version of ntknas (schema {schema}): "
            f"expected schema {SCHEMA} or less"
        )
    tables = table_names(connection)
    missing = sorted({*TABLES, "checksum"} - tables) if schema >= SEALED else []
    if missing or (schema < SEALED and "checksum" in tables):
        what = f"the table {missing[0]} is missing" if missing else f"it says schema {schema}"
        raise InputError(f"{path} is damaged: {what}; {ADVICE}")
    return schema >= SEALED


def prepare_to_write(connection: sqlite3.Connection, path: Path) -> None:
    """Make the tables of a new run, or bring those of an older run to the current schema."""
    tables = table_names(connection)
    if tables and "score" not in tables:
        raise InputError(f"{path} is not a run of ntknas")
    check_schema(connection, path)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    made = [name for name in (*TABLES, "checksum") if name in tables]
    filled = [
        name for name in made if connection.execute(f"SELECT 1 FROM {name} LIMIT 1").fetchone()
    ]
    if not filled:
        drop = "".join(f"DROP TABLE {name};" for name in made)
        connection.executescript(f"BEGIN;{drop}{_schema()}COMMIT;")
        return
    if "meta" not in filled:
        raise InputError(f"{path} is damaged: its settings are missing; {ADVICE}")
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        migrate_tables(connection, path, in_file=True)


def table_names(connection: sqlite3.Connection) -> set[str]:
    """The names of the tables in the database."""
    return {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}


def open_to_read(path: Path) -> sqlite3.Connection:
    """A connection that only reads, whether or not the folder is writable.

    In WAL mode SQLite makes a small file beside the database even to read it. If it may not make
    this file and there is no log, the database is complete and is read as an immutable file.
    """
    uri = f"{path.absolute().as_uri()}?mode=ro"
    try:
        connection = sqlite3.connect(uri, uri=True, check_same_thread=False)
        table_names(connection)
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
def clear_errors(folder: Path, verb: str) -> Iterator[None]:
    """Turn errors of SQLite into one line that names the folder."""
    try:
        yield
    except (sqlite3.Error, UnicodeDecodeError) as error:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        if verb == "write" and code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
            raise OSError(f"cannot write to {folder}: {error}; the run can be resumed") from None
        advice = f"; {ADVICE}" if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB) else ""
        detail = shorten(" ".join(str(error).split()), most=150)  # may quote SQL of several lines
        raise InputError(f"cannot {verb} the run in {folder}: {detail}{advice}") from None
