"""Migrations: how the stored form of runs changed from version to version, as named steps.

A run records its schema (SQLite's `user_version`). A run of an older schema is read as if the
missing steps had been applied; its file is not changed. When the run is written to, the steps are
applied to the file in one transaction.
"""

import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ntknas.errors import InputError, shorten
from ntknas.runs.checksums import ADVICE, CHECKSUMS, seal
from ntknas.spaces.nasbench201 import NASBENCH201, Architecture

__all__ = [
    "MIGRATIONS",
    "SCHEMA",
    "SEALED",
    "Migration",
    "migrate_settings",
    "migrate_tables",
    "read_settings",
]

SCHEMA = 5
"""The schema that this version writes."""

SEALED = 5
"""The first schema whose runs have checksums."""


@dataclass(frozen=True)
class Migration:
    """One step from a schema to the next.

    Attributes:
        schema: Schema that a run has after the step.
        name: Description of the change.
        settings: Function from the stored settings of a run to those of the new schema.
        tables: Function that changes the tables of a run. Its arguments are a connection, the
            settings before the step, and whether the file may be changed. If not, the function
            makes temporary views that hide the stored tables.
    """

    schema: int
    name: str
    settings: Callable[[dict[str, Any]], dict[str, Any]]
    tables: Callable[[sqlite3.Connection, dict[str, Any], bool], None]


def _proxies_are_a_setting(values: dict[str, Any]) -> dict[str, Any]:
    """Settings from before there were proxies, with the proxies turned off."""
    return {"zero_cost": False} | values


def _same_tables(connection: sqlite3.Connection, settings: dict[str, Any], in_file: bool) -> None:
    """Change nothing: older runs need no other tables."""


_BATCHES = {"clean": "clean", "robust": "attacked", "twice": "twice_attacked"}


def _batches_and_a_space(values: dict[str, Any]) -> dict[str, Any]:
    """Settings that name batches of images instead of kernels, and the search space."""
    values = dict(values)
    values["batches"] = [_BATCHES[name] for name in values.pop("kernels")]
    return values | {"space": "nasbench201", "coupled": None}


def _architectures_described(
    connection: sqlite3.Connection, settings: dict[str, Any], in_file: bool
) -> None:
    """Store the text, the counts, and whether the output is constant, for every architecture.

    From this schema on, labels may be whole numbers or texts; those of older runs are ids of
    NAS-Bench-201.
    """
    network = settings["network"]
    sizes = {name: network[name] for name in ("channels", "cells", "classes", "image_size")}

    def counts(index: int) -> str:
        return json.dumps(NASBENCH201.counts(Architecture.from_id(index), sizes))

    functions: dict[str, Callable[..., Any]] = {
        "string_of": lambda index: Architecture.from_id(index).string,
        "is_constant": lambda index: Architecture.from_id(index).is_constant,
        "counts_of": cache(counts),
    }
    for name, function in functions.items():
        connection.create_function(name, 1, function, deterministic=True)
    described = "SELECT id, seconds, string_of(id), is_constant(id), counts_of(id) FROM"
    if not in_file:
        # A view opens no transaction, and follows a writer who adds architectures.
        connection.execute(
            "CREATE TEMP VIEW architecture (id, seconds, string, constant, counts) AS "
            f"{described} main.architecture"
        )
        return
    connection.execute("ALTER TABLE architecture RENAME TO before")
    connection.execute(
        "CREATE TABLE architecture (id PRIMARY KEY NOT NULL, seconds REAL NOT NULL, "
        "string TEXT NOT NULL, constant INTEGER NOT NULL, counts TEXT NOT NULL)"
    )
    connection.execute(f"INSERT INTO architecture {described} before")
    connection.execute("DROP TABLE before")


def _parts_are_a_setting(values: dict[str, Any]) -> dict[str, Any]:
    """Settings from before kernels had parts, with the parts turned off."""
    return {"parts": "none"} | values


_PARTS_IN_FILE = """
ALTER TABLE gram ADD COLUMN layer_cosine BLOB;
ALTER TABLE score ADD COLUMN part TEXT NOT NULL DEFAULT '';
CREATE TABLE part (
    id NOT NULL, seed INTEGER NOT NULL, rho REAL NOT NULL, position INTEGER NOT NULL,
    name TEXT NOT NULL, upper BLOB NOT NULL,
    PRIMARY KEY (id, seed, rho, position)
) WITHOUT ROWID
"""

# Columns are named, because a writer may take the step in the file while a reader goes on.
_PARTS_IN_VIEWS = """
CREATE TEMP VIEW gram AS SELECT id, seed, rho, upper, NULL AS layer_cosine FROM main.gram;
CREATE TEMP VIEW score AS SELECT {columns}, '' AS part FROM main.score;
CREATE TEMP VIEW part AS
    SELECT NULL AS id, NULL AS seed, NULL AS rho, NULL AS position, NULL AS name, NULL AS upper
    WHERE 0
"""


