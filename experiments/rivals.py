"""Rivals in one table: rankings of other papers, the usual proxies and ours, against cost.

    python -m experiments.rivals runs/rivals --truth NAS-RobBench-201_html.json acc.json \
        --seconds rivals_seconds.json --out runs/rivals_table

The run holds clean kernels and all zero-cost proxies (`ntknas score --kernels clean --zero-cost`).
Several runs are joined on the architectures that all of them have; a score is taken from the first
that has it. For every truth and metric the table holds, for each ranking: Spearman's correlation
over all architectures and within the best tenth, and the regret of the best architecture among its
first 1, 5 and 10, all with 95% bootstrap intervals over the same resamples of the architectures.
With `--seconds`, the file that `python -m benchmarks.rivals` writes, the table says what each
ranking costs, and a picture shows accuracy against cost. Writes `tables.md`, `rivals.json`,
`rivals.png` and, with costs, `against_cost.png`.
"""

import argparse
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import ntknas
from experiments.command import by_name, clear_errors
from experiments.rivals_picture import against_cost, side_by_side
from ntknas import ranking
from ntknas.evaluation import ScoreTable, best_fraction, score_table, true_values
from ntknas.report import markdown, output_file, with_interval
from ntknas.scores import SCORES, RankSum, ScoreKind, ScoreName, score_names

__all__ = ["FIRST", "ROWS", "RivalsConfig", "Row", "run"]

FIRST = (1, 5, 10)
"""Numbers of architectures that are tried, of which the best counts."""


@dataclass(frozen=True)
class Row:
    """A ranking of the table.

    Attributes:
        label: Name of the ranking in the table.
        group: Where it comes from: "ours", "rivals", "older" or "size".
        score: Name of a score or of a sum of ranks; or names joined with `*`, whose logarithms of
            ranks are summed (`ntknas.ranking.log_ranks`).
    """

    label: str
    group: str
    score: str

    @property
    def names(self) -> tuple[str, ...]:
        """The scores that the ranking needs; "default" is not resolved."""
        if self.score == "default":
            return ("sphericity@clean",)
        if "*" in self.score:
            return tuple(self.score.split("*"))
        return tuple(str(term) for term in RankSum.parse(self.score).terms)

    @property
    def proxies(self) -> tuple[str, ...]:
        """The zero-cost proxies among them."""
        return tuple(name for name in self.names if name in score_names(ScoreKind.PROXY))

    @property
    def kernel(self) -> bool:
        """Whether a kernel is among what it needs."""
        return any(ScoreName.parse(name).kernel is not None for name in self.names)


_RIVALS = {
    "AZ-NAS": "az_expressivity*az_progressivity*az_trainability*flops",
    "AZ-NAS expressivity": "az_expressivity",
    "AZ-NAS progressivity": "az_progressivity",
    "AZ-NAS trainability": "az_trainability",
    "VKDNW": "vkdnw",
    "VKDNW entropy alone": "vkdnw_entropy",
    "VKDNW aggregated": "vkdnw*jacob_cov*az_expressivity*az_trainability*flops",
    "MeCo": "meco",
    "ZiCo": "zico",
    "SWAP": "swap",
    "NASI (trace)": "trace@clean",
    "KNAS (mean)": "mean@clean",
    "TE-NAS (condition number)": "cond@clean",
    "EigenNAS (smallest eigenvalue)": "lambda_min@clean",
    "Robust-ZCP (our reading)": "robust_zcp",
    "Robust-ZCP (other sign)": "robust_zcp_minus",
    "CURE's curvature": "input_curvature",
    "CRoZe": "croze",
}
_OURS = {
    "default": "default",
    "sphericity": "sphericity@clean",
    "cosine_lambda_min": "cosine_lambda_min@clean",
    "layer_cosine_lambda_min": "layer_cosine_lambda_min@clean",
    "layer_cosine_sphericity": "layer_cosine_sphericity@clean",
}
_OLDER = (
    *("grad_norm", "snip", "grasp", "synflow", "fisher", "jacob_cov", "naswot", "zen"),
    *("jacobian_norm", "hessian"),
)

ROWS: tuple[Row, ...] = (
    *(Row(label, "ours", score) for label, score in _OURS.items()),
    *(Row(label, "rivals", score) for label, score in _RIVALS.items()),
    *(Row(name, "older", name) for name in _OLDER),
    *(Row(name, "size", name) for name in ("params", "flops")),
)
"""The rankings, in the order of the table where they are equally good."""


@dataclass(frozen=True)
class RivalsConfig:
    """Which runs against which truths.

    Attributes:
        runs: Folders of finished runs.
        truth: Files of published accuracies.
        out: Folder of the tables and the picture.
        dataset: Dataset of the truths.
        metrics: Metrics; each truth is taken for those that it has.
        seconds: File of `python -m benchmarks.rivals`; None means that costs are not known.
        resamples: Number of resamples of each interval.
        seed: Seed of the resamples.
    """

    runs: tuple[Path, ...]
    truth: tuple[Path, ...]
    out: Path = Path("runs/rivals_table")
    dataset: str = "cifar10"
    metrics: tuple[str, ...] = ("pgd_8", "autoattack", "pgd")
    seconds: Path | None = None
    resamples: int = 200
    seed: int = 0


