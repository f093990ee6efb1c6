"""Search for a training-free ranking with a fixed formula, and report it on other architectures.

    python -m experiments.ranking runs/a runs/b --truth NAS-RobBench-201_html.json --out best.json

Candidates are the scores of finished runs, each turned by its direction. A ranking is a sum of
ranks of different scores; nothing is regressed on accuracies. It is chosen on a development fifth
of the architectures, fixed by a hash of their ids, in two steps: a beam search on random halves of
that fifth, judged on the other halves, gives the number of terms (the smallest within a standard
error of the best); a beam search on the whole fifth gives the ranking. The table holds it and the
baselines on the other four fifths, with every metric of every truth.
"""

import argparse
import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from ntknas.evaluation.evaluation import direction
from numpy.typing import NDArray
from scipy.stats import bootstrap, rankdata

import ntknas
from experiments.command import clear_errors
from ntknas.errors import InputError
from ntknas.evaluation import DEFAULT_RANKING
from ntknas.ranking import best_of_top
from ntknas.ranking.orientation import oriented
from ntknas.scores import SIZE_SCORES, STRUCTURE_SCORES
from ntknas.spaces.nasbench201 import Architecture

__all__ = [
    "RankingConfig",
    "candidates",
    "in_development",
    "rank_correlation",
    "report",
    "search",
    "turned",
]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class RankingConfig:
    """What to search, and on what.

    Attributes:
      runs: folders of finished runs; architectures that all of them hold take part.
      truth: files of published accuracies; the ranking is chosen by the first.
      dataset: of the first truth, that the ranking is chosen by.
      metric: of the first truth, that the ranking is chosen by.
      terms: most scores in a sum.
      beam: sums kept from one length to the next.
      halves: random halves of the development part, each chosen on and judged on once.
      resamples: of the intervals on held-out architectures.
      seed: of the halves and of the resamples.
    """

    runs: tuple[Path, ...]
    truth: tuple[Path, ...]
    dataset: str = "cifar10"
    metric: str = "pgd_8"
    terms: int = 8
    beam: int = 20
    halves: int = 12
    resamples: int = 1000
    seed: int = 0


_TOPS = (0.1, 0.2, 0.3)
_WEIGHTS = np.array([0.7, 0.1, 0.1, 0.1])  # of Spearman over all, and within the best of _TOPS


