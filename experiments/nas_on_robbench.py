"""Searches on published accuracies: what they find, how fast, and whether robust objectives pay.

    python -m experiments.nas_on_robbench --truth NAS-RobBench-201_html.json acc.json --out runs/nas

Every method searches for every metric of every table, with many seeds. A search of 1,000 queries
answers for a budget of 150 too: no method knows its budget. Evolution with the prefix warm_ starts
with the ten best of the default ranking. nsga2 has the clean accuracy as its second objective.
Rankings need no seed. Written are found.csv (every metric of the cell found, by budget),
reached.csv (queries until half a point below the best), paired.csv (cells found for robust
accuracy against those found for clean accuracy), and one picture of the regret per table.

References:
    Jung et al., Neural architecture design and robustness: a dataset, ICLR 2023.
"""

import argparse
import signal
import sys
import time
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import wilcoxon

import ntknas
from experiments.command import clear_errors
from ntknas.report import (
    COLOURS,
    Progress,
    markdown,
    new_figure,
    picture_style,
    save_picture,
)
from ntknas.search import ranked_architectures, search, stored_score, true_values
from ntknas.spaces import NASBENCH201
from ntknas.truth import metric_label

__all__ = [
    "METHODS",
    "Found",
    "SearchesConfig",
    "found_table",
    "paired_table",
    "picture",
    "reached_table",
    "run",
]

_WARM = 10


class Method(NamedTuple):
    """A search algorithm and how it begins.

    Attributes:
        algorithm: Name of the algorithm.
        warm: Whether the ten best of the default ranking are evaluated first.
        slow: Whether fewer seeds and queries have to do.
        ranking: Score of a ranking that is followed from the top; empty for a search.
    """

    algorithm: str
    warm: bool = False
    slow: bool = False
    ranking: str = ""


METHODS: dict[str, Method] = {
    "random": Method("random"),
    "local": Method("local"),
    "evolution": Method("evolution"),
    "nsga2": Method("nsga2"),
    "guided": Method("guided"),
    "warm_local": Method("local", warm=True),
    "warm_evolution": Method("evolution", warm=True),
    "bananas": Method("bananas", slow=True),
    "warm_bananas": Method("bananas", warm=True, slow=True),
    "tpe": Method("tpe", slow=True),
    "gp": Method("gp", slow=True),
    "default": Method("ranked", ranking="default"),
    "kernel_only": Method("ranked", ranking="kernel_only"),
    "standard_trained": Method("ranked", ranking="standard_trained"),
    "params": Method("ranked", ranking="params"),
}
"""The methods by name."""


@dataclass(frozen=True)
class SearchesConfig:
    """Which searches, on what.

    Attributes:
        truth: Files of published accuracies.
        out: Folder of tables and pictures.
        dataset: Data set of the accuracies.
        metrics: Metrics to search for; None means all of a file.
        methods: Names of `METHODS`.
        queries: Number of queries of a search.
        budgets: Numbers of queries at which the best cell is reported.
        seeds: Number of seeds.
        slow_seeds: Number of seeds of slow methods.
        slow_queries: Number of queries of slow methods.
        within: Regret that counts as reached, as a fraction.
        workers: Number of processes.
    """

    truth: tuple[Path, ...]
    out: Path = Path("runs/nas")
    dataset: str = "cifar10"
    metrics: tuple[str, ...] | None = None
    methods: tuple[str, ...] = tuple(METHODS)
    queries: int = 1000
    budgets: tuple[int, ...] = (1, 5, 10, 150, 1000)
    seeds: int = 400
    slow_seeds: int = 20
    slow_queries: int = 150
    within: float = 0.005
    workers: int = 2


class Found(NamedTuple):
    """What a method found in one table for one metric.

    Attributes:
        truth: Name of the file.
        objective: Metric that was maximised.
        method: Name of the method.
        best: Label of the best cell after each query, `[seeds, queries]`.
        regret: How far its value is below the best there is, `[seeds, queries]`.
        seconds: Seconds of all searches.
    """

    truth: str
    objective: str
    method: str
    best: np.ndarray
    regret: np.ndarray
    seconds: float