def run(config: RivalsConfig) -> tuple[pd.DataFrame, list[str]]:
    """The rankings against every metric.

    Args:
        config: Which runs against which truths.

    Returns:
        A table and the labels of rankings whose scores the runs lack. The table has one row per
        truth, metric and ranking, the best first: truth, benchmark, metric, label, group, score, n,
        missing (architectures without the score, which rank last), seconds (CPU seconds per
        architecture) and cost (in clean kernels; NaN where it was not measured), and spearman, top
        (Spearman's correlation within the best tenth by truth) and regret_1, regret_5, regret_10,
        each with its interval (_low, _high).

    Raises:
        InputError: For a run, a truth or a file that cannot be read, two truths of one name, or if
            no truth has one of the metrics.
    """
    table = _joined(config.runs)
    seconds = _read_seconds(config.seconds)
    scores, missing = _rankings(table)
    lacking = [row.label for row in ROWS if row.label not in scores]
    rows: list[dict[str, Any]] = []
    for file, path in by_name(config.truth).items():
        truth = ntknas.load_truth(path)
        known = true_values(truth, config.dataset, table)
        for metric in config.metrics:
            values = known[known["metric"] == metric].set_index("architecture")["value"]
            values = values.dropna().sort_index()
            if values.empty:
                continue
            part = scores.loc[values.index]
            judged = _judge(part, values.to_numpy(), config)
            rows += [
                {"truth": file, "benchmark": truth.benchmark}
                | {"metric": metric, "label": row.label, "group": row.group}
                | {"score": row.score, "n": len(values)}
                | {"missing": int(missing.loc[values.index, row.label].sum())}
                | _cost(row, seconds)
                | judged[row.label]
                for row in ROWS
                if row.label in scores
            ]
    if not rows:
        raise ntknas.InputError(
            f"expected a truth with one of the metrics {', '.join(config.metrics)} on "
            f"{config.dataset}, got {', '.join(path.name for path in config.truth)}"
        )
    frame = pd.DataFrame(rows)
    order = frame.groupby(["truth", "metric"], sort=False).ngroup()
    frame = frame.assign(order=order).sort_values(
        ["order", "spearman"], ascending=[True, False], kind="stable", ignore_index=True
    )
    return frame.drop(columns="order"), lacking


def _joined(folders: Sequence[Path]) -> ScoreTable:
    """The scores of all runs on the architectures that all of them hold."""
    frames = [ntknas.Run(folder).scores() for folder in folders]
    frame = pd.concat(frames, axis=1, join="inner")
    frame = frame.loc[:, ~frame.columns.duplicated()]
    frame.attrs["space"] = frames[0].attrs["space"]
    if len(frame) < 2:
        raise ntknas.InputError(
            f"expected runs that share at least 2 architectures, got {len(frame)} in "
            f"{', '.join(map(str, folders))}"
        )
    return score_table(frame)


def _rankings(table: ScoreTable) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rankings that the table has the scores of, higher is better; and what they lack.

    Constant networks are last in all but counts, and architectures without a score are last.
    """
    columns, missing = {}, {}
    held = {str(name) for name in table.names}
    for row in ROWS:
        if not set(row.names) <= held:
            continue
        if "*" in row.score:
            directions = {name: SCORES[name].direction for name in row.names}
            values = ranking.log_ranks(
                table.frame, directions, row.names, worst=table.constant, raw=ranking.RAW
            )
        else:
            name = table.resolve(row.score)
            values = ranking.oriented(
                table.values([name]),
                {str(name): name.direction},
                str(name),
                worst=table.constant,
                raw=table.raw([name]),
            )
        columns[row.label] = values.fillna(-np.inf)
        missing[row.label] = values.isna()
    return pd.DataFrame(columns), pd.DataFrame(missing)


def _judge(
    scores: pd.DataFrame, truth: np.ndarray, config: RivalsConfig
) -> dict[str, dict[str, float]]:
    """The figures of every ranking by label, with intervals."""
    counts = ranking.resample_counts(len(truth), resamples=config.resamples, seed=config.seed)
    drawn = [np.repeat(np.arange(len(truth)), counts[:, b]) for b in range(config.resamples)]
    judged = {}
    for label, column in scores.items():
        values = column.to_numpy()
        found = _figures(values, truth)
        repeats = pd.DataFrame([_figures(values[one], truth[one], one) for one in drawn])
        for name in list(found):
            ends = repeats[name].dropna() if config.resamples else ()
            low, high = np.percentile(ends, [2.5, 97.5]) if len(ends) else (math.nan, math.nan)
            found |= {f"{name}_low": float(low), f"{name}_high": float(high)}
        judged[str(label)] = found
    return judged


def _figures(
    scores: np.ndarray, truth: np.ndarray, drawn: np.ndarray | None = None
) -> dict[str, float]:
    """Correlations and regrets.

    Args:
        scores: Values of a ranking, higher is better.
        truth: True values of the same architectures.
        drawn: Which architecture each pair is, in a resample. One that was drawn twice is tried
            once.
    """
    best = best_fraction(truth, 0.1)
    figures = {"spearman": _spearman(scores, truth), "top": _spearman(scores[best], truth[best])}
    once = slice(None) if drawn is None else np.unique(drawn, return_index=True)[1]
    for k in FIRST:
        tried = ranking.best_of_top(scores[once], truth[once], min(k, len(truth[once])))
        figures[f"regret_{k}"] = tried.regret
    return figures


def _spearman(scores: np.ndarray, truth: np.ndarray) -> float:
    """Spearman's correlation; 0 where a ranking ties all."""
    return float(
        ranking.rank_correlation(ranking.mid_ranks(scores)[None], ranking.mid_ranks(truth))[0]
    )