def in_development(index: int) -> bool:
    """Whether an architecture belongs to the fifth that rankings are chosen on.

    >>> sum(map(in_development, range(15625)))
    3099
    """
    digest = hashlib.sha256(f"ntknas {index}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % 5 == 0


def turned(scores: pd.DataFrame) -> pd.DataFrame:
    """Scores with higher values better, constant networks and missing values last.

    Args:
      scores: a frame as `Run.scores` or `ntknas.evaluation.evaluation.values` returns.
    """
    constant = [int(i) for i in scores.index if Architecture.from_id(int(i)).is_constant]
    directions = {str(name): direction(str(name)) for name in scores.columns}
    columns = {name: oriented(scores, directions, name, worst=constant) for name in directions}
    return pd.DataFrame(columns).fillna(-np.inf)


def candidates(runs: Sequence[ntknas.Run]) -> pd.DataFrame:
    """Candidate scores by architecture, turned so that higher is better; NaN nowhere.

    KernelName scores and proxies are named RUN/NAME if there are several runs. Constant networks are
    last in all but the counts of parameters and operations. Of candidates that rank alike, such as
    params and flops, the first is there.
    """
    frames = []
    for run in runs:
        frame = turned(run.scores())
        if len(runs) > 1:
            own = frame.columns.drop([*STRUCTURE_SCORES, *SIZE_SCORES])
            frame = frame.rename(columns={name: f"{run.folder.name}/{name}" for name in own})
        frames.append(frame)
    table = pd.concat(frames, axis=1, join="inner")
    table = table.loc[:, ~table.columns.duplicated()].sort_index()
    ranks = table.rank()
    return table.loc[:, (ranks.nunique() > 1) & ~ranks.T.duplicated()]


def rank_correlation(ranks: np.ndarray, target: np.ndarray) -> Array:
    """Spearman's correlation of each row of ranks [k, n] with the ranks of the truth [n]; or 0."""
    centred = ranks - ranks.mean(axis=1, keepdims=True)
    other = target - target.mean()
    norms = np.linalg.norm(centred, axis=1) * np.linalg.norm(other)
    return np.divide(centred @ other, norms, out=np.zeros(len(ranks)), where=norms > 0)


def _spearman(scores: np.ndarray, truth: np.ndarray) -> Array:
    """Spearman's correlation of each row of scores [k, n] with the truth [n]."""
    return rank_correlation(rankdata(scores, axis=1), rankdata(truth))


def _best(truth: np.ndarray, fraction: float) -> NDArray[np.intp]:
    return np.argsort(-truth, kind="stable")[: max(2, round(fraction * len(truth)))]


def _quality(scores: Array, truth: Array) -> Array:
    """What is maximised for each row of scores: a weighted mean of correlations.

    That within the best tenth alone is too noisy on a fifth of the space.
    """
    parts = [np.arange(len(truth)), *(_best(truth, fraction) for fraction in _TOPS)]
    return _WEIGHTS @ np.stack([_spearman(scores[:, part], truth[part]) for part in parts])


def search(table: pd.DataFrame, truth: Array, *, terms: int, beam: int) -> list[tuple[str, ...]]:
    """The best sum of ranks of each length.

    Args:
      table: candidates, higher is better.
      truth: accuracies in the table's order.
      terms: longest length.
      beam: sums kept from one length to the next.

    Returns:
      Names of the scores in the best sum of 1, 2, ... terms.
    """
    ranks = table.rank().to_numpy().T
    kept: list[tuple[int, ...]] = [()]
    found = []
    for _ in range(terms):
        longer = sorted(
            {
                tuple(sorted((*sum_, new)))
                for sum_ in kept
                for new in range(len(ranks))
                if new not in sum_
            }
        )
        quality = _quality(np.stack([ranks[list(sum_)].sum(axis=0) for sum_ in longer]), truth)
        kept = [longer[i] for i in np.argsort(-quality, kind="stable")[:beam]]
        found.append(tuple(table.columns[i] for i in kept[0]))
    return found


def _number_of_terms(table: pd.DataFrame, truth: Array, config: RankingConfig) -> pd.DataFrame:
    """Quality on the halves that were not chosen on, by length; mean and standard error."""
    rng = np.random.default_rng(config.seed)
    rows = []
    for _ in range(config.halves):
        order = rng.permutation(len(truth))
        chosen_on, judged_on = order[: len(order) // 2], order[len(order) // 2 :]
        found = search(
            table.iloc[chosen_on], truth[chosen_on], terms=config.terms, beam=config.beam
        )
        sums = np.stack([table[list(names)].iloc[judged_on].rank().sum(axis=1) for names in found])
        rows.append(_quality(sums, truth[judged_on]))
    quality = pd.DataFrame(rows, columns=range(1, config.terms + 1))
    return pd.DataFrame({"mean": quality.mean(), "error": quality.sem()})


def _report(
    table: pd.DataFrame, names: tuple[str, ...], truth: "pd.Series[float]", config: RankingConfig
) -> dict[str, float]:
    """A ranking against one metric of held-out architectures."""
    known = truth.dropna()
    scores = table.loc[known.index, list(names)].rank().sum(axis=1).to_numpy()
    values = known.round(6).to_numpy()
    best = _best(values, _TOPS[0])
    row: dict[str, float] = {"n": len(values)}
    for name, part in (("all", np.arange(len(values))), ("top", best)):
        pair = scores[part], values[part]
        interval = bootstrap(
            pair,
            lambda x, y: _spearman(x[None], y)[0],
            n_resamples=config.resamples,
            paired=True,
            vectorized=False,
            method="percentile",
            rng=config.seed,
        ).confidence_interval
        row |= {
            name: float(_spearman(pair[0][None], pair[1])[0]),
            f"{name}_low": float(interval.low),
            f"{name}_high": float(interval.high),
        }
    return row | best_of_top(scores, values, 10)._asdict()


def report(config: RankingConfig) -> tuple[dict[str, Any], pd.DataFrame]:
    """Choose on the development fifth, report on the rest.

    Returns:
      The choice: "chosen", names of the ranking's scores; "lengths", quality by number of terms on
      the halves not chosen on; "development", Spearman of the ranking there, over all and within
      the best tenth. And a table, one row a ranking, truth, dataset and metric of held-out
      architectures: n, Spearman over all ("all") and within the best tenth by that metric ("top")
      with 95% bootstrap intervals, the best accuracy among the ranking's first 10, and the regret,
      how far that is below the best there is. Beside the ranking: the best of each length, the
      ranking without its kernel scores, the default one of `ntknas rank` and the number of
      parameters.

    Raises:
      InputError: for a run or a truth that cannot be read, or too few architectures.
    """
    runs = [ntknas.Run(path) for path in config.runs]
    table = candidates(runs)
    truths = [ntknas.load_truth(path) for path in config.truth]
    chosen_by = truths[0].wide(config.dataset)
    metrics = truths[0].metrics(config.dataset)
    if config.metric not in metrics:
        raise InputError(f"expected a metric of {', '.join(metrics)}, got {config.metric!r}")
    development = np.array([in_development(int(i)) for i in table.index])
    known = chosen_by[config.metric].dropna()
    part = table[development & table.index.isin(known.index)]
    if len(part) < 20:
        raise InputError(f"expected 20 architectures or more to choose on, got {len(part)}")
    values = known[part.index].round(6).to_numpy()
    lengths = _number_of_terms(part, values, config)
    best = lengths.iloc[int(lengths["mean"].argmax())]
    enough = lengths["mean"] >= best["mean"] - best["error"]
    of_length = search(part, values, terms=config.terms, beam=config.beam)
    chosen = of_length[int(enough.argmax())]  # the first that is enough
    own = part[list(chosen)].rank().sum(axis=1).to_numpy()
    counts = tuple(name for name in chosen if name in (*STRUCTURE_SCORES, *SIZE_SCORES))
    rankings = [chosen, *of_length, counts or chosen]
    if set(DEFAULT_RANKING.split("+")) <= set(table.columns):
        rankings.append(tuple(DEFAULT_RANKING.split("+")))
    rankings.append(("params",))
    held_out = table[~development]
    rows = []
    for names in dict.fromkeys(rankings):
        for path, truth in zip(config.truth, truths, strict=True):
            for dataset in truth.datasets:
                wide = truth.wide(dataset).reindex(held_out.index)
                rows += [
                    {"ranking": "+".join(names), "terms": len(names), "truth": path.name}
                    | {"dataset": dataset, "metric": metric}
                    | _report(held_out, names, wide[metric], config)
                    for metric in truth.metrics(dataset)
                    # The other lengths are there to compare, on what was chosen by.
                    if names in (chosen, ("params",))
                    or (path, dataset, metric) == (config.truth[0], config.dataset, config.metric)
                ]
    choice = {
        "chosen": list(chosen),
        "lengths": lengths.rename_axis("terms").reset_index().to_dict(orient="records"),
        "development": {
            "n": len(values),
            "all": float(_spearman(own[None], values)[0]),
            "top": float(_spearman(own[None, _best(values, 0.1)], values[_best(values, 0.1)])[0]),
        },
    }
    return choice, pd.DataFrame(rows)


def main() -> None:
    """Parse the flags, run, print the tables and write them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", type=Path, nargs="+", help="folders of finished runs")
    parser.add_argument(
        "--truth", type=Path, nargs="+", required=True, help="published accuracies; chosen by first"
    )
    parser.add_argument("--dataset", default="cifar10")
    parser.add_argument("--metric", default="pgd_8")
    for name in ("terms", "beam", "halves", "resamples", "seed"):
        parser.add_argument(f"--{name}", type=int, default=getattr(RankingConfig, name))
    parser.add_argument("--out", type=Path, help="JSON")
    args = vars(parser.parse_args())
    out = args.pop("out")
    config = RankingConfig(**args | {"runs": tuple(args["runs"]), "truth": tuple(args["truth"])})
    with clear_errors(parser.prog):
        choice, table = report(config)
        print(json.dumps(choice, indent=1))
        print(table.round(3).to_string(index=False))
        if out:
            rows = table.to_dict(orient="records")
            content = {"config": asdict(config), **choice, "table": rows}
            out.write_text(json.dumps(content, indent=1, default=str))


if __name__ == "__main__":
    main()
