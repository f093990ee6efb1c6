"""Sweeps over beta: scores of mixed kernels, or their correlations with published accuracies."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from ntknas.errors import InputError, check_names
from ntknas.evaluation.comparison import turned
from ntknas.evaluation.correlation import correlate
from ntknas.ranking import mid_ranks, rank_correlation
from ntknas.runs import Run
from ntknas.scores import (
    SCORES,
    ScoreKind,
    ScoreName,
    parse_fraction,
    score_names,
)
from ntknas.truth import Truth

__all__ = ["DEFAULT_METRIC", "beta_grid", "sweep_correlations", "sweep_medians"]

DEFAULT_METRIC = "pgd_8"
"""The default metric for the correlations of a sweep."""

_MOST_BETAS = 1001


def beta_grid(text: str) -> list[float]:
    """Values of beta from `START:STOP:STEP` (both ends included) or from a list.

    Args:
        text: Text of the grid or list, such as "0:1:0.25" or "0,1/2".

    Raises:
        InputError: If the text has neither form, or the grid is empty or has too many values.

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
    """Median and quartiles, over architectures, of the scores of mixed kernels at every beta.

    Args:
        run: Run with mixed kernels.
        betas: Weights of the robust loss.
        scores: Names of kernel scores, without the kernel. Behind a dot there may be a part of the
            kernels that the run keeps, as in "bound.stage_1".

    Returns:
        A table with one row per score, kernel, rho and beta. Its columns are score, kernel, rho,
        beta, n, value (the median), value_low and value_high (the quartiles).

    Raises:
        InputError: If a score or part is unknown, there is no beta, a beta lies outside [0, 1], or
            the run has no mixed kernels.
    """
    swept = _swept(run, betas, scores)
    rows = []
    for column in swept:
        known = swept[column].dropna()
        low, value, high = known.quantile([0.25, 0.5, 0.75])
        rows.append(
            _keys(str(column))
            | {"n": len(known), "value": value, "value_low": low, "value_high": high}
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
        run: Run with mixed kernels.
        betas: Weights of the robust loss.
        truth: Published accuracies.
        scores: Names of kernel scores, as for `sweep_medians`.
        dataset: Data set of the published accuracies; None means that of the run.
        metric: Metric of the published accuracies; None means PGD-8.
        resamples: Number of resamples of each interval (see `correlate`).
        seed: Seed of the resamples.
        on_pair: Function that is called with (number of pairs done, number of all pairs).

    Returns:
        A table with one row per score, kernel, rho and beta. Its columns are score, kernel, rho and
        beta, then those of `correlate`, and difference: Spearman's correlation less that of the
        same curve at beta 0. Its 95% interval (difference_low, difference_high) is paired, that is,
        each resample of the architectures is taken at both betas. If it holds 0, the resamples do
        not tell whether this beta ranks better or worse than beta 0.

    Raises:
        InputError: If `sweep_medians` would raise it, or the published accuracies lack the data set
            or metric.
    """
    dataset = dataset or run.spec.dataset
    if metric is None:
        metrics = truth.metrics(dataset)
        if DEFAULT_METRIC not in metrics:
            raise InputError(f"choose a metric of {truth.path}: {', '.join(metrics)}")
        metric = DEFAULT_METRIC
    added = bool(betas) and 0.0 not in betas  # for the differences alone
    swept = _swept(run, [0.0, *betas] if added else sorted(betas), scores)
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
    differences = _differences(table, keys, swept, truth, seed=seed)
    table = pd.concat([keys, table.drop(columns=["score", "subset"]), differences], axis=1)
    return table[table["beta"] > 0].reset_index(drop=True) if added else table


def _differences(
    table: pd.DataFrame, keys: pd.DataFrame, swept: pd.DataFrame, truth: Truth, *, seed: int
) -> pd.DataFrame:
    """Spearman of each row less that of its curve at beta 0, with the ends of paired intervals.

    Both are taken over the architectures that have both scores, and resampled together.
    """
    dataset, metric, resamples = table[["dataset", "metric", "resamples"]].iloc[0]
    known = [label for label in swept.index if label in truth.representative_of]
    accuracy = truth.wide(dataset)[metric].reindex([truth.representative_of[i] for i in known])
    values = accuracy.round(6).to_numpy(float)  # smaller differences are rounding errors
    compared = swept.loc[known]
    compared.attrs = swept.attrs
    scores = turned(compared, missing=np.nan)[list(table["score"])].to_numpy().T
    curve = keys.groupby(["score", "kernel", "rho"], sort=False).ngroup().to_numpy()
    at_zero = np.flatnonzero(keys["beta"] == 0)
    start = at_zero[np.searchsorted(curve[at_zero], curve)]  # the row at beta 0 of each row's curve
    both = np.isfinite(values) & ~np.isnan(scores) & ~np.isnan(scores[start])
    found = np.full((len(table), 3), np.nan)  # the difference and its interval, by row
    for kept in np.unique(both, axis=0):
        n, rows = int(kept.sum()), np.flatnonzero((both == kept).all(axis=1))
        if n < 2:
            continue
        draws = np.random.default_rng(seed).integers(n, size=(int(resamples), n))
        used, place = np.unique([rows, start[rows]], return_inverse=True)
        of_kept, target = scores[used][:, kept], values[kept]
        spearman = np.array([_spearman(of_kept[:, i], target[i]) for i in (np.arange(n), *draws)])
        mixed, clean = place.reshape(2, len(rows))
        difference, resampled = np.split(spearman[:, mixed] - spearman[:, clean], [1])
        found[rows, 0] = difference
        mostly = 2 * (~np.isnan(resampled)).sum(axis=0) >= max(resamples, 1)
        if mostly.any():
            ends = np.nanquantile(resampled[:, mostly], [0.025, 0.975], axis=0)
            found[rows[mostly], 1:] = ends.T
    return pd.DataFrame(found, columns=["difference", "difference_low", "difference_high"])


def _spearman(scores: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Spearman of each of k scores `[k, n]` with a target `[n]`; NaN where one is constant."""
    found = rank_correlation(mid_ranks(scores), mid_ranks(target))
    constant = (scores == scores[:, :1]).all(axis=1) | (target == target[:1]).all()
    return np.where(constant, np.nan, found)


def _swept(run: Run, betas: Sequence[float], scores: Sequence[str]) -> pd.DataFrame:
    """The columns of these scores at all betas, in the order of `scores`."""
    check_names(scores, "scores")
    known = score_names(ScoreKind.KERNEL)
    if not scores:
        raise InputError(f"expected scores of {', '.join(known)}, got none")
    for score in scores:
        name, dot, part = score.partition(".")
        if name not in known:
            raise InputError(
                f"expected a score without its kernel: {', '.join(known)}; got {score!r}"
            )
        if dot:
            _check_part(run, name, part)
    frame = run.scores(run.sweep(betas))
    names = {column: _keys(str(column))["score"] for column in frame}
    return frame[[c for score in scores for c, name in names.items() if name == score]]


def _check_part(run: Run, score: str, part: str) -> None:
    """Raise InputError unless the run keeps this part of its kernels, and it has the score."""
    if SCORES[score].of_layers:
        raise InputError(f"expected {score} without a part: it is of all layers; got .{part}")
    if not run.spec.rhos:
        return  # without mixed kernels, which the sweep says
    held = list(run.kernels(run.ids[0], rho=run.spec.rhos[0]).parts)
    if part not in held:
        found = f"the run keeps {', '.join(held)}" if held else "the run keeps no parts"
        raise InputError(f"no part {part!r} of {score}: {found}")


def _keys(column: str) -> dict[str, object]:
    """Score (with its part), kernel, rho and beta of a column of scores of a mixed kernel."""
    name = ScoreName.parse(column)
    score = f"{name.score}.{name.part}" if name.part else name.score
    return {"score": score, "kernel": str(name.kernel), "rho": name.rho, "beta": name.beta}
