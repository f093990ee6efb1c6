"""`ntknas predict`: learn from the accuracies of some architectures, and rank the rest."""

import argparse
from typing import TYPE_CHECKING

from ntknas.cli.output import note, write, write_table
from ntknas.cli.parser import Commands, add_format
from ntknas.cli.source import read_scores
from ntknas.errors import InputError

if TYPE_CHECKING:
    from ntknas.evaluation import Prediction

__all__ = ["add"]

_ABOUT = """\
Examples:
  ntknas predict ours.csv
  ntknas predict ours.csv --metric robust --model boosting --precomputed --top 20
  ntknas predict ours.csv --scores runs/space --top all --format csv > predicted.csv

FILE is a .csv with a column architecture (ids, or strings) and one column per metric, higher is
better. The model learns from features of the cells, and of scores if there are any: --precomputed
or --scores. It needs at least ten classes, and the extra search: pip install 'ntknas[search]'.

The agreement is measured by five-fold cross-validation. It holds for architectures that are drawn
like the ones in FILE: at random, not from the top of a ranking. With few accuracies the
training-free default ranking (ntknas rank --precomputed) is better: docs/results/few_labels.md
says below how many.
"""


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add(
        "predict",
        _run,
        summary="learn from the accuracies of some architectures, and rank the rest",
        about=_ABOUT,
    )
    parser.add_argument("file", metavar="FILE", help="accuracies of some architectures (.csv)")
    parser.add_argument("--metric", metavar="M", help="metric to learn; default: the last one")
    parser.add_argument(
        "--dataset", help="data set, for a file with several; default: cifar10, or the first one"
    )
    parser.add_argument(
        "--model",
        choices=("forest", "boosting"),
        default="forest",
        help="random forest or gradient boosting; default: forest",
    )
    parser.add_argument(
        "--scores", metavar="DIR", help="also learn from the scores of this run, or file of scores"
    )
    parser.add_argument(
        "--precomputed", action="store_true", help="also learn from the scores in the package"
    )
    parser.add_argument(
        "--top", metavar="N", default="10", help="number of architectures, or all; default: 10"
    )
    parser.add_argument("--seed", metavar="N", type=int, default=0, help="seed; default: 0")
    add_format(parser)


def _run(args: argparse.Namespace) -> None:
    from ntknas.evaluation import predict_rest
    from ntknas.truth import load_truth

    if args.precomputed and args.scores is not None:
        raise InputError(f"expected one of --precomputed and --scores, got both: {args.scores}")
    if args.top != "all" and not (args.top.isdecimal() and int(args.top) > 0):
        raise InputError(f"expected --top of at least 1, or all, got {args.top}")
    if not 0 <= args.seed < 2**32:  # what scikit-learn takes
        raise InputError(f"expected --seed of 0 to 4294967295, got {args.seed}")
    truth = load_truth(args.file)
    dataset = args.dataset or ("cifar10" if "cifar10" in truth.datasets else truth.datasets[0])
    wide = truth.wide(dataset)
    metric = args.metric or str(wide.columns[-1])
    if metric not in wide:
        raise InputError(
            f"expected a metric of {args.file}: {', '.join(map(str, wide))}; got {metric!r}"
        )
    column = wide[metric].dropna()
    scores = None
    if args.precomputed or args.scores is not None:
        scores = read_scores(args.scores, dataset=dataset if args.scores else None)
    found = predict_rest(
        dict(zip(column.index.tolist(), column.tolist(), strict=True)),
        model=args.model,
        scores=scores,
        seed=args.seed,
    )
    _write(args, found, metric, len(column))


def _write(args: argparse.Namespace, found: "Prediction", metric: str, count: int) -> None:
    """Write the ranking, and in a table the errors before it."""
    from ntknas.report import three_decimals, with_interval

    ranking = found.ranking
    shown = ranking if args.top == "all" else ranking.head(int(args.top))
    if args.format != "table":
        write_table(shown, format=args.format)
        return
    errors = found.errors
    readable = errors[["predictor", "n"]].assign(
        **{"spearman [95%]": with_interval(errors, "spearman", three_decimals)}, mae=errors["mae"]
    )
    write(f"{metric}: {args.model} of {count} accuracies")
    write_table(readable, format="table")
    write("")
    write_table(shown, format="table")
    note(f"{len(ranking)} architectures without an accuracy were ranked")
