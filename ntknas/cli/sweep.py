"""`ntknas sweep`: mixed kernels at any beta, from the stored Gram matrices alone."""

import argparse
from typing import TYPE_CHECKING

from ntknas.cli.output import note, write, write_table
from ntknas.cli.parser import Commands, add_format, add_resamples, comma_list
from ntknas.cli.progress import Progress
from ntknas.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from ntknas.truth import Truth

__all__ = ["add", "beta_grid"]

_METRIC = "pgd_8"
_MOST_BETAS = 1001

_ABOUT = """\
Examples:
  ntknas sweep runs/first --beta 0:1:0.1
  ntknas sweep runs/first --beta 0:1:0.1 --truth NAS-RobBench-201_html.json --metric pgd_8
  ntknas sweep runs/first --beta 0:1:0.05 --truth FILE --score lambda_min cond --plot beta.png

Nothing is computed on a device: one stored matrix holds the kernels at every beta. mixed_clean goes
from the clean kernel (beta 0) to the robust one (beta 1), mixed_robust from the robust one to the
twice attacked one. Without --truth the table shows medians over the architectures (csv and json
also quartiles), with it the Spearman correlation with the metric (also intervals and Kendall).
"""


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add(
        "sweep", _run, summary="scores and correlations against beta, at no cost", about=_ABOUT
    )
    parser.add_argument("run_folder", metavar="DIR", help="folder of the run")
    parser.add_argument(
        "--beta",
        type=_betas,
        required=True,
        metavar="GRID",
        help="START:STOP:STEP, both ends included, or a list such as 0,0.25,1",
    )
    parser.add_argument(
        "--score",
        nargs="+",
        action="extend",
        type=comma_list(),
        metavar="SCORE",
        help="without a kernel, such as lambda_min cond; default: lambda_min",
    )
    parser.add_argument("--truth", metavar="FILE", help="correlate with published accuracies")
    parser.add_argument("--dataset", help="of the truth; default: the run's")
    parser.add_argument("--metric", metavar="M", help=f"of the truth; default: {_METRIC}")
    add_resamples(parser)
    parser.add_argument("--plot", metavar="FILE", help="also draw a picture: .png or .svg")
    add_format(parser)


def beta_grid(text: str) -> list[float]:
    """Values of beta from `START:STOP:STEP` (both ends included) or from a list.

    Raises:
      InputError: if the text is neither, or the grid is empty or too fine.

    >>> beta_grid("0:1:0.25"), beta_grid("0,1/2")
    ([0.0, 0.25, 0.5, 0.75, 1.0], [0.0, 0.5])
    """
    from ntknas.scores import parse_fraction

    if ":" not in text:
        return sorted({parse_fraction(part) for part in text.split(",")})
    numbers = [parse_fraction(part) for part in text.split(":")]
    if len(numbers) != 3:
        raise InputError(f"expected START:STOP:STEP such as 0:1:0.1, got {text!r}")
    start, stop, step = numbers
    if step <= 0 or stop < start:
        raise InputError(f"expected START <= STOP and a positive STEP, got {text!r}")
    count = int((stop - start) / step + 1e-9) + 1
    if count > _MOST_BETAS:
        raise InputError(f"expected at most {_MOST_BETAS} values of beta, got {count}")
    return [round(start + i * step, 9) for i in range(count)]


