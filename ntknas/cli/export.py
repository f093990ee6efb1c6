"""`ntknas export`: every number of a run as CSV or Parquet."""

import argparse
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
  ntknas export --precomputed --format parquet --out scores.parquet

The file has one row per architecture, seed, kernel, rho and beta. Its columns are id, architecture,
seed, kernel, rho, beta, status, and one per score. That of --precomputed has one row per
architecture and draw (column seed), and one column per score. If the command fails, no incomplete
file is left.
"""


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add(
        "export", _run, summary="write every score of a run as CSV or Parquet", about=_ABOUT
    )
    parser.add_argument("run_folder", metavar="DIR", nargs="?", help="folder of the run")
    parser.add_argument(
        "--precomputed",
        action="store_true",
        help="write the table in the package instead of a run; needs --out",
    )
    parser.add_argument(
        "--format",
        choices=("csv", "parquet"),
        help="format of the file; default: that of the ending of --out, csv without one",
    )
    parser.add_argument(
        "--out",
        metavar="FILE",
        help="file to write, or - for standard output (csv only); default: DIR/scores.csv or "
        "DIR/scores.parquet",
    )


def _precomputed() -> "pd.DataFrame":
    """The table in the package, with one row per architecture and draw."""
    import pandas as pd

    from ntknas.runs import load_precomputed

    table = load_precomputed()
    strings = table.strings
    draws = [
        draw.copy().rename_axis("id").reset_index().assign(seed=seed)
        for seed, draw in enumerate(table.scores_by_draw())
    ]
    rows = pd.concat(draws).sort_values(["id", "seed"], kind="stable", ignore_index=True)
    rows.insert(1, "architecture", rows["id"].map(strings))
    rows.insert(2, "seed", rows.pop("seed"))
    return rows


def _run(args: argparse.Namespace) -> None:
    from ntknas.report import check_output, output_file
    from ntknas.runs import Run

    ending = Path(args.out or "").suffix.lower().removeprefix(".")
    of_ending = ending if ending in ("csv", "parquet") else None
    form = args.format or of_ending or "csv"
    if args.out == "-" and form != "csv":
        raise InputError("Parquet is binary: expected --out FILE, got --out -")
    if of_ending not in (None, form):
        raise InputError(
            f"expected --format {of_ending} or another ending, got {form} in {args.out}"
        )
    if args.out not in (None, "-"):
        check_output(args.out)
    if args.precomputed == (args.run_folder is not None):
        raise InputError("expected the folder of a run or --precomputed, got both or neither")
    if args.precomputed and args.out is None:
        raise InputError("--precomputed needs --out FILE, or --out -")
    table = _precomputed() if args.precomputed else Run(args.run_folder).table()
    if args.out == "-":
        write_table(table, format="csv")
        return
    path = Path(args.out or Path(args.run_folder) / f"scores.{form}")
    with output_file(path) as temporary:
        if form == "csv":
            table.to_csv(temporary, index=False, lineterminator="\n")
        else:
            table.to_parquet(temporary, index=False)
    note(f"{len(table)} rows, {len(table.columns)} columns")
    write(str(path))
