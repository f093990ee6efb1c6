"""`ntknas sweep`: mixed kernels at any beta, computed from the stored Gram matrices."""

import argparse
from typing import TYPE_CHECKING

from ntknas.cli.output import note, write, write_table
from ntknas.cli.parser import Commands, add_format, add_resamples, comma_list
from ntknas.cli.source import add_truth_seed
from ntknas.errors import InputError
from ntknas.report.progress import Progress

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["add"]

_ABOUT = """\
Examples:
  ntknas sweep runs/robust --beta 0:1:0.1
  ntknas sweep runs/robust --beta 0:1:0.1 --truth NAS-RobBench-201_html.json --metric pgd_8
  ntknas sweep runs/robust --beta 0:1:0.05 --truth FILE --score lambda_min cond --plot beta.png

The kernels at every beta are computed from the stored matrices; no network is evaluated.
mixed_clean goes from the clean kernel (beta 0) to the robust kernel (beta 1), mixed_robust from the
robust kernel to the twice attacked one.

Without --truth, the table shows medians over the architectures; csv and json also hold quartiles.
With --truth, it shows Spearman's correlation with the metric; csv and json also hold intervals and
Kendall's tau.
"""


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add(
        "sweep",
        _run,
        summary="show scores of mixed kernels, or their correlations, at any beta",
        about=_ABOUT,
    )
    parser.add_argument("run_folder", metavar="DIR", help="folder of the run")
    parser.add_argument(
        "--beta",
        type=_betas,
        required=True,
        metavar="GRID",
        help="weights of the robust loss: START:STOP:STEP with both ends included, or a list such "
        "as 0,0.25,1",
    )
    parser.add_argument(
        "--score",
        nargs="+",
        action="extend",
        type=comma_list(),
        metavar="SCORE",
        help="scores without their kernel, such as lambda_min cond; default: lambda_min",
    )
    parser.add_argument(
        "--truth",
        metavar="FILE",
        help="published accuracies to correlate the scores with: a file, robbench or jung",
    )
    add_truth_seed(parser)
    parser.add_argument(
        "--dataset", help="data set of the accuracies; default: the data set of the run"
    )
    parser.add_argument("--metric", metavar="M", help="metric of the accuracies; default: pgd_8")
    add_resamples(parser)
    parser.add_argument("--plot", metavar="FILE", help="also draw a picture (.png, .svg or .pdf)")
    add_format(parser, paper=True)


def _betas(text: str) -> list[float]:
    """A grid of betas, for `type=`."""
    from ntknas.evaluation import beta_grid

    try:
        return beta_grid(text)
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _run(args: argparse.Namespace) -> None:
    from ntknas.evaluation import sweep_correlations, sweep_medians
    from ntknas.report import check_picture
    from ntknas.runs import Run

    scores = [name for names in args.score or [["lambda_min"]] for name in names]
    if args.truth is None and (args.metric or args.dataset or args.truth_seed is not None):
        raise InputError(
            "--metric, --dataset and --truth-seed belong to --truth FILE, which is missing"
        )
    if args.plot is not None:
        check_picture(args.plot)
    run = Run(args.run_folder)
    if args.truth is None:
        label, what, band = "median over architectures", "value", "quartiles"
        table = sweep_medians(run, args.beta, scores)
    else:
        from ntknas.truth import load_truth

        truth = load_truth(args.truth, seed=args.truth_seed)
        with Progress("correlations", lines=False) as progress:
            table = sweep_correlations(
                run,
                args.beta,
                truth,
                scores,
                dataset=args.dataset,
                metric=args.metric,
                resamples=args.resamples,
                seed=args.seed,
                on_pair=progress,
            )
        for remark in truth.seed_notes:
            note(f"note: {remark}")
        place = " ".join(table[["dataset", "metric"]].iloc[0])
        label, what, band = f"Spearman with {place}", "spearman", "95% intervals"
    if args.plot is not None:
        from ntknas.report import beta_curves

        title = f"{len(run.ids)} architectures; bands: {band}"
        bounded = what == "spearman"
        beta_curves(table, args.plot, value=what, label=label, title=title, bounded=bounded)
    if args.format in ("csv", "json"):
        write_table(table, format=args.format)
    else:
        say = write if args.format == "table" else note
        say(f"{run.folder}, {len(run.ids)} architectures: {label}")
        write_table(_matrix(table, what), format=args.format)
    if args.plot is not None:
        note(f"picture: {args.plot}")


def _matrix(table: "pd.DataFrame", what: str) -> "pd.DataFrame":
    """The table with one row per curve and one column per beta."""
    from ntknas.scores import format_fraction

    curves = ["score", "kernel", "rho"]
    wide = table.pivot(index=curves, columns="beta", values=what)
    order = table[curves].drop_duplicates().itertuples(index=False, name=None)
    wide = wide.loc[list(order)].map(lambda v: f"{v:.3f}" if what == "spearman" else f"{v:.4g}")
    wide.columns = [f"{beta:g}" for beta in wide.columns]
    frame = wide.reset_index()
    return frame.assign(rho=frame["rho"].map(format_fraction))
