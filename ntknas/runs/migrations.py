"""What changed in the form of runs from one version to the next, as named steps.

A run says which schema it has (SQLite's `user_version`). A run of an older schema is read as it
would be after the steps that it lacks, and the file stays as it is. Writing to it takes the steps
in the file, in one transaction.
"""

import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ntknas.spaces.nasbench201 import NASBENCH201, Architecture

__all__ = ["MIGRATIONS", "SCHEMA", "Migration", "migrate_settings", "migrate_tables"]

SCHEMA = 2
"""The schema that this version writes."""


@dataclass(frozen=True)
class Migration:
    """One step from a schema to the next.

    Attributes:
        schema: The schema that a run has afterwards.
        name: What changes.
        settings: Turns the settings of a run, as they lie in its file.
        tables: Changes the tables of a run, given a connection, the settings before, and whether
            the file may be changed; if not, it makes temporary tables that hide the old ones.
    """

    schema: int
    name: str
    settings: Callable[[dict[str, Any]], dict[str, Any]]
    tables: Callable[[sqlite3.Connection, dict[str, Any], bool], None]


def _proxies_are_a_setting(values: dict[str, Any]) -> dict[str, Any]:
    return {"zero_cost": False} | values


def _table_of_proxies(
    connection: sqlite3.Connection, settings: dict[str, Any], in_file: bool
) -> None:
    """Runs made before there were proxies have no table of them; nothing reads or writes one."""


_BATCHES = {"clean": "clean", "robust": "attacked", "twice": "twice_attacked"}


def _batches_and_a_space(values: dict[str, Any]) -> dict[str, Any]:
    values = dict(values)
    values["batches"] = [_BATCHES[name] for name in values.pop("kernels")]
    return values | {"space": "nasbench201", "coupled": None}


def _architectures_described(
    connection: sqlite3.Connection, settings: dict[str, Any], in_file: bool
) -> None:
    """Every architecture has its text, its counts, and whether its output is constant.

    Labels may be of any kind from here on; those of these runs are ids of NAS-Bench-201.
    """
    network = settings["network"]
    sizes = {name: network[name] for name in ("channels", "cells", "classes", "image_size")}
    rows = [
        (index, seconds, a.string, a.is_constant, json.dumps(NASBENCH201.counts(a, sizes)))
        for index, seconds, a in (
            (index, seconds, Architecture.from_id(index))
            for index, seconds in connection.execute("SELECT id, seconds FROM main.architecture")
        )
    ]
    if in_file:
        connection.execute("ALTER TABLE architecture RENAME TO before")
    temporary = "" if in_file else "TEMP "
    connection.execute(
        f"CREATE {temporary}TABLE architecture (id PRIMARY KEY NOT NULL, seconds REAL NOT NULL, "
        "string TEXT NOT NULL, constant INTEGER NOT NULL, counts TEXT NOT NULL)"
    )
    connection.executemany("INSERT INTO architecture VALUES (?, ?, ?, ?, ?)", rows)
    if in_file:
        connection.execute("DROP TABLE before")


MIGRATIONS: tuple[Migration, ...] = (
    Migration(1, "proxies are a setting", _proxies_are_a_setting, _table_of_proxies),
    Migration(
        2,
        "batches of images are named, a space is named, architectures are described",
        _batches_and_a_space,
        _architectures_described,
    ),
)
"""The steps in order."""


def migrate_settings(values: dict[str, Any]) -> dict[str, Any]:
    """Settings of any schema as those of today's.

    Args:
        values: Settings as they lie in a run; "schema" says which schema, and its absence that of
            version 0.1.0.
    """
    values = dict(values)
    schema = values.pop("schema", 0)
    for step in MIGRATIONS:
        if step.schema > schema:
            values = step.settings(values)
    return values


def migrate_tables(connection: sqlite3.Connection, *, in_file: bool) -> None:
    """Bring the tables of a run that has begun to today's schema.

    Args:
        connection: An open run; with `in_file`, inside a transaction.
        in_file: Whether to change the file; else temporary tables hide the old ones.
    """
    (schema,) = connection.execute("PRAGMA user_version").fetchone()
    if schema >= SCHEMA:
        return
    stored = connection.execute("SELECT value FROM meta WHERE name = 'spec'").fetchone()
    if stored is None:  # stopped before it began
        return
    settings = json.loads(stored[0])
    for step in MIGRATIONS:
        if step.schema > schema:
            step.tables(connection, settings, in_file)
            settings = step.settings(settings)
    if in_file:
        text = json.dumps(settings | {"schema": SCHEMA}, sort_keys=True)
        connection.execute("UPDATE meta SET value = ? WHERE name = 'spec'", (text,))
        connection.execute(f"PRAGMA user_version = {SCHEMA}")
