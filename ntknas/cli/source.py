"""The source of scores: the folder of a run, or the table that comes with the package."""

import argparse
from typing import TYPE_CHECKING

from ntknas.cli.parser import ArgumentParser
from ntknas.errors import InputError

if TYPE_CHECKING:
    from ntknas.runs import Precomputed, Run

__all__ = ["add_source", "source"]


def add_source(parser: ArgumentParser) -> None:
    """Add the arguments DIR and --precomputed, one of which has to be given."""
    parser.add_argument("run_folder", metavar="DIR", nargs="?", help="folder of the run")
    parser.add_argument(
        "--precomputed",
        action="store_true",
        help="use the table in the package instead of DIR: all 6,466 distinct architectures, "
        "scored with --preset standard",
    )


def source(args: argparse.Namespace) -> "Run | Precomputed":
    """The run or table that the arguments name.

    Args:
        args: Parsed arguments of the command.

    Raises:
        InputError: If both or neither are given, or there is no run in the folder.
    """
    from ntknas.runs import Run, load_precomputed

    if args.precomputed and args.run_folder is not None:
        raise InputError(f"expected a run or --precomputed, got both: {args.run_folder}")
    if args.precomputed:
        return load_precomputed()
    if args.run_folder is None:
        raise InputError("expected the folder of a run, or --precomputed")
    return Run(args.run_folder)
