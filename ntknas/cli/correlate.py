"""`ntknas correlate`: how well the scores of a run agree with published accuracies."""

import argparse
from typing import TYPE_CHECKING

from ntknas.cli.output import note, write, write_table
from ntknas.cli.parser import Commands, add_format, add_resamples, comma_list, fraction
from ntknas.cli.source import add_source, add_truth_seed, source
from ntknas.errors import InputError
from ntknas.report.progress import Progress

if TYPE_CHECKING:
    import pandas as pd

    from ntknas.evaluation import ScoreTable

__all__ = ["add"]

_ABOUT = """\
Examples:
  ntknas data fetch robbench
  ntknas correlate runs/first --truth robbench
  ntknas correlate --precomputed --truth NAS-RobBench-201_html.json
  ntknas correlate runs/first --truth FILE --metric pgd_8 --top-fraction 0.1
  ntknas correlate runs/robust --truth FILE --metric pgd_8 --score cond@clean cond@robust:8/255
  ntknas correlate runs/robust --truth FILE --combine cond@robust:8/255+params --format json
  ntknas correlate runs/first --truth FILE --metric pgd_8 --score cond@clean --plot scatter.png
  ntknas correlate runs/first --truth FILE --metric clean pgd_8 --intervals --format latex
  ntknas correlate scores.csv --truth FILE --metric pgd_8

Scores are multiplied by their direction (`ntknas scores`), so that a positive correlation always
means that the score ranks good networks first. The sizes params and flops, which are the baselines,
are always in the table.

With several metrics, the table shows Spearman's correlation, one column per metric; --intervals
adds its 95% bootstrap interval. With one metric, it shows Spearman's correlation with its 95%
bootstrap interval, Kendall's tau-b, and the tau weighted towards the top of the ranking (Vigna
2015). Without --score, the table holds the headline scores lambda_min, cond, cosine_lambda_min,
layer_cosine_lambda_min and sphericity of each whole kernel, and the zero-cost proxies if the run
has them. csv and json hold all scores, and also the intervals of the taus. A name may hold * and ?,
such as 'lambda_min@*' or '*@robust:8/255'.

For thousands of architectures an interval takes about a second. To save time, choose scores and
metrics, or turn intervals off with --resamples 0.

A file of another tool in place of DIR is a .csv with a column architecture and one column per
score, or the JSON of NAS-Bench-Suite-Zero. Scores that ntknas does not know are taken as higher is
better; their correlation is negative if lower is.
"""


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add(
        "correlate",
        _run,
        summary="measure how well the scores of a run agree with published accuracies",
        about=_ABOUT,
    )
    add_source(parser)
    parser.add_argument(
        "--truth",
        metavar="FILE",
        required=True,
        help="file of published accuracies, or robbench or jung after `ntknas data fetch`",
    )
    add_truth_seed(parser)
    parser.add_argument(
        "--dataset",
        help="data set of the accuracies, and of the scores in a file that holds several; "
        "default: that of the run or file",
    )
    lists = {"nargs": "+", "action": "extend", "type": comma_list()}
    parser.add_argument(
        "--metric",
        metavar="M",
        help="metrics of the accuracies, such as clean pgd_8; default: all metrics of the file",
        **lists,
    )
    parser.add_argument(
        "--score",
        metavar="NAME",
        help="scores of the run, such as cond@clean; default: the headline scores (table) or all "
        "scores (csv, json)",
        **lists,
    )
    parser.add_argument(
        "--combine",
        metavar="A+B",
        help="also correlate the sum of the ranks of A and B; A-B reverses the direction of B; "
        "default in a table without --score: the default sum of `ntknas rank`",
        **lists,
    )
    parser.add_argument(
        "--top-fraction",
        type=fraction,
        metavar="F",
        help="also correlate within the best fraction by accuracy, such as 0.1",
    )
    parser.add_argument(
        "--plot",
        metavar="PICTURE",
        help="also draw the scores of the table against the accuracy, without --score the best 9 "
        "(.png, .svg or .pdf); needs one metric",
    )
    parser.add_argument(
        "--intervals",
        action="store_true",
        help="intervals in the table of several metrics too; they take a second per row and metric "
        "for thousands of architectures",
    )
    add_resamples(parser)
    add_format(parser, paper=True)