_truths: dict[Path, Any] = {}


def _truth(path: Path) -> ntknas.Truth:
    """A file, read once per process."""
    if path not in _truths:
        _truths[path] = ntknas.load_truth(path)
    return _truths[path]


def _search(config: SearchesConfig, path: Path, metric: str, name: str) -> Found:
    """All seeds of one method for one metric."""
    method, truth = METHODS[name], _truth(path)
    column = truth.wide(config.dataset)[metric]
    names = metric
    if method.algorithm == "nsga2" and metric != "clean":
        names = [metric, "clean"]  # type: ignore[assignment]
    objective = true_values(truth, names, dataset=config.dataset)
    settings: dict[str, Any] = {}
    if method.warm or method.ranking or method.algorithm == "guided":
        scores = ntknas.load_precomputed()
        score = method.ranking or "default"
        if method.warm:
            settings["start"] = ranked_architectures(scores, space=NASBENCH201, top=_WARM)
        elif method.ranking:
            settings["ranking"] = ranked_architectures(scores, score, space=NASBENCH201)
        else:
            settings["score"] = stored_score(scores, space=NASBENCH201)
    queries = config.slow_queries if method.slow else config.queries
    seeds = 1 if method.ranking else config.slow_seeds if method.slow else config.seeds
    begun = time.perf_counter()
    best, values = [], []
    for seed in range(seeds):
        history = search(
            method.algorithm,
            NASBENCH201,
            objective,
            queries=min(queries, config.queries),
            seed=seed,
            **settings,
        )
        value = np.array([query.value for query in history])
        labels = np.array([query.architecture.id for query in history])
        running = np.maximum.accumulate(value)
        new = np.flatnonzero(np.r_[True, running[1:] > running[:-1]])
        best.append(labels[new[np.searchsorted(new, np.arange(len(value)), side="right") - 1]])
        values.append(running)
    regret = float(column.max()) - np.array(values)
    return Found(path.name, metric, name, np.array(best), regret, time.perf_counter() - begun)


def _search_task(task: tuple[SearchesConfig, Path, str, str]) -> Found:
    """The arguments of `_search` in one, for a pool of processes."""
    return _search(*task)


def run(config: SearchesConfig) -> list[Found]:
    """All searches.

    Args:
        config: Which searches, on what.

    Raises:
        InputError: For an unknown method or metric, or a file that cannot be read.
    """
    for name in config.methods:
        if name not in METHODS:
            raise ntknas.InputError(f"expected methods of {', '.join(METHODS)}, got {name!r}")
    tasks = []
    for path in config.truth:
        known = _truth(path).metrics(config.dataset)
        for metric in config.metrics or known:
            if metric in known:
                tasks += [(config, path, metric, name) for name in config.methods]
    if not tasks:
        raise ntknas.InputError(f"expected metrics of the files, got {config.metrics}")
    found = []
    with Progress("method and metric pairs") as progress:
        if config.workers == 1:
            for task in tasks:
                found.append(_search(*task))
                progress(len(found), len(tasks))
        else:
            with get_context("spawn").Pool(config.workers) as pool:  # ends its workers on leaving
                for one in pool.imap(_search_task, tasks):
                    found.append(one)
                    progress(len(found), len(tasks))
    return found


