"""`ntknas analyse`: what makes a cell of NAS-Bench-201 robust."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from ntknas.cli.output import note, write, write_table
from ntknas.cli.parser import Commands, add_format, add_resamples, fraction, one_of
from ntknas.cli.source import add_truth_seed
from ntknas.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from ntknas.analysis import Analysis

__all__ = ["add"]

_NAMES = ("shares", "effects", "swaps", "sizes", "structure", "ranks", "shifts")

_ABOUT = """\
Examples:
  ntknas analyse --truth NAS-RobBench-201_html.json
  ntknas analyse --truth NAS-RobBench-201_html.json --metric pgd_8 --out robust
  ntknas analyse --truth acc.json --metric pgd --table sizes
  ntknas analyse --truth FILE --dataset cifar100 --table effects --format csv > effects.csv

Tables:
  shares     operations by edge among the cells of the best networks, against all cells
  effects    effect of an operation on an edge: cells that differ on that edge alone are compared,
             in all settings of the other five edges
  swaps      the same for each pair of operations
  sizes      spread of the accuracy at equal number of parameters, and the best cell of each size
  structure  accuracy by depth, degree and other counts of the live graph, with and without size
  ranks      agreement of the ranks by clean and robust accuracy
  shifts     correlation of counts with the ranks that a network gains under attack

Square brackets are 95% intervals. Cells that compute the same are one trained network, and count as
one draw for the intervals. Networks whose output does not depend on the input are left out of sizes
and structure. csv holds one table (--table); json holds all of them by name. --out
writes every table as .csv and the pictures operations.png, sizes.png, structure.png and ranks.png.
"""


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add("analyse", _run, summary="show what makes a cell robust", about=_ABOUT)
    parser.add_argument(
        "--truth",
        metavar="FILE",
        required=True,
        help="file of published accuracies, or robbench or jung after `ntknas data fetch`",
    )
    add_truth_seed(parser)
    parser.add_argument("--dataset", help="data set; default: cifar10, or the first of the file")
    parser.add_argument(
        "--metric", metavar="M", help="metric to explain; default: pgd_8, pgd or the last one"
    )
    parser.add_argument(
        "--clean", metavar="M", help="metric to compare ranks with; default: the first of the file"
    )
    parser.add_argument(
        "--top-fraction",
        type=fraction,
        metavar="F",
        default=0.1,
        help="fraction of the networks that count as the best; default: 0.1",
    )
    parser.add_argument(
        "--table", metavar="NAME", type=one_of(*_NAMES), help="show this table alone"
    )
    parser.add_argument("--out", metavar="DIR", help="folder for every table and picture")
    add_resamples(parser)
    add_format(parser)


def _run(args: argparse.Namespace) -> None:
    from ntknas.analysis import TABLES, analyse
    from ntknas.truth import load_truth

    if args.format == "csv" and args.table is None:
        raise InputError(
            f"csv holds one table: expected --table {', '.join(TABLES)}; --out writes all of them"
        )
    if args.out is not None and Path(args.out).exists() and not Path(args.out).is_dir():
        raise InputError(f"expected a folder to write to, got the file {args.out}")
    truth = load_truth(args.truth, seed=args.truth_seed)
    dataset = args.dataset or ("cifar10" if "cifar10" in truth.datasets else truth.datasets[0])
    found = analyse(
        truth,
        args.metric,
        dataset=dataset,
        clean=args.clean,
        top_fraction=args.top_fraction,
        resamples=args.resamples,
        seed=args.seed,
    )
    if args.table is not None and args.table not in found.tables:
        raise InputError(
            f"the table {args.table} compares two metrics, got {found.cells.metric} alone: choose "
            "another --clean or --metric"
        )
    if args.out is not None:
        _write_all(found, Path(args.out))
    for remark in truth.seed_notes:
        note(f"note: {remark}")
    if args.format == "csv":
        write_table(found.tables[args.table], format="csv")
    elif args.format == "json":
        _write_json(found, args.table)
    else:
        _write_tables(found, args.table)
    if args.out is not None:
        note(f"tables and pictures: {args.out}")


def _write_all(found: "Analysis", folder: Path) -> None:
    """Write every table and picture into a folder."""
    from ntknas.report import (
        operations_picture,
        output_file,
        ranks_picture,
        sizes_picture,
        structure_picture,
    )

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make the folder {folder}: {error.strerror}") from None
    for name, table in found.tables.items():
        with output_file(folder / f"{name}.csv") as path:
            table.to_csv(path, index=False)
    operations_picture(found, folder / "operations.png")
    sizes_picture(found, folder / "sizes.png")
    structure_picture(found, folder / "structure.png")
    if found.clean is not None:
        ranks_picture(found, folder / "ranks.png")


def _write_json(found: "Analysis", only: str | None) -> None:
    """Write one table as a list, or all of them by name."""
    from ntknas.report import format_table

    if only is not None:
        write(format_table(found.tables[only], format="json"))
        return
    tables = {n: json.loads(format_table(t, format="json")) for n, t in found.tables.items()}
    cells = found.cells
    about = {"benchmark": cells.benchmark, "dataset": cells.dataset, "metric": cells.metric}
    compared = None if found.clean is None else found.clean.metric
    write(json.dumps({**about, "clean": compared, "tables": tables}))


def _write_tables(found: "Analysis", only: str | None) -> None:
    """Write one table, or those that fit a screen, with a heading each."""
    from ntknas.analysis import TABLES

    cells = found.cells
    write(
        f"{cells.name}: {len(cells.trained)} trained networks, "
        f"{int((cells.network >= 0).sum())} cells"
    )
    for name, table in found.tables.items():
        if (only is None and name != "swaps") or name == only:
            write(f"\n{name}: {TABLES[name]}")
            write_table(_readable(name, table), format="table")
    if only is None:
        note("--table swaps: pairs of operations; --format json: every number")


def _readable(name: str, table: "pd.DataFrame") -> "pd.DataFrame":
    """A table with its intervals behind their values, rounded."""
    from ntknas.report import three_decimals, with_interval

    if name in ("shares", "effects"):
        value, digits = ("share", "{:.2f}") if name == "shares" else ("effect", "{:+.4f}")
        return _by_edge(table.assign(shown=with_interval(table, value, digits.format)))
    signed = {"change": "{:+.4f}", "excess": "{:+.4f}", "mean": "{:.4f}"}
    for value in ("change", "mean", "excess", "spearman", "gain"):
        if f"{value}_low" in table:
            shown = with_interval(
                table, value, signed[value].format if value in signed else three_decimals
            )
            table = table.drop(columns=[f"{value}_low", f"{value}_high"])
            table = table.assign(**{value: shown}).rename(columns={value: f"{value} [95%]"})
    for column in ("clean", "robust", "kendall", "shared", "better", "worse", "top"):
        if column in table:
            table[column] = table[column].map(three_decimals)
    return table


def _by_edge(table: "pd.DataFrame") -> "pd.DataFrame":
    """The column `shown` with one row per edge and one column per operation."""
    wide = table.pivot(index="edge", columns="operation", values="shown")
    wide = wide[table["operation"].unique()]
    wide.columns.name = None
    return wide.reset_index()
