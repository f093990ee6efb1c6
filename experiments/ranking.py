"""Search for a training-free ranking with a fixed formula, and report it on other architectures.

    python -m experiments.ranking runs/a runs/b --truth NAS-RobBench-201_html.json --out best.json

Candidates are the scores of finished runs and counts of the cell's graph. A ranking is a sum of
their ranks, each taken once or more often; nothing is regressed on accuracies. A beam search
chooses it on a development fifth of the architectures, fixed by a hash of their ids. The table
holds the search's best rankings and the number of parameters on the other four fifths.
"""

import argparse
import hashlib
import json
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import ConstantInputWarning, spearmanr

import ntknas
from experiments.command import clear_errors
from ntknas.architecture import Architecture, depth, live_edges
from ntknas.ranking import best_of_top, bootstrap
from ntknas.scores import SIZE_SCORES, ScoreName

__all__ = ["RankingConfig", "candidates", "in_development", "run"]


@dataclass(frozen=True)
class RankingConfig:
    """What to search, and on what.

    Attributes:
      runs: folders of finished runs; architectures that all of them hold take part.
      truth: published accuracies.
      dataset: of the truth.
      metric: that the ranking is chosen by.
      terms: scores in a sum, repetitions counted.
      beam: sums kept from one length to the next.
      top_fraction: of the truth's best, whose own correlation counts as much as that over all.
      resamples: of the intervals on held-out architectures.
    """

    runs: tuple[Path, ...]
    truth: Path
    dataset: str = "cifar10"
    metric: str = "pgd_8"
    terms: int = 5
    beam: int = 30
    top_fraction: float = 0.1
    resamples: int = 1000