def _run(args: argparse.Namespace) -> None:
    from ntknas.evaluation import correlate, headline_names
    from ntknas.truth import load_truth

    if args.plot is not None:
        from ntknas.report import check_picture

        check_picture(args.plot)
    known = source(args)
    truth = load_truth(args.truth, seed=args.truth_seed)
    dataset = args.dataset or known.dataset or truth.datasets[0]
    metrics, names, combine, resamples = (
        _flat(args.metric),
        None if args.score is None else known.matching(_flat(args.score) or []),
        _flat(args.combine) or [],
        args.resamples,
    )
    as_table = args.format not in ("csv", "json")
    matrix = as_table and len(metrics or truth.metrics(dataset)) > 1
    if args.plot is not None and len(metrics or truth.metrics(dataset)) > 1:
        raise InputError("--plot takes one --metric M, got none or several")
    if names is None:
        names = headline_names(known) if as_table else None
        combine = combine or _default(known)
    # Intervals are most of the work, and wide.
    without = matrix and not args.intervals
    with Progress("correlations", lines=False) as progress:
        table = correlate(
            known,
            truth,
            dataset=dataset,
            metrics=metrics,
            names=names,
            combine=combine,
            top_fraction=args.top_fraction,
            resamples=0 if without else resamples,
            seed=args.seed,
            on_pair=progress,
        )
    if args.plot is not None:
        from ntknas.report import plot

        plot(
            known,
            truth,
            None if args.score is None else names,
            metric=table["metric"].iloc[0],
            dataset=dataset,
            path=args.plot,
            correlations=table,
        )
        note(f"picture: {args.plot}")
    missing = len(set(known.frame.index) - set(truth.representative_of))
    for remark in truth.seed_notes:
        note(f"note: {remark}")
    if missing:
        note(f"note: {missing} of {len(known.frame)} architectures are not in {truth.path}")
    if not as_table:
        write_table(table, format=args.format)
        return
    default = next(iter(_default(known)), "")
    named = table["score"] == default
    table.loc[named, "score"] = "default"
    shown = dataset if matrix else f"{dataset} {table['metric'].iloc[0]}"
    say = write if args.format == "table" else note
    say(f"{known.name} against {truth.benchmark}, {shown}; n = {_range(table)} architectures")
    write_table(_matrix(table) if matrix else _detail(table), format=args.format)
    if named.any():
        note(f"default: {default}")
    hints = ["--metric M: intervals and Kendall"] if without else []
    hints += ["--score NAME or --format csv: other scores"] if args.score is None else []
    if hints:
        note("; ".join(hints))


def _flat(lists: "list[list[str]] | None") -> "list[str] | None":
    """All names in the lists of repeated options; None if the option was not given."""
    return None if lists is None else [name for names in lists for name in names]


def _default(table: "ScoreTable") -> list[str]:
    """The sum of the default ranking; nothing if the table has none."""
    try:
        default = table.default
    except InputError:
        return []
    return [str(default)] if default.single is None else []


def _range(table: "pd.DataFrame") -> str:
    """The number of architectures of the rows of a table, or its smallest and largest value."""
    low, high = table["n"].min(), table["n"].max()
    return str(high) if low == high else f"{low}..{high}"


def _matrix(table: "pd.DataFrame") -> "pd.DataFrame":
    """Spearman with one column per metric, sorted by the mean; subsets are listed one by one."""
    from ntknas.report import with_interval

    rows = table.assign(shown=with_interval(table, "spearman"))
    means = rows.groupby(["subset", "score"])["spearman"].mean().sort_values(ascending=False)
    wide = rows.pivot(index=["subset", "score"], columns="metric", values="shown")
    wide = wide.loc[means.index, table["metric"].unique()]
    frame = _concat([wide.loc[[s]].reset_index() for s in table["subset"].unique()])
    frame.columns.name = None
    return frame if table["subset"].nunique() > 1 else frame.drop(columns="subset")


def _detail(table: "pd.DataFrame") -> "pd.DataFrame":
    """Spearman with its interval and the two taus for one metric, best first."""
    import pandas as pd

    from ntknas.report import three_decimals, with_interval

    parts = []
    for subset in table["subset"].unique():
        rows = table[table["subset"] == subset].sort_values(
            "spearman", ascending=False, na_position="last"
        )
        columns = {name: rows[name] for name in ("subset", "score", "n")}
        columns["spearman [95%]"] = with_interval(rows, "spearman")
        columns["kendall"] = rows["kendall"].map(three_decimals)
        columns["weighted"] = rows["weighted_kendall"].map(three_decimals)
        parts.append(pd.DataFrame(columns))
    frame = _concat(parts)
    if len(parts) == 1:
        return frame.drop(columns="subset")
    return frame


def _concat(frames: "list[pd.DataFrame]") -> "pd.DataFrame":
    """The rows of all frames in one frame."""
    import pandas as pd

    return pd.concat(frames, ignore_index=True)