def _read_seconds(path: Path | None) -> dict[str, float]:
    """CPU seconds per architecture by label, and those of the clean kernel below "kernel"."""
    if path is None:
        return {}
    try:
        parts = json.loads(path.read_text())["parts"]
        return {label: float(part["cpu_seconds"]) for label, part in parts.items()}
    except (ValueError, KeyError, TypeError):
        raise ntknas.InputError(
            f"expected a file of python -m benchmarks.rivals, got {path}"
        ) from None


def _cost(row: Row, seconds: dict[str, float]) -> dict[str, float]:
    """CPU seconds, and how many clean kernels they are; sizes and counts cost nothing."""
    kernel = seconds.get("kernel", math.nan)
    total = kernel if row.kernel else 0.0
    total += seconds.get(row.label, math.nan) if row.proxies else 0.0
    return {"seconds": total if seconds else math.nan, "cost": total / kernel}


def _page(table: pd.DataFrame, lacking: Sequence[str]) -> str:
    """The tables as markdown, one per truth and metric."""
    parts = []
    for (truth, metric), rows in table.groupby(["truth", "metric"], sort=False):
        measured = rows["seconds"].notna().any()
        columns = {
            "ranking": rows["label"],
            "from": rows["group"],
            "score": "`" + rows["score"] + "`",
        }
        if measured:
            columns |= {
                "CPU s": rows["seconds"].map(lambda s: "-" if math.isnan(s) else f"{s:.3f}"),
                "clean kernels": rows["cost"].map(lambda c: "-" if math.isnan(c) else f"{c:.2f}"),
            }
        columns |= {
            "Spearman": with_interval(rows, "spearman"),
            "its top tenth": with_interval(rows, "top"),
        }
        columns |= {f"regret, first {k}": _points(rows, f"regret_{k}") for k in FIRST}
        if rows["missing"].any():
            columns["without a score"] = rows["missing"].map(str)
        parts.append(
            f"## {truth}, {metric}\n\nn = {rows['n'].iloc[0]} architectures; regret in points.\n\n"
            f"{markdown(pd.DataFrame(columns))}\n"
        )
    if lacking:
        parts.append(f"Not in the runs: {', '.join(lacking)}.\n")
    return "\n".join(parts)


def _points(rows: pd.DataFrame, name: str) -> "pd.Series[str]":
    """A column of shares in percentage points, with its interval."""
    columns = [100 * rows[f"{name}{end}"] for end in ("", "_low", "_high")]
    texts = [f"{v:.2f} [{low:.2f}, {high:.2f}]" for v, low, high in zip(*columns, strict=True)]
    return pd.Series(texts, index=rows.index)


def main() -> None:
    """Parse the flags, run, print the tables, write them and the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", type=Path, nargs="+", help="folders of finished runs")
    parser.add_argument("--truth", type=Path, nargs="+", required=True)
    parser.add_argument("--out", type=Path, default=RivalsConfig.out)
    parser.add_argument("--dataset", default=RivalsConfig.dataset)
    parser.add_argument("--metrics", nargs="+", default=list(RivalsConfig.metrics))
    parser.add_argument("--seconds", type=Path, help="file of python -m benchmarks.rivals")
    for name in ("resamples", "seed"):
        parser.add_argument(f"--{name}", type=int, default=getattr(RivalsConfig, name))
    args = vars(parser.parse_args())
    for name in ("runs", "truth", "metrics"):
        args[name] = tuple(args[name])
    config = RivalsConfig(**args)
    with clear_errors(parser.prog):
        table, lacking = run(config)
        text = _page(table, lacking)
        print(text)
        config.out.mkdir(parents=True, exist_ok=True)
        (config.out / "tables.md").write_text(text)
        rows = json.loads(table.to_json(orient="records"))  # NaN is null
        content = {"config": asdict(config), "lacking": lacking, "table": rows}
        with output_file(config.out / "rivals.json") as temporary:
            temporary.write_text(json.dumps(content, indent=1, default=str))
        title = f"{table['n'].max():,} architectures, {config.dataset}"
        side_by_side(table, config.out / "rivals.png", title=title)
        if (table["seconds"] > 0).any():
            against_cost(table, config.out / "against_cost.png", title=title)


if __name__ == "__main__":
    main()
