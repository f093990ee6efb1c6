"""Do robust and twice-attacked kernels rank better than clean ones, layer by layer?

    python -m experiments.robust_kernels runs/robust --truth NAS-RobBench-201_html.json \
        --score lambda_min bound.head --metrics pgd_8 --top-fraction 1 0.1

For every score one row per kernel: Spearman's correlation with the accuracy, and by how much it is
above that of the clean kernel. All intervals of an accuracy are from the same resamples of the
architectures, so that those of the differences are paired. `--top-fraction 0.1` takes the tenth of
the architectures that have the highest accuracy.
"""

import argparse
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

import ntknas
from experiments.command import clear_errors, write_page
from ntknas.errors import InputError
from ntknas.evaluation import interval_ends, score_table, true_values, turned
from ntknas.ranking import correlations, replicates, resample_counts
from ntknas.report import check_output, markdown, with_interval
from ntknas.scores import ScoreName

__all__ = ["RobustKernelsConfig", "gains", "main", "report"]


@dataclass(frozen=True)
class RobustKernelsConfig:
    """Which run against which truth.

    Attributes:
        run: Folder of a run with clean, robust and perhaps twice-attacked kernels.
        truth: File or folder of published accuracies.
        scores: Scores of the kernel, such as "lambda_min" or, of a part, "bound.head".
        dataset: Dataset of the truth; None means the run's.
        metrics: Metrics of the truth.
        fractions: Shares of the architectures, those of the highest accuracy; 1 means all.
        resamples: Number of resamples of each interval.
        seed: Seed of the resamples.

    Raises:
        InputError: If a fraction is not in (0, 1], or there are no resamples.
    """

    run: Path
    truth: Path
    scores: tuple[str, ...]
    dataset: str | None = None
    metrics: tuple[str, ...] = ("pgd_8",)
    fractions: tuple[float, ...] = (1.0, 0.1)
    resamples: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        for fraction in self.fractions:
            if not 0 < fraction <= 1:
                raise InputError(f"expected fractions above 0 and at most 1, got {fraction:g}")
        if self.resamples < 1:
            raise InputError(f"expected at least one resample, got {self.resamples}")


def _kernels(names: Iterable[ScoreName], score: str) -> list[ScoreName]:
    """The names of a score of every kernel that is not mixed, the clean one first."""
    wanted, _, part = score.partition(".")
    found = [
        name
        for name in names
        if name.score == wanted and name.kernel and name.part == part and name.beta is None
    ]
    if not any(name.rho is None for name in found) or len(found) < 2:
        raise InputError(f"expected a run with {score} of clean and of attacked kernels")
    return sorted(found, key=lambda name: name.rho is not None)


def gains(
    run: ntknas.Run, truth: ntknas.Truth, config: RobustKernelsConfig, metric: str, fraction: float
) -> pd.DataFrame:
    """Correlations of clean and attacked kernels with one accuracy, and their differences.

    Args:
        run: The run, finished or not.
        truth: Published accuracies.
        config: Scores, resamples and the dataset.
        metric: Metric of the truth.
        fraction: Share of the architectures, those of the highest accuracy.

    Returns:
        One row per score and kernel: score (without its kernel), kernel, n, spearman, and gain,
        which is spearman less that of the clean kernel; each with the ends of its 95% interval.

    Raises:
        InputError: If the run lacks a score for clean or for attacked kernels, or the truth lacks
            the metric.
    """
    table = score_table(run)
    of_metric = true_values(truth, config.dataset or run.spec.dataset, table).groupby("metric")
    if metric not in of_metric.groups:
        known_metrics = ", ".join(map(str, of_metric.groups))
        raise InputError(f"expected a metric of {known_metrics}, got {metric}")
    known = of_metric.get_group(metric).set_index("architecture")["value"].dropna()
    known = known.nlargest(max(round(fraction * len(known)), 2), keep="all")
    counts = resample_counts(len(known), resamples=config.resamples, seed=config.seed)
    rows = []
    for score in config.scores:
        names = _kernels(table.names, score)
        columns = turned(table, list(map(str, names))).loc[known.index]
        of_clean: tuple[float, np.ndarray] | None = None
        for name in names:
            column = columns[str(name)]
            point = correlations(column, known).spearman
            resampled = replicates(column, known, counts)[0]
            of_clean = of_clean or (point, resampled)
            kernel = str(replace(name, part="")).partition("@")[2]
            row = {"score": score, "kernel": kernel, "n": len(known)}
            row |= {"spearman": point, "gain": point - of_clean[0]}
            row |= interval_ends("spearman", resampled)
            rows.append(row | interval_ends("gain", resampled - of_clean[1]))
    return pd.DataFrame(rows)


def report(config: RobustKernelsConfig) -> str:
    """All tables as Markdown, one per accuracy and fraction.

    Args:
        config: Which run against which truth.

    Raises:
        InputError: For a run or a truth that cannot be read, and where `gains` raises it.
    """
    run, truth = ntknas.Run(config.run), ntknas.load_truth(config.truth)
    parts = []
    for metric in config.metrics:
        for fraction in config.fractions:
            table = gains(run, truth, config, metric, fraction)
            gain = with_interval(table, "gain", "{:+.3f}".format)
            clean = table["kernel"] == "clean"
            page = table[["score", "kernel"]].assign(
                spearman=with_interval(table, "spearman"), gain=gain.mask(clean, "")
            )
            among = "all" if fraction == 1 else f"best {fraction:g}"
            parts += [f"{metric}, {among}, {table['n'].iloc[0]} architectures", markdown(page)]
    return "\n\n".join(parts)


def main() -> None:
    """Parse the flags, print the tables and write them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="folder of a run")
    parser.add_argument("--truth", type=Path, required=True, help="published accuracies")
    parser.add_argument("--dataset", help="of the truth; default: the run's")
    parser.add_argument("--metrics", nargs="+", default=["pgd_8"], help="of the truth")
    parser.add_argument(
        "--score", nargs="+", required=True, help="without kernel, such as lambda_min bound.head"
    )
    parser.add_argument("--top-fraction", nargs="+", type=float, default=[1.0, 0.1])
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0, help="of the resamples")
    parser.add_argument("--out", type=Path, help="Markdown")
    args = vars(parser.parse_args())
    out, scores, fractions = (args.pop(name) for name in ("out", "score", "top_fraction"))
    args |= {"metrics": tuple(args["metrics"])}
    with clear_errors(parser.prog):
        if out:
            check_output(out)
        config = RobustKernelsConfig(**args, scores=tuple(scores), fractions=tuple(fractions))
        text = report(config)
        write_page(text, out)


if __name__ == "__main__":
    main()