def _betas(text: str) -> list[float]:
    try:
        return beta_grid(text)
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _run(args: argparse.Namespace) -> None:
    from ntknas.engine import Run
    from ntknas.report import check_picture
    from ntknas.scores import KERNEL_SCORES

    wanted = [name for names in args.score or [["lambda_min"]] for name in names]
    for name in wanted:
        if name not in KERNEL_SCORES:
            raise InputError(
                f"expected a score without its kernel: {', '.join(KERNEL_SCORES)}; got {name!r}"
            )
    if args.truth is None and (args.metric or args.dataset):
        raise InputError("--metric and --dataset belong to --truth FILE, which is missing")
    if args.plot is not None:
        check_picture(args.plot)
    run = Run(args.run_folder)
    scores = run.scores(run.sweep(args.beta))
    if args.truth is None:
        label, what, band = "median over architectures", "value", "quartiles"
        table = _medians(scores, wanted)
    else:
        from ntknas.truth import load_truth

        truth = load_truth(args.truth)
        dataset = args.dataset or run.spec.dataset
        metric = args.metric or _default_metric(truth, dataset)
        label, what, band = f"Spearman with {dataset} {metric}", "spearman", "95% intervals"
        table = _correlations(args, scores, truth, wanted, dataset, metric)
    if args.plot is not None:
        from ntknas.report import beta_curves

        title = f"{len(scores)} architectures; bands: {band}"
        beta_curves(table, args.plot, value=what, label=label, title=title)
    if args.format == "table":
        write(f"{run.folder}, {len(scores)} architectures: {label}")
        write_table(_matrix(table, what), format="table")
    else:
        write_table(table, format=args.format)
    if args.plot is not None:
        note(f"picture: {args.plot}")


def _default_metric(truth: "Truth", dataset: str) -> str:
    metrics = truth.metrics(dataset)
    if _METRIC not in metrics:
        raise InputError(f"choose a --metric of {truth.path}: {', '.join(metrics)}")
    return _METRIC


def _keys(column: str) -> dict[str, object]:
    """Score, kernel, rho and beta of a column of mixed-kernel scores."""
    from ntknas.scores import ScoreName

    name = ScoreName.parse(column)
    return {"score": name.score, "kernel": str(name.kernel), "rho": name.rho, "beta": name.beta}


def _swept(scores: "pd.DataFrame", wanted: list[str]) -> list[str]:
    """Columns of the wanted scores, in the order wanted."""
    return [c for name in wanted for c in scores.columns if c.startswith(f"{name}@")]


def _medians(scores: "pd.DataFrame", wanted: list[str]) -> "pd.DataFrame":
    """Median and quartiles over architectures of every score at every beta."""
    import pandas as pd

    rows = []
    for column in _swept(scores, wanted):
        known = scores[column].dropna()
        low, value, high = known.quantile([0.25, 0.5, 0.75])
        rows.append(
            _keys(column) | {"n": len(known), "value": value, "value_low": low, "value_high": high}
        )
    return pd.DataFrame(rows)


def _correlations(
    args: argparse.Namespace,
    scores: "pd.DataFrame",
    truth: "Truth",
    wanted: list[str],
    dataset: str,
    metric: str,
) -> "pd.DataFrame":
    """The table of correlations with the parts of each score's name as columns."""
    import pandas as pd

    from ntknas.engine import correlate
    from ntknas.scores import SIZE_SCORES

    with Progress("correlations", lines=False) as progress:
        table = correlate(
            scores,
            truth,
            dataset=dataset,
            metrics=[metric],
            names=_swept(scores, wanted),
            resamples=args.resamples,
            seed=args.seed,
            on_pair=progress,
        )
    table = table[~table["score"].isin(SIZE_SCORES)].reset_index(drop=True)
    keys = pd.DataFrame([_keys(name) for name in table["score"]])
    return pd.concat([keys, table.drop(columns=["score", "subset"])], axis=1)


def _matrix(table: "pd.DataFrame", what: str) -> "pd.DataFrame":
    """One row a curve, one column a beta."""
    from ntknas.scores import format_fraction

    curves = ["score", "kernel", "rho"]
    wide = table.pivot(index=curves, columns="beta", values=what)
    order = table[curves].drop_duplicates().itertuples(index=False, name=None)
    wide = wide.loc[list(order)].map(lambda v: f"{v:.3f}" if what == "spearman" else f"{v:.4g}")
    wide.columns = [f"{beta:g}" for beta in wide.columns]
    frame = wide.reset_index()
    return frame.assign(rho=frame["rho"].map(format_fraction))
