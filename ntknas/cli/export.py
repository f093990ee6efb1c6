"""`ntknas export`: every number of a run as CSV or Parquet."""

import argparse
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from ntknas.cli.output import note, write, write_table
from ntknas.cli.parser import Commands
from ntknas.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["add"]

_ABOUT = """\
Examples:
  ntknas export runs/first --format parquet
  ntknas export runs/first --format csv --out - | head

The file has one row per architecture, seed, kernel, rho and beta. Its columns are id, architecture,
seed, kernel, rho, beta, status, and one per score. If the command fails, no incomplete file is
left.
"""


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add(
        "export", _run, summary="write every score of a run as CSV or Parquet", about=_ABOUT
    )
    parser.add_argument("run_folder", metavar="DIR", help="folder of the run")
    parser.add_argument(
        "--format",
        choices=("csv", "parquet"),
        default="csv",
        help="format of the file; default: csv",
    )
    parser.add_argument(
        "--out",
        metavar="FILE",
        help="file to write, or - for standard output (csv only); default: DIR/scores.csv or "
        "DIR/scores.parquet",
    )


def _run(args: argparse.Namespace) -> None:
    from ntknas.runs import Run

    if args.out == "-" and args.format != "csv":
        raise InputError("Parquet is binary: expected --out FILE, got --out -")
    table = Run(args.run_folder).table()
    if args.out == "-":
        write_table(table, format="csv")
        return
    path = Path(args.out or Path(args.run_folder) / f"scores.{args.format}")
    if path.is_dir() or not path.parent.is_dir():
        reason = "is a folder" if path.is_dir() else "lies in no folder that exists"
        raise InputError(f"expected a file to write, but {path} {reason}")
    _write_whole(table, path, args.format)
    note(f"{len(table)} rows, {len(table.columns)} columns")
    write(str(path))


def _write_whole(table: "pd.DataFrame", path: Path, format: str) -> None:
    """Write to a temporary file first, so that the file is either complete or unchanged."""
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".export-") as folder:
        beside = Path(folder) / path.name
        if format == "csv":
            table.to_csv(beside, index=False, lineterminator="\n")
        else:
            table.to_parquet(beside, index=False)
        os.replace(beside, path)