def found_table(found: list[Found], config: SearchesConfig) -> pd.DataFrame:
    """Every metric of the cells found, beside the best there is.

    Args:
        found: Searches, as `run` returns them.
        config: Which searches, on what.

    Returns:
        One row per table, objective, method, budget and metric; columns n (seeds), mean and sd of
        the metric over seeds, optimum of the metric, and regret (mean of the objective's regret).
    """
    paths = {path.name: path for path in config.truth}
    rows = []
    for one in found:
        wide = _truth(paths[one.truth]).wide(config.dataset)
        for budget in config.budgets:
            if budget > one.best.shape[1]:
                continue
            cells = wide.loc[one.best[:, budget - 1]]
            rows += [
                {"truth": one.truth, "objective": one.objective, "method": one.method}
                | {"budget": budget, "metric": metric, "n": len(cells)}
                | {"mean": cells[metric].mean(), "sd": cells[metric].std(ddof=0)}
                | {"optimum": wide[metric].max(), "regret": one.regret[:, budget - 1].mean()}
                for metric in wide.columns
            ]
    return pd.DataFrame(rows)


def reached_table(found: list[Found], config: SearchesConfig) -> pd.DataFrame:
    """The number of queries until the regret is small enough.

    Args:
        found: Searches, as `run` returns them.
        config: Which searches, on what.

    Returns:
        One row per table, objective and method; columns n, reached (share of the seeds that came so
        far), and median and ninth decile of the number of queries (infinite where fewer seeds did).
    """
    rows = []
    for one in found:
        enough = one.regret <= config.within
        queries = np.where(enough.any(1), enough.argmax(1) + 1, np.inf)
        rows.append(
            {"truth": one.truth, "objective": one.objective, "method": one.method}
            | {"n": len(queries), "reached": float(enough.any(1).mean())}
            | {
                name: float(np.quantile(queries, share, method="higher"))
                for name, share in (("median", 0.5), ("decile_9", 0.9))
            }
            | {"seconds_per_search": one.seconds / len(queries)}
        )
    return pd.DataFrame(rows)


def paired_table(found: list[Found], config: SearchesConfig) -> pd.DataFrame:
    """Cells found for a robust accuracy against those that the same seed found for clean accuracy.

    Args:
        found: Searches, as `run` returns them.
        config: Which searches, on what.

    Returns:
        One row per table, method, budget and robust metric; columns n, difference (mean over seeds
        of the robust accuracy found, robust objective less clean objective), its standard error,
        the shares of seeds where it is above and below 0, and p of Wilcoxon's signed-rank test (1
        if no seed differs).
    """
    paths = {path.name: path for path in config.truth}
    of_clean = {(one.truth, one.method): one for one in found if one.objective == "clean"}
    rows = []
    for one in found:
        clean = of_clean.get((one.truth, one.method))
        if clean is None or clean is one or len(one.best) < 2:
            continue
        column = _truth(paths[one.truth]).wide(config.dataset)[one.objective]
        for budget in config.budgets:
            if budget > one.best.shape[1]:
                continue
            ours, theirs = (column[each.best[:, budget - 1]].to_numpy() for each in (one, clean))
            gain = ours - theirs
            p = float(wilcoxon(gain).pvalue) if np.any(gain) else 1.0
            rows.append(
                {"truth": one.truth, "objective": one.objective, "method": one.method}
                | {"budget": budget, "n": len(gain), "difference": gain.mean()}
                | {"error": gain.std(ddof=1) / np.sqrt(len(gain))}
                | {"better": (gain > 0).mean(), "worse": (gain < 0).mean(), "p": p}
            )
    return pd.DataFrame(rows)


_DASHES = ("-", "--")


