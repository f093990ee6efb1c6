"""The published correlation tables of Wu et al. (ICLR 2024), ours beside them.

    python -m experiments.published_tables runs/a runs/b --truth NAS-RobBench-201_html.json

For every run (`ntknas score`) a table of lambda_min and cond of each kernel, or of `--score`,
against each metric of the truth: Spearman's correlation with its 95% bootstrap interval, the
published figure where there is one, and the difference. With several runs one more table holds them
side by side on the architectures that all have, named by the settings that differ from the first
run's: how far each convention moves a figure, with the interval of the difference over the same
resamples of the architectures. A run of several seeds, which each draw weights and images, has a
row for each seed alone there, too. The publication gives absolute values; ours are turned by each
score's direction, so that a negative one means that the score ranks backwards.
"""

import argparse
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

import ntknas
from experiments.command import clear_errors, write_page
from ntknas.evaluation import compare_runs, unmixed_names
from ntknas.report import check_output, markdown, three_decimals, with_interval
from ntknas.scores import format_fraction

__all__ = ["PUBLISHED", "PublishedTablesConfig", "comparison", "report"]


@dataclass(frozen=True)
class PublishedTablesConfig:
    """Which runs against which truth.

    Attributes:
        runs: Folders of runs. The first is the one that the others are compared with.
        truth: File or folder of published accuracies.
        dataset: Dataset of the truth; None means the first run's.
        metrics: Metrics of the truth; None means all.
        scores: Scores or rank sums; None means lambda_min and cond of every kernel that is not
            mixed.
        sensitivity_metric: Metric of the table of runs side by side.
        resamples: Number of resamples of each interval.
    """

    runs: tuple[Path, ...]
    truth: Path
    dataset: str | None = None
    metrics: tuple[str, ...] | None = None
    scores: tuple[str, ...] | None = None
    sensitivity_metric: str = "pgd_8"
    resamples: int = 200


def _table(metrics: str, **rows: str) -> dict[str, dict[str, float]]:
    return {
        row: dict(zip(metrics.split(), map(float, figures.split()), strict=True))
        for row, figures in rows.items()
    }


# Spearman on all 6,466 classes, CIFAR-10. The publication's EigenNAS rows are those of lambda_min,
# to .001 where it has both.
_LAMBDA_MIN = _table(
    "clean fgsm_3 pgd_3 apgd_3 fgsm_8 pgd_8",
    clean=".527 .546 .543 .541 .601 .598",
    robust_3=".533 .552 .550 .548 .608 .604",
    robust_8=".540 .559 .556 .554 .614 .610",
    twice_3=".537 .556 .553 .551 .611 .608",
    twice_8=".549 .568 .565 .564 .622 .619",
)
_COND = _table(
    "clean fgsm_3 pgd_3 apgd_3 fgsm_8 pgd_8 apgd_8",
    clean=".739 .742 .739 .738 .765 .755 .748",
    robust_3=".505 .512 .509 .508 .546 .536 .531",
    robust_8=".721 .729 .725 .724 .762 .753 .747",
    twice_3=".558 .566 .562 .561 .600 .589 .584",
    twice_8=".724 .730 .726 .726 .762 .752 .746",
)
_KERNELS = {
    "clean": "clean",
    "robust_3": "robust:3/255",
    "robust_8": "robust:8/255",
    "twice_3": "twice:3/255",
    "twice_8": "twice:8/255",
}

PUBLISHED: dict[str, dict[str, float]] = {
    f"{score}@{_KERNELS[kernel]}": figures
    for score, table in (("lambda_min", _LAMBDA_MIN), ("cond", _COND))
    for kernel, figures in table.items()
}
"""Published Spearman correlation by score and metric, CIFAR-10."""


def comparison(
    run: ntknas.Run,
    truth: ntknas.Truth,
    *,
    dataset: str | None = None,
    metrics: Sequence[str] | None = None,
    scores: Sequence[str] | None = None,
    resamples: int = 200,
) -> pd.DataFrame:
    """A run's correlations beside the published ones.

    Args:
        run: The run, finished or not; its architectures so far are taken.
        truth: Published accuracies.
        dataset: Dataset of the truth; None means the run's.
        metrics: Metrics of the truth; None means all.
        scores: Scores or rank sums; None means lambda_min and cond of every kernel that is not
            mixed.
        resamples: Number of resamples of each interval.

    Returns:
        One row per score and metric: score, metric, n, spearman, spearman_low, spearman_high,
        published (NaN where nothing is: the publication's tables are NAS-RobBench-201's of
        CIFAR-10) and difference.
    """
    dataset = dataset or run.spec.dataset
    names = unmixed_names(run.scores()) if scores is None else scores
    table = ntknas.correlate(
        run, truth, names=names, dataset=dataset, metrics=metrics, resamples=resamples
    )
    table = table[["score", "metric", "n", "spearman", "spearman_low", "spearman_high"]]
    same = (truth.benchmark, dataset) == ("NAS-RobBench-201", "cifar10")
    published = [
        PUBLISHED.get(score, {}).get(metric, math.nan) if same else math.nan
        for score, metric in zip(table["score"], table["metric"], strict=True)
    ]
    return table.assign(published=published, difference=table["spearman"] - published)


