"""Searches on published accuracies: what they find, how fast, and whether robust objectives pay.

    python -m experiments.nas_on_robbench --truth NAS-RobBench-201_html.json acc.json --out runs/nas

Every method searches for every metric of every table, with many seeds. A search of 1,000 queries
answers for a budget of 150 too: no method knows its budget. Evolution with the prefix warm_ starts
with the ten best of the default ranking. nsga2 has the clean accuracy as its second objective.
Rankings need no seed. Every set of searches is kept in a file of the folder `searches` as soon as
it is there, so that a command that was stopped goes on where it was, and a command with other
methods adds to the same tables. Written are found.csv (every metric of the cell found, by budget),
reached.csv (queries until half a point below the best), paired.csv (cells found for robust
accuracy against those found for clean accuracy), and two pictures of the regret per table: of the
searches, and of rankings and what starts from them.

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

import ntknas
from experiments.command import by_name, clear_errors
from experiments.nas_tables import (
    Found,
    found_table,
    load_found,
    paired_table,
    picture,
    reached_table,
    save_found,
)
from ntknas.report import Progress, markdown
from ntknas.search import ranked_architectures, search, stored_score, true_values
from ntknas.spaces import NASBENCH201

__all__ = ["METHODS", "SearchesConfig", "run", "stored"]

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
    seeds, queries = _size(config, method)
    begun = time.perf_counter()
    best, values = [], []
    for seed in range(seeds):
        history = search(
            method.algorithm,
            NASBENCH201,
            objective,
            queries=queries,
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


def _size(config: SearchesConfig, method: Method) -> tuple[int, int]:
    """The numbers of seeds, and of queries per search, of a method."""
    queries = min(config.slow_queries, config.queries) if method.slow else config.queries
    seeds = 1 if method.ranking else config.slow_seeds if method.slow else config.seeds
    return seeds, queries


def _file(config: SearchesConfig, path: Path, metric: str, name: str) -> Path:
    """Where the searches of one method for one metric are kept."""
    return config.out / "searches" / f"{path.stem}-{config.dataset}-{metric}-{name}.npz"


def _search_task(task: tuple[SearchesConfig, Path, str, str]) -> Found:
    """Search and keep what was found, or read it if an earlier command did; for a pool."""
    config, path, metric, name = task
    seeds, queries = _size(config, METHODS[name])
    kept = _kept(*task)
    if kept and (len(kept[0].best), kept[1]) == (seeds, queries):
        return kept[0]
    found = _search(*task)
    save_found(found, _file(*task), queries=queries)
    return found


def _kept(config: SearchesConfig, path: Path, metric: str, name: str) -> tuple[Found, int] | None:
    """What an earlier command found in a table of the same values, and its number of queries."""
    file = _file(config, path, metric, name)
    if not file.exists():
        return None
    found, queries = load_found(file)
    column = _truth(path).wide(config.dataset)[metric]
    regret = column.max() - column.reindex(found.best.ravel()).to_numpy()
    same = np.array_equal(regret, found.regret.ravel())
    return (found, queries) if same else None


def run(config: SearchesConfig) -> list[Found]:
    """All searches, less those that the folder has.

    Args:
        config: Which searches, on what.

    Returns:
        One entry per table, metric and method of the configuration.

    Raises:
        InputError: For an unknown method or metric, a file that cannot be read, or two files of one
            name.
    """
    by_name(config.truth)
    for name in config.methods:
        if name not in METHODS:
            raise ntknas.InputError(f"expected methods of {', '.join(METHODS)}, got {name!r}")
    tasks = []
    metrics: list[str] = []
    for path in config.truth:
        known = _truth(path).metrics(config.dataset)
        metrics += known
        for metric in config.metrics or known:
            if metric in known:
                tasks += [(config, path, metric, name) for name in config.methods]
    if not tasks:
        raise ntknas.InputError(
            f"expected some of the metrics {', '.join(dict.fromkeys(metrics))}, got "
            f"{', '.join(config.metrics or ()) or 'none'}"
        )
    found = []
    with Progress("method and metric pairs") as progress:
        if config.workers == 1:
            for task in tasks:
                found.append(_search_task(task))
                progress(len(found), len(tasks))
        else:
            with get_context("spawn").Pool(config.workers) as pool:  # ends its workers on leaving
                for one in pool.imap(_search_task, tasks):
                    found.append(one)
                    progress(len(found), len(tasks))
    return found


def stored(config: SearchesConfig) -> list[Found]:
    """All searches that the folder has, of every command so far, in tables as they are now.

    Args:
        config: Folder, tables and data set; methods, metrics and sizes do not matter.
    """
    return [
        kept[0]
        for path in config.truth
        for metric in _truth(path).metrics(config.dataset)
        for name in METHODS
        if (kept := _kept(config, path, metric, name))
    ]


def _write(found: list[Found], config: SearchesConfig) -> None:
    """Write the tables and the pictures."""
    config.out.mkdir(parents=True, exist_ok=True)
    accuracies = {path.name: _truth(path).wide(config.dataset) for path in config.truth}
    table = found_table(found, accuracies, config.budgets)
    reached = reached_table(found, config.within)
    paired = paired_table(found, accuracies, config.budgets)
    table.to_csv(config.out / "found.csv", index=False)
    reached.to_csv(config.out / "reached.csv", index=False)
    paired.to_csv(config.out / "paired.csv", index=False)
    pages = []
    for path in config.truth:
        for ranked, file in ((False, f"{path.stem}.png"), (True, f"{path.stem}_rankings.png")):
            part = [one for one in found if one.truth == path.name and _ranked(one) == ranked]
            if part:
                name = _truth(path).benchmark
                title = f"{name}, {config.dataset}: means and quartiles over (n) searches"
                picture(part, config.out / file, title=title)
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


def _ranked(found: Found) -> bool:
    """Whether the method follows a ranking or starts from one."""
    method = METHODS[found.method]
    return bool(method.warm or method.ranking or method.algorithm == "guided")


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
        run(config)
        _write(stored(config), config)


if __name__ == "__main__":
    main()
