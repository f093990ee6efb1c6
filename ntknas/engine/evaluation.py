"""What a run is worth: its architectures ranked, and its scores held against published accuracies.

Reads the run's scores and ranks them by `ntknas.ranking`; the size baselines, which every score has
to beat, are always in the table of correlations.
"""

from collections.abc import Callable, Sequence

import pandas as pd

from ntknas import ranking
from ntknas.architecture import Architecture, flops, num_parameters, structure
from ntknas.engine.precomputed import Precomputed
from ntknas.engine.run import Run
from ntknas.errors import InputError
from ntknas.ranking.orientation import check_scores
from ntknas.scores import SIZE_SCORES, STRUCTURE_SCORES, ZERO_COST_SCORES, ScoreName
from ntknas.truth import Truth

__all__ = [
    "DEFAULT_RANKING",
    "correlate",
    "default_ranking",
    "direction",
    "rank",
    "score_name",
    "values",
]

DEFAULT_RANKING = (
    "sphericity@clean+live_params+mean_depth+depth_3x3+plain_depth_3x3+direct+pool_paths"
)
"""Ranks summed; which scores was chosen on a fifth of the space (`experiments.ranking`)."""

# Values closer than this are ties: published means carry float32 rounding of about 1e-8.
_TRUTH_DECIMALS = 6


