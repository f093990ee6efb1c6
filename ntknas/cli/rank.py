"""`ntknas rank`: the architectures of a run or of a file of scores, best first."""

import argparse
from typing import TYPE_CHECKING, Any

from ntknas.cli.output import note, write, write_table
from ntknas.cli.parser import Commands, add_format
from ntknas.cli.source import add_source, add_truth_seed, source
from ntknas.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from ntknas.evaluation import ScoreTable
    from ntknas.scores import RankSum

__all__ = ["add"]

_SHOWN_PARTS = 3

_ABOUT = """\
Examples:
  ntknas rank runs/first
  ntknas rank --precomputed --top 20
  ntknas rank --precomputed --explain
  ntknas rank --precomputed --truth robbench --metric pgd_8
  ntknas rank --precomputed --for standard_trained
  ntknas rank runs/robust --score lambda_min@robust:8/255 --top 3
  ntknas rank runs/first --score cond@clean+params --top all --format csv > ranking.csv
  ntknas rank zc_nasbench201.json --score synflow+nwot

Scores joined with + are combined by summing their ranks, which needs no fitting. Each rank is
divided by the number of architectures, so that the sum of k scores lies in (0, k]; lower is better.
A minus sign reverses the direction of a score: cond@clean-params, --score=-params.

--for names an aim, and takes the sum of ranks that was found for it:
  default            robust accuracy after adversarial training; taken without --for and --score
  kernel_only        the same by a score of the kernel alone
  standard_trained   robust accuracy after standard training
  default_1          the default ranking of version 0.1
Each was chosen on one fifth of NAS-Bench-201 and checked elsewhere (docs/results). The line above
the table says its formula. Networks whose output does not depend on their input rank last. `ntknas
scores` explains the names and directions of scores.

If scores were drawn several times (--seeds, --precomputed), the column draws says between which
ranks an architecture lies if it is ranked by each draw alone.

With --truth, accuracies stand beside the ranks. A second table shows what is lost by training only
the first 1, 5, 10 and 50 of the ranking: the best accuracy among them, its regret (how far it is
below the best of all; the range is that of rankings by each draw alone), and their share of the
cost of training all.

A file of another tool is a .csv with a column architecture and one column per score, or the JSON of
NAS-Bench-Suite-Zero. Scores that ntknas does not know are taken as higher is better.
"""


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add(
        "rank", _run, summary="list the architectures of a run, best first", about=_ABOUT
    )
    add_source(parser)
    by = parser.add_mutually_exclusive_group()
    by.add_argument(
        "--for",
        metavar="AIM",
        dest="aim",
        help="aim of the ranking, see below; default: default",
    )
    by.add_argument(
        "--score",
        metavar="NAME",
        help="score, or sum of scores such as cond@clean+params, to rank by",
    )
    parser.add_argument(
        "--dataset", help="data set of the scores, for a file that holds several; default: cifar10"
    )
    parser.add_argument(
        "--top",
        metavar="N",
        type=_top,
        default=10,
        help="number of architectures to list, or all; default: 10",
    )
    parser.add_argument(
        "--explain",
        action="store_true",
        help="also show the rank of each architecture by each part of the sum, from 0 (best) to 1",
    )
    parser.add_argument(
        "--truth",
        metavar="FILE",
        help="also show accuracies of a file, robbench or jung, and the regret of the first",
    )
    add_truth_seed(parser)
    parser.add_argument("--metric", metavar="M", help="metric of the accuracies; default: pgd_8")
    add_format(parser, paper=True)


def _top(text: str) -> int | None:
    """The number of architectures to list; None means all."""
    if text == "all":
        return None
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a number or all, got {text!r}") from None