def in_development(index: int) -> bool:
    """Whether an architecture belongs to the fifth that rankings are chosen on.

    >>> sum(map(in_development, range(15625)))
    3099
    """
    digest = hashlib.sha256(f"ntknas {index}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % 5 == 0


def candidates(runs: Sequence[ntknas.Run]) -> pd.DataFrame:
    """Candidate scores by architecture, turned so that higher is better; NaN nowhere.

    Scores are named RUN/NAME. Counts of the graph have no known direction: each is there
    with both signs, the minus as "-NAME". Constant networks are last in every score of a run. Of
    candidates that rank alike, such as params and flops, the first is there.
    """
    frames = []
    for run in runs:
        scores = run.scores()
        turned = {
            f"{run.folder.name}/{name}": ntknas.SCORES[parsed.score].direction * scores[name]
            for name, parsed in ((str(n), ScoreName.parse(str(n))) for n in scores.columns)
            if parsed.score not in SIZE_SCORES
        }
        frames.append(pd.DataFrame(turned))
    table = pd.concat(frames, axis=1, join="inner")
    cells = {index: Architecture.from_id(index) for index in table.index}
    constant = [index for index, cell in cells.items() if cell.is_constant]
    table.loc[constant] = -np.inf
    counts = pd.DataFrame(
        [_counts(cells[index]) for index in table.index], index=table.index, dtype=float
    )
    counts = pd.concat([counts, -counts.add_prefix("-")], axis=1)
    sizes = run.scores()[["params", "flops"]].loc[table.index].astype(float)
    table = pd.concat([sizes, table, counts], axis=1)
    table = table.fillna(-np.inf)
    ranks = table.rank()
    return table.loc[:, (ranks.nunique() > 1) & ~ranks.T.duplicated()]


def _counts(cell: Architecture) -> dict[str, int]:
    alive = [op for op, live in zip(cell.ops, live_edges(cell), strict=True) if live]
    names = ("none", "skips", "convolutions_1x1", "convolutions_3x3", "pools")
    return {name: alive.count(op) for op, name in enumerate(names) if op} | {
        "depth": depth(cell),
        "live_edges": len(alive),
    }


def _quality(ranks: np.ndarray, truth: np.ndarray, best: np.ndarray) -> tuple[float, float]:
    """Spearman over all and among the truth's best; NaN where a ranking is constant."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConstantInputWarning)
        return (
            float(spearmanr(ranks, truth).statistic),
            float(spearmanr(ranks[best], truth[best]).statistic),
        )


def _best(truth: np.ndarray, fraction: float) -> np.ndarray:
    return np.argsort(-truth, kind="stable")[: max(2, round(fraction * len(truth)))]


def _search(table: pd.DataFrame, truth: np.ndarray, config: RankingConfig) -> list[tuple[str, ...]]:
    """Sums of ranks with the highest mean of the two correlations, best first."""
    ranks = table.rank().to_numpy().T
    names = list(table.columns)
    best = _best(truth, config.top_fraction)
    found: dict[tuple[int, ...], float] = {}
    beam: list[tuple[int, ...]] = [()]
    for _ in range(config.terms):
        longer = {tuple(sorted((*terms, new))) for terms in beam for new in range(len(names))}
        for terms in longer:
            quality = np.nan_to_num(_quality(ranks[list(terms)].sum(0), truth, best))
            found[terms] = float(np.mean(quality))
        beam = sorted(longer, key=found.__getitem__, reverse=True)[: config.beam]
    chosen = sorted(found, key=found.__getitem__, reverse=True)
    return [tuple(names[i] for i in terms) for terms in chosen]


def run(config: RankingConfig, *, report: int = 10) -> pd.DataFrame:
    """Choose on the development fifth, report on the rest.

    Args:
      config: see `RankingConfig`.
      report: how many of the search's best rankings are in the table, besides the best of each
        length and the number of parameters.

    Returns:
      One row a ranking: its terms; on development and held-out architectures Spearman over all and
      within the top fraction, held-out ones with 95% bootstrap intervals; the best accuracy among
      its top 10 held-out architectures, and how far it is below the best there is.
    """
    runs = [ntknas.Run(path) for path in config.runs]
    table = candidates(runs)
    wide = ntknas.load_truth(config.truth).wide(config.dataset)[config.metric].dropna()
    table = table.loc[table.index.intersection(wide.index)].sort_index()
    truth = wide.loc[table.index]
    development = np.array([in_development(int(index)) for index in table.index])
    parts = [(table[part], truth[part].to_numpy().round(6)) for part in (development, ~development)]
    ranked = _search(*parts[0], config)
    of_length = [next(r for r in ranked if len(r) == n) for n in range(1, config.terms + 1)]
    rows = []
    for terms in dict.fromkeys([*ranked[:report], *of_length, ("params",)]):
        row: dict[str, object] = {"ranking": " + ".join(terms), "terms": len(terms)}
        for name, (scores, values) in zip(("development", "held_out"), parts, strict=True):
            ranks = scores[list(terms)].rank().sum(axis=1).to_numpy()
            best = _best(values, config.top_fraction)
            row |= dict(
                zip((name, f"{name}_top"), _quality(ranks, values, best), strict=True),
                n=len(values),
            )
        for name, where in (("held_out", slice(None)), ("held_out_top", best)):
            interval = bootstrap(ranks[where], values[where], resamples=config.resamples, seed=0)
            row |= {f"{name}_low": interval.spearman.low, f"{name}_high": interval.spearman.high}
        rows.append(row | best_of_top(ranks, values, 10)._asdict())
    return pd.DataFrame(rows)


def main() -> None:
    """Parse the flags, run, print the table and write it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", type=Path, nargs="+", help="folders of finished runs")
    parser.add_argument("--truth", type=Path, required=True, help="published accuracies")
    parser.add_argument("--dataset", default="cifar10")
    parser.add_argument("--metric", default="pgd_8")
    parser.add_argument("--terms", type=int, default=5)
    parser.add_argument("--beam", type=int, default=30)
    parser.add_argument("--out", type=Path, help="JSON")
    args = vars(parser.parse_args())
    out = args.pop("out")
    config = RankingConfig(**args | {"runs": tuple(args["runs"])})
    with clear_errors(parser.prog):
        table = run(config)
        print(table.round(3).to_string(index=False))
        if out:
            result = {"config": asdict(config), "table": table.to_dict(orient="records")}
            out.write_text(json.dumps(result, indent=1, default=str))


if __name__ == "__main__":
    main()
