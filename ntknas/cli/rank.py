"""`ntknas rank`: the architectures of a run, best first."""

import argparse

from ntknas.cli.output import note, write_table
from ntknas.cli.parser import Commands, add_format
from ntknas.errors import InputError

__all__ = ["add"]

_ABOUT = """\
Examples:
  ntknas rank runs/first
  ntknas rank runs/first --score lambda_min@robust:8/255 --top 3
  ntknas rank runs/first --score cond@clean+params --top all --format csv > ranking.csv

Scores joined with + are combined by summing ranks, which needs no fitting; the sum of k scores lies
in (0, k], lower is better. Without --score it is cond@clean+params (cond of the first kernel where
the run has no clean one). `ntknas scores` explains the names and directions. Networks whose output
does not depend on their input rank last.
"""


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add(
        "rank", _run, summary="list the architectures of a run, best first", about=_ABOUT
    )
    parser.add_argument("run_folder", metavar="DIR", help="folder of the run")
    parser.add_argument("--score", metavar="NAME", help="default: cond@clean+params")
    parser.add_argument(
        "--top", metavar="N", type=_top, default=10, help="how many, or all; default: 10"
    )
    add_format(parser)


def _top(text: str) -> int | None:
    if text == "all":
        return None
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a number or all, got {text!r}") from None


def _run(args: argparse.Namespace) -> None:
    from ntknas.engine import Run, rank
    from ntknas.engine.evaluation import default_ranking, score_name

    if args.top is not None and args.top < 1:
        raise InputError(f"--top must be at least 1, or all, got {args.top}")
    run = Run(args.run_folder)
    scores = run.scores()
    name = score_name(args.score or default_ranking(scores), scores)
    table = rank(scores, name, top=args.top)
    parts = name.split("+")
    if len(parts) > 1:  # show what is summed
        table = table.join(scores[parts], on="id")
    if args.format == "table":
        table["architecture"] = table.pop("architecture")  # last: the widest by far
        table.insert(0, "rank", table.pop("rank"))
        note(f"{len(scores)} architectures of {run.folder} by {name}{_direction(parts)}")
    write_table(table, format=args.format)


def _direction(parts: list[str]) -> str:
    from ntknas.scores import ScoreName

    if len(parts) > 1:
        return ": sum of ranks as shares of their number, lower is better"
    higher = ScoreName.parse(parts[0]).direction > 0
    return f": {'higher' if higher else 'lower'} is better"