@picture_style()
def picture(found: list[Found], path: Path, *, title: str) -> None:
    """Draw the regret against queries: one panel per objective, mean and quartiles over seeds.

    Args:
        found: Searches in one table.
        path: Path of the picture.
        title: Text above the panels.
    """
    objectives = list(dict.fromkeys(one.objective for one in found))
    methods = list(dict.fromkeys(one.method for one in found))
    columns = min(3, len(objectives))
    lines = -(-len(objectives) // columns)
    figure = new_figure(2.1 * lines + 0.8)
    grid = figure.subplots(lines, columns, squeeze=False, sharex=True, sharey=True)
    for axes in grid.flat[len(objectives) :]:
        axes.set_visible(False)
    for axes, objective in zip(grid.flat, objectives, strict=False):
        for one in found:
            if one.objective != objective:
                continue
            number = methods.index(one.method)
            style = {"color": COLOURS[number % 7], "linestyle": _DASHES[number // 7 % 2]}
            points = np.arange(1, one.regret.shape[1] + 1)
            percent = 100 * one.regret
            axes.plot(points, percent.mean(0), label=one.method, **style)
            if len(percent) > 1:
                low, high = np.quantile(percent, (0.25, 0.75), axis=0)
                axes.fill_between(points, low, high, color=style["color"], alpha=0.1, linewidth=0)
        axes.axhline(0.5, color="grey", linewidth=0.7, linestyle=":")
        axes.set(title=metric_label(objective), xscale="log")
        axes.set_yscale("symlog", linthresh=0.1)
    worst = 100 * max(float(one.regret.max()) for one in found)
    grid[0, 0].set_ylim(0, 1.2 * max(worst, 0.5))  # the panels share it
    for axes in grid[-1]:
        axes.set_xlabel("queries")
    for axes in grid[:, 0]:
        axes.set_ylabel("regret (percentage points)")
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=5)
    figure.suptitle(title)
    save_picture(figure, path)


def _write(found: list[Found], config: SearchesConfig) -> None:
    """Write the tables and the pictures."""
    config.out.mkdir(parents=True, exist_ok=True)
    table = found_table(found, config)
    reached = reached_table(found, config)
    table.to_csv(config.out / "found.csv", index=False)
    reached.to_csv(config.out / "reached.csv", index=False)
    paired_table(found, config).to_csv(config.out / "paired.csv", index=False)
    pages = []
    for path in config.truth:
        part = [one for one in found if one.truth == path.name]
        if part:
            runs = max(len(one.regret) for one in part)
            name = _truth(path).benchmark
            title = f"{name}, {config.dataset}: means over {runs} searches; bands: quartiles"
            picture(part, config.out / f"{path.stem}.png", title=title)
        own = table[(table["truth"] == path.name) & (table["metric"] == table["objective"])]
        cells = [f"{100 * m:.2f} ± {100 * s:.2f}" for m, s in own[["mean", "sd"]].to_numpy()]
        shown = own.assign(cell=cells).pivot_table(
            index=["method", "n", "budget"],
            columns="objective",
            values="cell",
            aggfunc="first",
            sort=False,
        )
        pages.append(f"## {path.name}\n\n{markdown(shown.reset_index().fillna(''))}\n")
        queries = reached[reached["truth"] == path.name].pivot_table(
            index=["method", "n"], columns="objective", values="median", sort=False
        )
        pages.append(f"{markdown(queries.map(_count).reset_index())}\n")
    text = "\n".join(pages)
    print(text)
    (config.out / "tables.md").write_text(text)


def _count(queries: float) -> str:
    """A median number of queries; those that were not enough are a dash."""
    return f"{queries:g}" if np.isfinite(queries) else "-"


def main() -> None:
    """Parse the flags, run, write tables and pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--truth", type=Path, nargs="+", required=True)
    parser.add_argument("--out", type=Path, default=SearchesConfig.out)
    parser.add_argument("--dataset", default=SearchesConfig.dataset)
    parser.add_argument("--metrics", nargs="+", help="default: all")
    parser.add_argument("--methods", nargs="+", default=list(METHODS), metavar="NAME")
    for name in ("queries", "seeds", "slow_seeds", "slow_queries", "workers"):
        flag = f"--{name.replace('_', '-')}"
        parser.add_argument(flag, type=int, default=getattr(SearchesConfig, name))
    args = vars(parser.parse_args())
    for name in ("truth", "metrics", "methods"):
        args[name] = None if args[name] is None else tuple(args[name])
    config = SearchesConfig(**args)
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    with clear_errors(parser.prog):
        _write(run(config), config)


if __name__ == "__main__":
    main()
