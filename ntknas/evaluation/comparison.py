"""Comparison of runs: how much each setting changes a correlation, with paired intervals."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from ntknas.errors import InputError
from ntknas.evaluation.table import Scores, score_table
from ntknas.kernel.names import Batch
from ntknas.ranking import correlations, oriented, replicates, resample_counts
from ntknas.runs import Run, ScoringSpec
from ntknas.scores import RankSum
from ntknas.truth import Truth

__all__ = ["changed_settings", "compare_runs", "interval_ends", "turned", "unmixed_names"]


def turned(
    scores: Scores,
    names: Sequence[str | RankSum] | None = None,
    *,
    missing: float = -np.inf,
) -> pd.DataFrame:
    """Scores oriented so that higher is better, with constant networks last.

    Args:
        scores: Run, its folder, precomputed table, or frame in the form that `Run.scores` returns.
        names: Names of scores or rank sums; None means every score.
        missing: What stands where a network has no score: minus infinity puts it last.

    Returns:
        A table with one column per name.
    """
    table = score_table(scores)
    chosen = list(map(str, table.frame)) if names is None else names
    wanted = [table.resolve(name) for name in chosen]
    values = table.values(wanted)
    directions = {str(name): name.direction for name in wanted}
    columns = {
        name: oriented(values, directions, name, worst=table.constant, raw=table.raw(wanted))
        for name in directions
    }
    return pd.DataFrame(columns).fillna(missing)


def compare_runs(
    runs: Sequence[Run],
    truth: Truth,
    *,
    metric: str = "pgd_8",
    dataset: str | None = None,
    names: Sequence[str] | None = None,
    resamples: int = 200,
) -> pd.DataFrame:
    """Correlations of several runs on the architectures that all of them hold.

    Args:
        runs: Runs to compare; the others are compared with the first.
        truth: Published accuracies.
        metric: Metric of the published accuracies.
        dataset: Data set of the published accuracies; None means that of the first run.
        names: Names of scores or rank sums; None means lambda_min and cond of every kernel that is
            not mixed.
        resamples: Number of resamples of each interval.

    Returns:
        A table with one row per run and score. If a run has several seeds (of weights and images),
        there is also one row per seed and score. Columns: settings (those that differ from the
        first run; for the first run, the name of its folder), score, n, spearman and its interval,
        and difference, with its interval, from the spearman of the same score in the first run. For
        the difference both runs use the same resamples. It is NaN for scores that the first run
        lacks.

    Raises:
        InputError: If the runs have fewer than two architectures in common, or fewer than two of
            these have an accuracy.
    """
    first = runs[0]
    common = set.intersection(*(set(run.ids) for run in runs))
    if len(common) < 2:
        raise InputError(f"expected runs that share architectures, got {len(common)} in common")
    dataset = dataset or first.spec.dataset
    known = sorted(label for label in common if label in truth.representative_of)
    accuracy = pd.Series(
        {label: truth.value(label, dataset, metric) for label in known}, dtype=float
    ).dropna()
    if len(accuracy) < 2:
        raise InputError(f"expected accuracies of two architectures or more, got {len(accuracy)}")
    accuracy = accuracy.round(6)  # smaller differences of published means are rounding errors
    counts = resample_counts(len(accuracy), resamples=resamples, seed=0)
    reference: dict[Any, tuple[Any, Any]] = {}
    rows: list[dict[str, Any]] = []
    for run in runs:
        settings = ", ".join(changed_settings(run.spec, first.spec)) or run.folder.name
        if any(row["settings"] == settings for row in rows):
            settings = f"{settings} ({run.folder})"
        for draw, scores in _draws(run):
            scores = scores.loc[accuracy.index]
            scores.attrs["space"] = run.space
            for name, column in turned(scores, names or unmixed_names(scores)).items():
                spearman = correlations(column, accuracy).spearman
                resampled = replicates(column, accuracy, counts)[0]
                row = {"settings": settings + draw, "score": name, "n": len(accuracy)}
                row |= {"spearman": spearman} | interval_ends("spearman", resampled)
                if run is first:
                    reference.setdefault(name, (spearman, resampled))
                of_first, resampled_of_first = reference.get(name, (math.nan, math.nan))
                row["difference"] = spearman - of_first
                rows.append(row | interval_ends("difference", resampled - resampled_of_first))
    return pd.DataFrame(rows)


def unmixed_names(scores: pd.DataFrame) -> list[str]:
    """lambda_min and cond of every kernel of a frame that is not mixed."""
    names = score_table(scores).names
    return [
        str(name)
        for score in ("lambda_min", "cond")
        for name in names
        if name.score == score and name.beta is None
    ]


def _draws(run: Run) -> Iterator[tuple[str, pd.DataFrame]]:
    """Scores averaged over the seeds and, if there are several seeds, the scores of each."""
    table = run.table()
    yield "", run.scores(table)
    if run.spec.seeds > 1:
        for seed, rows in table.groupby("seed"):
            yield f", seed {seed} alone", run.scores(rows)


def interval_ends(name: str, resampled: Float[np.ndarray, " b"]) -> dict[str, float]:
    """The ends of the 95% interval of a column, from its values in resamples.

    Args:
        name: Name of the column.
        resampled: Its values in b resamples; those that are NaN are left out.

    Returns:
        The ends by the names of their columns, name_low and name_high; NaN if no value is left.

    Example:
        >>> interval_ends("gain", np.array([0.0, 1.0, np.nan]))
        {'gain_low': 0.025, 'gain_high': 0.975}
    """
    known = resampled[~np.isnan(resampled)]
    low, high = np.quantile(known, [0.025, 0.975]) if known.size else (math.nan, math.nan)
    return {f"{name}_low": float(low), f"{name}_high": float(high)}


def changed_settings(spec: ScoringSpec, first: ScoringSpec) -> list[str]:
    """Settings that change the scores of a kernel and differ from others, as "name: value".

    The list of kernels is not among them, because the columns of a table show it. If the dataset
    differs, only its name is listed, not the settings of the network that depend on its images.

    Args:
        spec: Settings of a run.
        first: Settings to compare with.
    """
    if spec.dataset != first.dataset and spec.network and first.network:
        of_images = {
            name: getattr(first.network, name) for name in ("classes", "image_size", "mean", "std")
        }
        network = replace(spec.network, **of_images)
        spec = replace(spec, images_sha256=first.images_sha256, network=network)
    batches = first.batches if spec.rhos and first.rhos else (Batch.CLEAN,)
    alike = [
        replace(s, batches=batches, rhos=first.rhos, betas=(), zero_cost=False)
        for s in (spec, first)
    ]
    changes = [change.partition(" / ")[0] for change in alike[0].differences(alike[1])]
    if spec.network and spec.attack_norm == spec.network.norm:
        changes = [change for change in changes if not change.startswith("attack_norm:")]
    return ["other images" if c.startswith("images_sha256:") else c for c in changes]