def _comparison_page(table: pd.DataFrame) -> str:
    """One row per score with intervals, below it the published figures and the differences."""
    metrics = list(table["metric"].unique())
    rows = []
    for score in table["score"].unique():
        found = table[table["score"] == score].set_index("metric").loc[metrics]
        rows.append([score, "ours", *with_interval(found, "spearman")])
        if found["published"].notna().any():
            for name, form in (("published", "{:.3f}"), ("difference", "{:+.3f}")):
                cells = ["" if math.isnan(v) else form.format(v) for v in found[name]]
                rows.append(["", name, *cells])
    return markdown(pd.DataFrame(rows, columns=["score", "", *metrics]))


def _sensitivity_page(table: pd.DataFrame) -> str:
    """One row per run, one column per score; differences beside all but the first run."""
    differences = "; " + with_interval(table, "difference", "{:+.3f}".format)
    first = table["settings"] == table["settings"].iloc[0]
    cells = with_interval(table, "spearman").where(
        first | table["difference"].isna(), table["spearman"].map(three_decimals) + differences
    )
    wide = table.assign(cell=cells).pivot(index="settings", columns="score", values="cell")
    wide = wide.loc[table["settings"].unique(), table["score"].unique()].fillna("")
    return markdown(wide.reset_index())


def _title(run: ntknas.Run) -> str:
    spec = run.spec
    parts = [
        f"{len(run.ids)} architectures",
        f"{spec.batch_size} {spec.dataset} images",
        f"{spec.seeds} seed{'s' * (spec.seeds > 1)}",
    ]
    if spec.network is not None:
        cells = spec.network.cells
        parts += [f"norm {spec.network.norm}", f"{cells} cell{'s' * (cells > 1)} per stage"]
    if spec.rhos:
        radii = ", ".join(map(format_fraction, spec.rhos))
        steps = f", {spec.attack.steps} steps" if spec.attack.name == "pgd" else ""
        parts.append(f"{spec.attack.name} {radii}{steps}")
    return f"`{run.folder}`: " + ", ".join(parts)


def report(config: PublishedTablesConfig) -> str:
    """All tables as Markdown.

    Args:
        config: Which runs against which truth.

    Raises:
        InputError: For a run or a truth that cannot be read, or runs without common architectures.
    """
    runs = [ntknas.Run(folder) for folder in config.runs]
    truth = ntknas.load_truth(config.truth)
    parts = []
    for run in runs:
        table = comparison(
            run,
            truth,
            dataset=config.dataset,
            metrics=config.metrics,
            scores=config.scores,
            resamples=config.resamples,
        )
        parts += [_title(run), _comparison_page(table)]
    if len(runs) > 1 or runs[0].spec.seeds > 1:
        table = compare_runs(
            runs,
            truth,
            metric=config.sensitivity_metric,
            dataset=config.dataset,
            names=config.scores,
            resamples=config.resamples,
        )
        n = table["n"].iloc[0]
        parts += [
            f"Side by side, {config.sensitivity_metric}, {n} architectures; {runs[0].folder} "
            "first, then what differs from it and by how much it moves the figure",
            _sensitivity_page(table),
        ]
    return "\n\n".join(parts)


def main() -> None:
    """Parse the flags, print the tables and write them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", type=Path, nargs="+", help="folders of runs")
    parser.add_argument("--truth", type=Path, required=True, help="published accuracies")
    parser.add_argument("--dataset", help="of the truth; default: the first run's")
    parser.add_argument("--metrics", nargs="+", help="of the truth; default: all")
    parser.add_argument("--score", nargs="+", help="default: lambda_min and cond of every kernel")
    parser.add_argument("--sensitivity-metric", default="pgd_8")
    parser.add_argument("--resamples", type=int, default=200)
    parser.add_argument("--out", type=Path, help="Markdown")
    args = vars(parser.parse_args())
    out = args.pop("out")
    args["scores"] = args.pop("score")
    lists = {n: args[n] and tuple(args[n]) for n in ("runs", "metrics", "scores")}
    config = PublishedTablesConfig(**args | lists)
    with clear_errors(parser.prog):
        if out:
            check_output(out)
        text = report(config)
        write_page(text, out)


if __name__ == "__main__":
    main()
