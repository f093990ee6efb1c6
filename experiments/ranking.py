"""Search for a training-free ranking with a fixed formula, and report it on other architectures.

    python -m experiments.ranking runs/a runs/b --truth NAS-RobBench-201_html.json --out best.json

Candidates are the scores of finished runs, each turned by its direction. A ranking is a sum of
ranks of different scores. `ntknas.evaluation.search_ranking` chooses it on a development fifth of
the architectures. The table holds it and the baselines on the other four fifths, with every metric
of every truth.
"""

import argparse
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import bootstrap

import ntknas
from experiments.command import clear_errors
from ntknas.evaluation import (
    DEFAULT_RANKING,
    TOP_FRACTIONS,
    best_fraction,
    candidates,
    in_development,
    search_ranking,
)
from ntknas.ranking import best_of_top, mid_ranks, rank_correlation
from ntknas.report import check_output, output_file
from ntknas.scores import ScoreKind, score_names

__all__ = ["RankingConfig", "report"]


@dataclass(frozen=True)
class RankingConfig:
    """What to search, and on what.

    Attributes:
        runs: Folders of finished runs. Architectures that all of them hold take part.
        truth: Files of published accuracies. The ranking is chosen by the first.
        dataset: Dataset of the first truth that the ranking is chosen by.
        metric: Metric of the first truth that the ranking is chosen by.
        terms: Largest number of scores in a sum.
        beam: Number of sums kept from one length to the next.
        halves: Number of random halves of the development part, each chosen on and judged on once.
        resamples: Number of resamples of the intervals on held-out architectures.
        seed: Seed of the halves and of the resamples.
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


def _spearman(x: np.ndarray, y: np.ndarray) -> float:
    """Spearman's correlation, or 0 where one of the two is constant."""
    return float(rank_correlation(mid_ranks(x)[None], mid_ranks(y))[0])


def _held_out_row(
    table: pd.DataFrame, names: tuple[str, ...], truth: "pd.Series[float]", config: RankingConfig
) -> dict[str, float]:
    """A ranking against one metric of held-out architectures."""
    known = truth.dropna()
    scores = table.loc[known.index, list(names)].rank().sum(axis=1).to_numpy()
    values = known.round(6).to_numpy()
    best = best_fraction(values, TOP_FRACTIONS[0])
    row: dict[str, float] = {"n": len(values)}
    for name, part in (("all", np.arange(len(values))), ("top", best)):
        pair = scores[part], values[part]
        interval = bootstrap(
            pair,
            _spearman,
            n_resamples=config.resamples,
            paired=True,
            vectorized=False,
            method="percentile",
            rng=config.seed,
        ).confidence_interval
        row |= {
            name: _spearman(*pair),
            f"{name}_low": float(interval.low),
            f"{name}_high": float(interval.high),
        }
    return row | best_of_top(scores, values, 10)._asdict()


def report(config: RankingConfig) -> tuple[dict[str, Any], pd.DataFrame]:
    """Choose on the development fifth, report on the rest.

    Args:
        config: What to search, and on what.

    Returns:
        The choice: "chosen", names of the ranking's scores; "lengths", quality by number of terms
        on the halves not chosen on; "development", Spearman of the ranking there, over all and
        within the best tenth. And a table with one row per ranking, truth, dataset and metric of
        held-out architectures: n, Spearman over all ("all") and within the best tenth by that
        metric ("top") with 95% bootstrap intervals, the best accuracy among the ranking's first 10,
        and the regret, how far that is below the best there is. Beside the ranking stand the best
        sum of each length, the ranking without its kernel scores, the default one of `ntknas rank`
        and the number of parameters.

    Raises:
        InputError: For a run or a truth that cannot be read, or too few architectures.
    """
    table = candidates([ntknas.Run(path) for path in config.runs])
    truths = [ntknas.load_truth(path) for path in config.truth]
    metrics = truths[0].metrics(config.dataset)
    if config.metric not in metrics:
        raise ntknas.InputError(f"expected a metric of {', '.join(metrics)}, got {config.metric!r}")
    result = search_ranking(
        table,
        truths[0].wide(config.dataset)[config.metric],
        terms=config.terms,
        beam=config.beam,
        halves=config.halves,
        seed=config.seed,
    )
    counts = (*score_names(ScoreKind.GRAPH), *score_names(ScoreKind.SIZE))
    default = tuple(map(str, DEFAULT_RANKING.terms))
    rankings = [result.chosen, *result.of_length]
    rankings.append(tuple(name for name in result.chosen if name in counts) or result.chosen)
    rankings += [default] if set(default) <= set(table.columns) else []
    rankings.append(("params",))
    held_out = table[[not in_development(label) for label in table.index.tolist()]]
    rows = []
    for names in dict.fromkeys(rankings):
        for path, truth in zip(config.truth, truths, strict=True):
            for dataset in truth.datasets:
                wide = truth.wide(dataset).reindex(held_out.index)
                rows += [
                    {"ranking": "+".join(names), "terms": len(names), "truth": path.name}
                    | {"dataset": dataset, "metric": metric}
                    | _held_out_row(held_out, names, wide[metric], config)
                    for metric in truth.metrics(dataset)
                    # The other lengths are there to compare, on what was chosen by.
                    if names in (result.chosen, ("params",))
                    or (path, dataset, metric) == (config.truth[0], config.dataset, config.metric)
                ]
    choice = {
        "chosen": list(result.chosen),
        "lengths": result.lengths.rename_axis("terms").reset_index().to_dict(orient="records"),
        "development": {"n": result.n, "all": result.spearman, "top": result.spearman_top},
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
        if out:
            check_output(out)
        choice, table = report(config)
        print(json.dumps(choice, indent=1))
        print(table.round(3).to_string(index=False))
        if out:
            rows = table.to_dict(orient="records")
            content = {"config": asdict(config), **choice, "table": rows}
            with output_file(out) as temporary:
                temporary.write_text(json.dumps(content, indent=1, default=str))


if __name__ == "__main__":
    main()