def _parts_of_kernels(
    connection: sqlite3.Connection, settings: dict[str, Any], in_file: bool
) -> None:
    """Make room for the layer cosine kernel and for the parts of kernels, which older runs lack."""
    columns = ", ".join(f'"{row[1]}"' for row in connection.execute("PRAGMA table_info(score)"))
    statements = _PARTS_IN_FILE if in_file else _PARTS_IN_VIEWS.format(columns=columns)
    for statement in statements.split(";"):
        connection.execute(statement)


def _balls_and_restarts(values: dict[str, Any]) -> dict[str, Any]:
    """Settings from before attacks had a ball and restarts, with what they were."""
    return values | {"attack": {"ball": "linf", "restarts": 1} | values["attack"]}


def _same_settings(values: dict[str, Any]) -> dict[str, Any]:
    """Settings that do not change."""
    return values


def _checksums(connection: sqlite3.Connection, settings: dict[str, Any], in_file: bool) -> None:
    """Make room for checksums. What an older run holds has them from the step on."""
    if in_file:
        # The first runs had no table of proxies.
        connection.execute(
            "CREATE TABLE IF NOT EXISTS zero_cost (id NOT NULL, seed INTEGER NOT NULL, "
            "PRIMARY KEY (id, seed)) WITHOUT ROWID"
        )
        connection.execute(CHECKSUMS)


MIGRATIONS: tuple[Migration, ...] = (
    Migration(1, "proxies are a setting", _proxies_are_a_setting, _same_tables),
    Migration(
        2,
        "batches of images are named, a space is named, architectures are described",
        _batches_and_a_space,
        _architectures_described,
    ),
    Migration(3, "kernels have parts", _parts_are_a_setting, _parts_of_kernels),
    Migration(4, "attacks have a ball and restarts", _balls_and_restarts, _same_tables),
    Migration(5, "tables have checksums", _same_settings, _checksums),
)
"""The migration steps, in order."""

_FIRST_PROXIES = (
    *("grad_norm", "snip", "grasp", "synflow", "fisher", "jacob_cov", "naswot", "zen", "croze"),
    *("jacobian_norm", "hessian"),
)


def read_settings(text: str) -> dict[str, Any]:
    """The settings in JSON, of any schema.

    Args:
        text: Settings as stored in a run.

    Raises:
        InputError: If the text is not a JSON object.
    """
    try:
        values = json.loads(text)
    except (TypeError, ValueError, RecursionError):
        values = None
    if not isinstance(values, dict):
        raise InputError(f"expected the settings of a run as a JSON object, got {shorten(text)!a}")
    return values


def _named_proxies(values: dict[str, Any]) -> dict[str, Any]:
    """Settings with the names of all proxies that there were when `true` was last written.

    This is no step: runs of schema 4 may have either form.
    """
    return (
        values | {"zero_cost": list(_FIRST_PROXIES)} if values.get("zero_cost") is True else values
    )


def migrate_settings(values: dict[str, Any]) -> dict[str, Any]:
    """Settings of any schema, in the form of the current schema.

    Args:
        values: Settings as stored in a run. Their entry "schema" says which schema they have; if it
            is missing, they have that of version 0.1.0.
    """
    values = dict(values)
    schema = values.pop("schema", 0)
    for step in MIGRATIONS:
        if step.schema > schema:
            values = step.settings(values)
    return _named_proxies(values)


def migrate_tables(connection: sqlite3.Connection, path: Path, *, in_file: bool) -> None:
    """Bring the tables of a run that has begun to the current schema.

    Args:
        connection: Connection to the run; with `in_file`, inside a transaction.
        path: Path of the run's file, for messages.
        in_file: Whether to change the file. If not, temporary views hide the stored tables.

    Raises:
        InputError: If the file and the settings in it say different schemas.
    """
    (schema,) = connection.execute("PRAGMA user_version").fetchone()
    if schema >= SCHEMA:
        return
    stored = connection.execute("SELECT value FROM meta WHERE name = 'spec'").fetchone()
    if stored is None:  # the run was stopped before it began
        return
    settings = read_settings(stored[0])
    if settings.get("schema", 0) != schema:
        raise InputError(
            f"{path} is damaged: it says schema {schema}, its settings another; {ADVICE}"
        )
    for step in MIGRATIONS:
        if step.schema > schema:
            step.tables(connection, settings, in_file)
            settings = step.settings(settings)
    if in_file:
        text = json.dumps(_named_proxies(settings) | {"schema": SCHEMA}, sort_keys=True)
        connection.execute("UPDATE meta SET value = ? WHERE name = 'spec'", (text,))
        connection.execute(f"PRAGMA user_version = {SCHEMA}")
        seal(connection)
