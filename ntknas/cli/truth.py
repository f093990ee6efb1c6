"""`ntknas truth`: what a file of published accuracies holds, and where to get one."""

import argparse

from ntknas.cli.output import write
from ntknas.cli.parser import Commands
from ntknas.errors import InputError

__all__ = ["add"]

_ABOUT = """\
Examples:
  ntknas truth --where                       where to download the tables
  ntknas truth NAS-RobBench-201_html.json    data sets, metrics, ranges, oddities

The format is recognised from the content. Nothing is ever downloaded by this program.
"""


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add(
        "truth", _run, summary="describe a file of published accuracies", about=_ABOUT
    )
    parser.add_argument("file", metavar="FILE", nargs="?", help="the file, or a released folder")
    parser.add_argument("--where", action="store_true", help="say where to download such files")


def _run(args: argparse.Namespace) -> None:
    from ntknas.truth import load_truth, truth_sources

    if args.file is None and not args.where:
        raise InputError("expected a FILE of published accuracies, or --where to learn of some")
    if args.where:
        write(truth_sources())
    if args.file is not None:
        write(load_truth(args.file).summary())
