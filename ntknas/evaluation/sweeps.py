"""Mixed kernels against beta: scores, or their correlations with published accuracies."""

from collections.abc import Callable, Sequence

import pandas as pd

from ntknas.errors import InputError
from ntknas.evaluation.correlation import correlate
from ntknas.runs import Run
from ntknas.scores import (
    ScoreKind,
    ScoreName,
    parse_fraction,
    score_names,
)
from ntknas.truth import Truth

__all__ = ["DEFAULT_METRIC", "beta_grid", "sweep_correlations", "sweep_medians"]

DEFAULT_METRIC = "pgd_8"
"""The metric of a sweep's correlations unless another one is chosen."""

_MOST_BETAS = 1001


def beta_grid(text: str) -> list[float]:
    """Values of beta from `START:STOP:STEP` (both ends included) or from a list.

    Args:
        text: The grid.

    Raises:
        InputError: If the text is neither, or the grid is empty or too fine.

    Example:
        >>> beta_grid("0:1:0.25"), beta_grid("0,1/2")
        ([0.0, 0.25, 0.5, 0.75, 1.0], [0.0, 0.5])
    """
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


def sweep_medians(
    run: Run, betas: Sequence[float], scores: Sequence[str] = ("lambda_min",)
) -> pd.DataFrame:
    """Median and quartiles over architectures of scores of mixed kernels at every beta.

    Args:
        run: A run that mixes kernels.
        betas: Weights of the robust loss.
        scores: Scores of a kernel.

    Returns:
        One row per score, kernel, rho and beta; columns score, kernel, rho, beta, n, value (the
        median), value_low and value_high (the quartiles).

    Raises:
        InputError: For an unknown score, no beta or one outside [0, 1], or a run that mixes none.
    """
    swept = _swept(run, betas, scores)
    rows = []
    for column in swept:
        known = swept[column].dropna()
        low, value, high = known.quantile([0.25, 0.5, 0.75])
        rows.append(
            _keys(column) | {"n": len(known), "value": value, "value_low": low, "value_high": high}
        )
    return pd.DataFrame(rows)


def sweep_correlations(
    run: Run,
    betas: Sequence[float],
    truth: Truth,
    scores: Sequence[str] = ("lambda_min",),
    *,
    dataset: str | None = None,
    metric: str | None = None,
    resamples: int | None = None,
    seed: int = 0,
    on_pair: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """Correlations of scores of mixed kernels with a published accuracy at every beta.

    Args:
        run: A run that mixes kernels.
        betas: Weights of the robust loss.
        truth: Published accuracies.
        scores: Scores of a kernel.
        dataset: One of the truth's; None means the run's.
        metric: One of the truth's metrics; None means PGD-8.
        resamples: Number of resamples of each interval (see `correlate`).
        seed: Seed of the resamples.
        on_pair: Called with (pairs done, pairs in all).

    Returns:
        One row per score, kernel, rho and beta; columns score, kernel, rho and beta, then those of
        `correlate`.

    Raises:
        InputError: As `sweep_medians`, or if the truth lacks the dataset or metric.
    """
    dataset = dataset or run.spec.dataset
    if metric is None:
        metrics = truth.metrics(dataset)
        if DEFAULT_METRIC not in metrics:
            raise InputError(f"choose a metric of {truth.path}: {', '.join(metrics)}")
        metric = DEFAULT_METRIC
    swept = _swept(run, betas, scores)
    table = correlate(
        swept,
        truth,
        dataset=dataset,
        metrics=[metric],
        resamples=resamples,
        seed=seed,
        on_pair=on_pair,
    )
    table = table[table["score"].isin(swept.columns)].reset_index(drop=True)
    keys = pd.DataFrame([_keys(name) for name in table["score"]])
    return pd.concat([keys, table.drop(columns=["score", "subset"])], axis=1)


def _swept(run: Run, betas: Sequence[float], scores: Sequence[str]) -> pd.DataFrame:
    """Columns of the wanted scores, in the order wanted."""
    known = score_names(ScoreKind.KERNEL)
    for score in scores:
        if score not in known:
            raise InputError(
                f"expected a score without its kernel: {', '.join(known)}; got {score!r}"
            )
    frame = run.scores(run.sweep(betas))
    names = {column: ScoreName.parse(column) for column in frame.columns}
    chosen = [c for score in scores for c, name in names.items() if name.score == score]
    return frame[chosen]


def _keys(column: str) -> dict[str, object]:
    """Score, kernel, rho and beta of a column of mixed-kernel scores."""
    name = ScoreName.parse(column)
    return {"score": name.score, "kernel": str(name.kernel), "rho": name.rho, "beta": name.beta}