def _run(args: argparse.Namespace) -> None:
    from ntknas.evaluation import RANKINGS, rank, rank_fractions

    aim = (args.aim or "default").replace("-", "_")
    if aim not in RANKINGS:
        raise InputError(f"--for takes one of {', '.join(RANKINGS)}, got {args.aim!r}")
    if args.top is not None and args.top < 1:
        raise InputError(f"--top must be at least 1, or all, got {args.top}")
    if args.truth is None and (args.metric or args.truth_seed is not None):
        raise InputError("--metric and --truth-seed belong to --truth FILE, which is missing")
    known = source(args)
    if args.dataset not in (None, known.dataset, *_files_names(known.dataset)):
        raise InputError(
            f"--dataset chooses among the data sets of a file of scores; {known.name} has "
            f"{known.dataset or 'none'}, got {args.dataset!r}"
        )
    name = known.resolve(args.score or aim)
    table = rank(known, name, top=args.top)
    parts = list(dict.fromkeys(known.names[term] for term in name.terms))
    to_read = args.format not in ("csv", "json")
    if args.explain:
        ranks = rank_fractions(known, name)
        table = table.join(ranks.add_prefix("rank by "), on="id")
    # The scores of a sum are shown beside it, if a line has room for them.
    elif len(parts) > 1 and (not to_read or len(parts) <= _SHOWN_PARTS):
        table = table.join(known.frame[parts], on="id")
    regret = None
    if args.truth is not None:
        regret = _add_accuracies(table, known, name, args)
    if to_read:
        table["architecture"] = table.pop("architecture")  # last: the widest by far
        table.insert(0, "rank", table.pop("rank"))
        if "rank_low" in table:
            low, high = table.pop("rank_low"), table.pop("rank_high")
            table.insert(
                1, "draws", [f"{a:.0f} to {b:.0f}" for a, b in zip(low, high, strict=True)]
            )
        note(f"{len(known.frame)} architectures of {known.name} by {name}{_direction(name)}")
    write_table(table, format=args.format)
    if to_read and regret is not None:
        if args.format == "table":
            write("")
        write_table(regret, format=args.format)


def _add_accuracies(
    table: "pd.DataFrame", known: "ScoreTable", name: "RankSum", args: argparse.Namespace
) -> "pd.DataFrame":
    """Add a column of accuracies to a ranking; the table of regrets, to read."""
    import pandas as pd

    from ntknas.evaluation import DEFAULT_METRIC, regret_of_top
    from ntknas.report import three_decimals
    from ntknas.truth import load_truth

    truth = load_truth(args.truth, seed=args.truth_seed)
    for remark in truth.seed_notes:
        note(f"note: {remark}")
    metric = args.metric or DEFAULT_METRIC
    dataset = known.dataset or truth.datasets[0]
    regret = regret_of_top(known, truth, name, metric=metric, dataset=dataset)
    values = truth.wide(dataset)[metric]
    table[metric] = [values.get(truth.representative_of.get(label)) for label in table["id"]]
    shown: dict[str, Any] = {"trained": [f"first {count}" for count in regret["first"]]}
    shown["best " + metric] = regret["best"].map(three_decimals)
    shown["regret"] = regret["regret"].map("{:.4f}".format)
    if regret["regret_low"].notna().any():
        ends = zip(regret["regret_low"], regret["regret_high"], strict=True)
        shown["by draw"] = [f"{low:.4f} to {high:.4f}" for low, high in ends]
    if regret["flops_share"].notna().any():
        shown["cost"] = regret["flops_share"].map("{:.2%} of all".format)
    return pd.DataFrame(shown)


def _files_names(dataset: str | None) -> list[str]:
    """The names of a data set in published files, such as ImageNet16-120 for imagenet16."""
    from ntknas.truth.names import DATASETS

    return [name for name, ours in DATASETS.items() if ours == dataset]


def _direction(name: "RankSum") -> str:
    """A remark that says whether higher or lower values are better."""
    if len(name.terms) > 1:
        return ": sum of ranks as shares of their number, lower is better"
    direction = name.signs[0] * name.terms[0].direction
    return f": {'higher' if direction > 0 else 'lower'} is better"