def correlate(
    scores: Run | Precomputed | pd.DataFrame,
    truth: Truth,
    *,
    dataset: str | None = None,
    metrics: Sequence[str] | None = None,
    names: Sequence[str] | None = None,
    combine: Sequence[str] = (),
    top_fraction: float | None = None,
    resamples: int | None = None,
    seed: int = 0,
    on_pair: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """Rank correlations of scores with published accuracies, with 95% bootstrap intervals.

    Scores are turned by their direction, so that a positive correlation always means that the score
    puts good networks first. Constant networks are tied in last place by every kernel score. Any
    member of a class is held against the accuracy of its representative.

    Args:
      scores: a run, the precomputed table, or a frame as `Run.scores` returns.
      truth: published accuracies.
      dataset: one of the truth's; None: the run's, or for a frame all of the truth's.
      metrics: of the truth; None: all.
      names: scores, `+` combinations among them; None: every score there is. `params` and `flops`
        are always in.
      combine: further scores or combinations, such as "cond@robust:8/255+params" (ranks summed).
      top_fraction: also correlate within this best fraction by true value.
      resamples: of each interval; None: 1000 up to 1000 architectures, 200 beyond; 0: no intervals.
      seed: of the resamples.
      on_pair: called with (pairs done, pairs in all).

    Returns:
      The table of `ntknas.ranking.correlation_table`: one row a score, metric and subset.

    Raises:
      InputError: for a score, dataset or metric that is not there, or if fewer than two
        architectures have a published accuracy.

    >>> from pathlib import Path
    >>> from ntknas.truth.table import tidy
    >>> values = tidy({("cifar10", "clean"): {0: 0.6, 1: 0.5, 2: 0.7}})
    >>> truth = Truth("made here", Path("here"), values, {0: 0, 1: 1, 2: 2})
    >>> scores = pd.DataFrame({"cond@clean": [9.0, 12.0, 7.0]}, index=[0, 1, 2])
    >>> table = correlate(scores, truth, resamples=0)
    >>> dict(zip(table["score"], table["spearman"].round(2)))
    {'cond@clean': 1.0, 'params': -0.5, 'flops': -0.5}
    """
    if dataset is None and not isinstance(scores, pd.DataFrame):
        dataset = scores.spec.dataset
    if dataset is not None:
        truth.wide(dataset)  # says what the truth has, if not this
    given = scores if isinstance(scores, pd.DataFrame) else scores.scores()
    available = _with_counts(given)
    wanted = [*(given.columns if names is None else names), *combine, *SIZE_SCORES]
    chosen = list(dict.fromkeys(score_name(name, available) for name in wanted))
    return ranking.correlation_table(
        _columns(available, chosen),
        {name: direction(name) for name in chosen},
        _true_values(truth, dataset, available.index),
        metrics=metrics,
        top_fraction=top_fraction,
        resamples=resamples,
        seed=seed,
        worst=_constant(available.index),
        on_pair=on_pair,
    )


def rank(
    scores: Run | Precomputed | pd.DataFrame, name: str = "default", *, top: int | None = None
) -> pd.DataFrame:
    """Architectures from best to worst.

    Args:
      scores: a run, the precomputed table, or a frame as `Run.scores` returns.
      name: a score, or several joined with `+`, whose ranks are summed; "default":
        `default_ranking`.
      top: how many of the best; None: all.

    Returns:
      Columns id, architecture (its string), score (of a combination: the sum of ranks, each divided
      by their number) and rank (ties share the best; missing where a score is missing).

    Raises:
      InputError: for a score that is not there, or `top` below 1.

    >>> scores = pd.DataFrame({"cond@clean": [9.0, 12.0, 7.0]}, index=[0, 1, 2])
    >>> rank(scores, "cond@clean", top=2)[["rank", "id", "score"]].values.tolist()
    [[1, 2, 7.0], [2, 0, 9.0]]
    """
    if top is not None and top < 1:
        raise InputError(f"expected to list at least 1 architecture, got {top}")
    available = _with_counts(scores if isinstance(scores, pd.DataFrame) else scores.scores())
    name = score_name(name, available)
    parts = name.split("+")
    table = ranking.rank(
        available[parts],
        {part: direction(part) for part in parts},
        name,
        worst=_constant(available.index),
    ).rename(columns={"architecture": "id"})
    strings = [Architecture.from_id(i).string for i in table["id"]]
    table.insert(1, "architecture", strings)
    table = table[["id", "architecture", "score", "rank"]]
    return table.head(len(table) if top is None else top)


def default_ranking(scores: pd.DataFrame) -> str:
    """The combination that ranks by default: of the clean kernel, or of the first if there is none.

    Args:
      scores: a frame as `Run.scores` returns.

    Raises:
      InputError: if there is no kernel.
    """
    kernels = [name.partition("@")[2] for name in scores.columns if name.startswith("sphericity@")]
    if not kernels:
        raise InputError(f"expected a score to rank by; there are: {', '.join(scores.columns)}")
    return DEFAULT_RANKING if "clean" in kernels else DEFAULT_RANKING.replace("clean", kernels[0])


def score_name(name: str, scores: pd.DataFrame) -> str:
    """The one spelling of a score or of a `+` combination.

    Args:
      name: such as "cond@robust:0.0313725+params", or "default" for `default_ranking`.
      scores: a frame that must hold every part.

    Returns:
      The name with each part spelt as its column is, such as "cond@robust:8/255+params".

    Raises:
      InputError: if the name is none, or the frame does not hold it.

    >>> score_name("cond@robust:0.0313725", pd.DataFrame(columns=["cond@robust:8/255"]))
    'cond@robust:8/255'
    """
    if name in scores.columns:
        return name
    if name == "default":
        return default_ranking(scores)
    parsed = {column: ScoreName.parse(column) for column in scores.columns}
    return "+".join(_column(ScoreName.parse(part), parsed) for part in name.split("+"))


def values(scores: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Scores and `+` combinations by architecture, as they are: not turned by their direction.

    Args:
      scores: a frame as `Run.scores` returns.
      names: scores or combinations.

    Raises:
      InputError: for a score that is not there.
    """
    available = _with_counts(scores)
    return _columns(available, [score_name(name, available) for name in names])


def direction(name: str) -> int:
    """+1 if a higher score is better, else -1; a sum of ranks is better the lower.

    >>> direction("lambda_min@clean"), direction("cond@clean"), direction("cond@clean+params")
    (1, -1, -1)
    """
    return -1 if "+" in name else ScoreName.parse(name).direction


def _column(wanted: ScoreName, columns: dict[str, ScoreName]) -> str:
    """The column that a parsed name means; radii and betas match to four digits."""
    for column, name in columns.items():
        same = (name.score, name.kernel) == (wanted.score, wanted.kernel)
        if same and _close(name.rho, wanted.rho) and _close(name.beta, wanted.beta):
            return column
    if wanted.score in ZERO_COST_SCORES:
        raise InputError(f"no score {wanted} here: the run was made without zero-cost proxies")
    kernels = {column.partition("@")[2] for column in columns} - {""}
    raise InputError(f"no score {wanted} here; the kernels are {', '.join(sorted(kernels))}")


def _close(a: float | None, b: float | None) -> bool:
    return a == b or (a is not None and b is not None and abs(a - b) < 1e-4 * max(abs(a), abs(b)))


def _with_counts(frame: pd.DataFrame) -> pd.DataFrame:
    """Scores by architecture; counts of the graph and sizes are added where there are none."""
    check_scores(frame)
    if {*STRUCTURE_SCORES, *SIZE_SCORES} <= set(frame.columns):
        return frame
    cells = [Architecture.from_id(i) for i in frame.index]
    counts = [structure(a) | {"params": num_parameters(a), "flops": flops(a)} for a in cells]
    added = pd.DataFrame(counts, index=frame.index)
    return frame.join(added[[name for name in added if name not in frame]])


def _columns(available: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """Scores and combinations as columns."""
    constant = _constant(available.index)
    directions = {name: direction(name) for name in available.columns}
    columns = {
        name: ranking.combine(available, directions, name.split("+"), worst=constant)
        if "+" in name
        else available[name]
        for name in names
    }
    return pd.DataFrame(columns)


def _constant(ids: pd.Index) -> list[int]:
    return [int(i) for i in ids if Architecture.from_id(i).is_constant]


def _true_values(truth: Truth, dataset: str | None, ids: pd.Index) -> pd.DataFrame:
    """The truth's rows for these ids, through their representatives."""
    table = truth.table if dataset is None else truth.table[truth.table["dataset"] == dataset]
    known = [i for i in ids if i in truth.representative_of]
    if not known:
        raise InputError(f"none of the {len(ids)} architectures is in {truth.path}")
    members = pd.DataFrame(
        {"member": known, "architecture": [truth.representative_of[i] for i in known]}
    )
    # Merged from the left so that the truth keeps its order of metrics.
    rows = table.merge(members, on="architecture").drop(columns="architecture")
    return rows.rename(columns={"member": "architecture"}).assign(
        value=rows["value"].round(_TRUTH_DECIMALS)
    )
