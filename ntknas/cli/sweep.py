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
  ntknas sweep runs/radii --beta 0:1:0.1 --truth FILE --score sphericity --heat-map beta_rho.png

The kernels at every beta are computed from the stored matrices; no network is evaluated.
mixed_clean goes from the clean kernel (beta 0) to the robust kernel (beta 1), mixed_robust from the
robust kernel to the twice attacked one.

Without --truth, the table shows medians over the architectures; csv and json also hold quartiles.
With --truth, it shows Spearman's correlation with the metric, and how much it differs between the
largest beta and beta 0, with a 95% interval of the difference on the same architectures. If this
interval holds 0, the architectures do not tell whether beta matters. csv and json hold the
intervals of all values and differences, and Kendall's tau.
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
        help="scores without their kernel, such as lambda_min cond, or of a part of the kernels, "
        "such as bound.stage_1; default: lambda_min",
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
    parser.add_argument(
        "--heat-map",
        metavar="FILE",
        help="also draw the correlation of one score over beta and rho (.png, .svg or .pdf); needs "
        "--truth and a run with several radii",
    )
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
    if args.heat_map is not None and (args.truth is None or len(scores) > 1):
        raise InputError(
            f"--heat-map needs --truth FILE and one --score, got {', '.join(scores)}"
            + ("" if args.truth else " without --truth")
        )
    for picture in (args.plot, args.heat_map):
        check_picture(picture)
    run = Run(args.run_folder)
    if args.heat_map is not None and len(run.spec.rhos) < 2:
        raise InputError(f"--heat-map needs a run with several radii, got {len(run.spec.rhos)}")
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

        lines = "dotted" if len(run.spec.rhos) > 1 else "bands"
        title = f"{len(run.ids)} architectures; {lines}: {band}"
        bounded = what == "spearman"
        beta_curves(table, args.plot, value=what, label=label, title=title, bounded=bounded)
    if args.format in ("csv", "json"):
        write_table(table, format=args.format)
    else:
        say = write if args.format == "table" else note
        say(f"{run.folder}, {len(run.ids)} architectures: {label}")
        write_table(_matrix(table, what), format=args.format)
        if what == "spearman":
            _note_differences(table)
    if args.heat_map is not None:
        from ntknas.report import heat_maps

        title = f"{scores[0]}: {label}, {len(run.ids)} architectures; star: highest"
        heat_maps(table, args.heat_map, score=scores[0], title=title)
    for picture in (args.plot, args.heat_map):
        if picture is not None:
            note(f"picture: {picture}")


def _matrix(table: "pd.DataFrame", what: str) -> "pd.DataFrame":
    """The table with one row per curve and one column per beta."""
    from ntknas.scores import format_fraction

    curves = ["score", "kernel", "rho"]
    wide = table.pivot(index=curves, columns="beta", values=what)
    order = list(table[curves].drop_duplicates().itertuples(index=False, name=None))
    wide = wide.loc[order].map(lambda v: f"{v:.3f}" if what == "spearman" else f"{v:.4g}")
    wide.columns = [f"{beta:g}" for beta in wide.columns]
    frame = wide.reset_index()
    last = table["beta"].max()
    if what == "spearman" and last > 0:
        from ntknas.report import with_interval

        ends = table[table["beta"] == last].set_index(curves).loc[order]
        frame[f"{last:g} less 0 [95%]"] = list(with_interval(ends, "difference", "{:+.3f}".format))
    return frame.assign(rho=frame["rho"].map(format_fraction))


def _note_differences(table: "pd.DataFrame") -> None:
    """Say how many values of beta differ from beta 0 by more than chance."""
    rows = table[(table["beta"] > 0) & table["difference_low"].notna()]
    if len(rows):
        differ = int(((rows["difference_low"] > 0) | (rows["difference_high"] < 0)).sum())
        note(
            f"{differ} of {len(rows)} values differ from those at beta 0 (95% interval of the "
            f"difference without 0); chance alone gives about {0.05 * len(rows):.0f}"
        )
