"""Arguments that name what to read: a run or the table in the package, and a seed of a truth."""

import argparse
from typing import TYPE_CHECKING

from ntknas.cli.parser import ArgumentParser
from ntknas.errors import InputError

if TYPE_CHECKING:
    from ntknas.runs import Precomputed, Run

__all__ = ["add_source", "add_truth_seed", "source"]


def add_source(parser: ArgumentParser) -> None:
    """Add the arguments DIR and --precomputed, one of which has to be given."""
    parser.add_argument("run_folder", metavar="DIR", nargs="?", help="folder of the run")
    parser.add_argument(
        "--precomputed",
        action="store_true",
        help="use the table in the package instead of DIR: all 6,466 distinct architectures, "
        "scored with --preset standard",
    )


def add_truth_seed(parser: ArgumentParser) -> None:
    """Add the option --truth-seed, for commands that read a file of published accuracies."""
    parser.add_argument(
        "--truth-seed",
        metavar="S",
        help="seed of the accuracies, for a file that holds several (NAS-RobBench-201_all.json, or "
        "a .csv with a column seed); default: the mean of the seeds",
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
