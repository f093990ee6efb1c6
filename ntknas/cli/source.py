"""Arguments that name what to read: a run, a file or the table in the package; a truth's seed."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ntknas.cli.parser import ArgumentParser
from ntknas.errors import InputError

if TYPE_CHECKING:
    from ntknas.evaluation import ScoreTable

__all__ = ["add_source", "add_truth_seed", "read_scores", "source"]


def add_source(parser: ArgumentParser) -> None:
    """Add the arguments DIR and --precomputed, one of which has to be given."""
    parser.add_argument(
        "run_folder",
        metavar="DIR",
        nargs="?",
        help="folder of the run, or a file of scores of another tool (.csv, .json)",
    )
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


def source(args: argparse.Namespace) -> "ScoreTable":
    """The scores that the arguments name.

    Args:
        args: Parsed arguments of the command, with the option --dataset.

    Raises:
        InputError: If both or neither are given, or nothing can be read there.
    """
    if args.precomputed and args.run_folder is not None:
        raise InputError(f"expected a run or --precomputed, got both: {args.run_folder}")
    if not args.precomputed and args.run_folder is None:
        raise InputError("expected the folder of a run, a file of scores, or --precomputed")
    return read_scores(args.run_folder, dataset=args.dataset)


def read_scores(path: str | None, *, dataset: str | None) -> "ScoreTable":
    """The scores of a run, of a file, or of the table in the package.

    Args:
        path: Folder of a run or file of scores; None means the table in the package.
        dataset: Data set of the scores, for a file that holds several.

    Raises:
        InputError: If nothing can be read there.
    """
    from ntknas.evaluation import load_scores, score_table
    from ntknas.runs import Run, load_precomputed

    if path is None:
        return score_table(load_precomputed())
    is_file = Path(path).is_file() or Path(path).suffix.lower() in (".csv", ".json")
    if is_file and not Path(path).is_dir():
        return load_scores(path, dataset=dataset)
    return score_table(Run(path))
