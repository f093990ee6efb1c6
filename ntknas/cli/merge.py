"""`ntknas merge`: one run from several, made by machines that share nothing."""

import argparse
import shlex

from ntknas.cli.output import note, write
from ntknas.cli.parser import Commands

__all__ = ["add"]

_ABOUT = """\
Examples:
  ntknas score --archs all --shard 1/2 --out runs/part1      on one machine
  ntknas score --archs all --shard 2/2 --out runs/part2      on another
  ntknas merge runs/part1 runs/part2 --out runs/space

The runs must have the same settings. An architecture that several runs hold is taken from the first
of them. If the folder of --out holds a run of the same settings, the others are added to it.
"""


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add(
        "merge", _run, summary="join runs of the same settings into one", about=_ABOUT
    )
    parser.add_argument("run_folders", metavar="DIR", nargs="+", help="folders of the runs")
    parser.add_argument(
        "--out", metavar="DIR", required=True, help="folder of the joined run, none of the others"
    )


def _run(args: argparse.Namespace) -> None:
    from ntknas.runs import merge_runs

    run, skipped = merge_runs(args.run_folders, out=args.out)
    if skipped:
        note(f"note: {skipped} architectures were in several runs; the first was taken")
    write(f"run: {run.folder} ({len(run.ids)} architectures)")
    note(f"next: ntknas rank {shlex.quote(str(run.folder))}")
