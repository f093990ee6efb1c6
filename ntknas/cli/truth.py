"""`ntknas truth`: a description of a file of published accuracies, and where to get one."""

import argparse

from ntknas.cli.output import write
from ntknas.cli.parser import Commands
from ntknas.cli.source import add_truth_seed
from ntknas.errors import InputError

__all__ = ["add"]

_ABOUT = """\
Examples:
  ntknas data fetch robbench                 download a table, which is then named robbench
  ntknas truth robbench                      show data sets, metrics, ranges and anomalies
  ntknas truth --where                       show where to download all tables
  ntknas truth NAS-RobBench-201_html.json    the same of a file

The format is recognised from the content. A table of your own is a CSV file with a column
architecture (ids or labels), one column per metric (higher is better), and optional columns dataset
and seed. Only `ntknas data fetch` downloads anything.
"""


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add(
        "truth", _run, summary="describe a file of published accuracies", about=_ABOUT
    )
    parser.add_argument(
        "file",
        metavar="FILE",
        nargs="?",
        help="file or released folder to describe; or robbench or jung",
    )
    add_truth_seed(parser)
    parser.add_argument("--where", action="store_true", help="show where to download such files")


def _run(args: argparse.Namespace) -> None:
    from ntknas.truth import load_truth, truth_sources

    if args.file is None and not args.where:
        raise InputError(
            "expected a FILE of published accuracies, or --where to see download links"
        )
    if args.file is None and args.truth_seed is not None:
        raise InputError("--truth-seed belongs to a FILE of published accuracies, which is missing")
    if args.where:
        write(truth_sources())
    if args.file is not None:
        write(load_truth(args.file, seed=args.truth_seed).summary())
