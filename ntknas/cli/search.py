"""`ntknas search`: search NAS-Bench-201 for a cell of high accuracy or score."""

import argparse
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ntknas.cli.output import note, write_table
from ntknas.cli.parser import Commands, add_format, comma_list, one_of
from ntknas.cli.search_result import draw_result, show_result
from ntknas.cli.source import add_truth_seed, read_scores
from ntknas.cli.torch_code import check_torch_code, write_torch_code
from ntknas.errors import InputError
from ntknas.report.progress import Progress

if TYPE_CHECKING:
    from ntknas.evaluation import Scores
    from ntknas.search import Evaluation
    from ntknas.truth import Truth

__all__ = ["add"]

_DEFAULTS = {"dataset": "cifar10", "preset": "fast", "start_count": 10, "seeds": 20}

_ABOUT = """\
Examples:
  ntknas search --truth NAS-RobBench-201_html.json --metric pgd_8 --queries 150
  ntknas search --algorithm local --truth FILE --metric pgd_8 --start-ranking default --precomputed
  ntknas search --truth FILE --metric clean pgd_8 --queries 200
  ntknas search --truth FILE --metric pgd_8 --cost params --queries 300 --plot front.png
  ntknas search --truth FILE --metric pgd_8 --out searches/first --plot regret.png
  ntknas search --truth FILE --metric pgd_8 --compare random,local,evolution --seeds 20
  ntknas search --score sphericity@clean --preset fast --queries 30

A query looks up one published accuracy (--truth), or computes the score of one architecture
(--score); the search keeps the queries few. Algorithms:
  random     random order
  local      hill climbing with restarts (White et al. 2021)
  evolution  regularised evolution (Real et al. 2019)
  bananas    ensemble of networks and Thompson sampling (White et al. 2021)
  nsga2      evolution for several metrics, or a metric and a cost (Deb et al. 2002)
  tpe, gp    two samplers of Optuna: pip install 'ntknas[search]'
  guided     evolution on the ranking; accuracies are asked for the best by rank alone
  ranked     the ranking from the top
guided and ranked need a ranking (--start-ranking). Every other algorithm evaluates the
--start-count best of the ranking first, if there is one. Nothing that computes the same is asked
for twice. With --out, the same command resumes a search, and more --queries extend it.
"""


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add(
        "search", _run, summary="search for a cell of high accuracy or score", about=_ABOUT
    )
    parser.add_argument(
        "--algorithm",
        metavar="NAME",
        help="see below; default: evolution, or nsga2 with several metrics or a --cost",
    )
    parser.add_argument(
        "--truth",
        metavar="FILE",
        help="published accuracies to search in: a file, robbench or jung",
    )
    add_truth_seed(parser)
    parser.add_argument(
        "--metric",
        metavar="M",
        nargs="+",
        action="extend",
        type=comma_list(),
        help="metric to maximise, such as pgd_8, or several; default: the last of the file",
    )
    parser.add_argument("--dataset", help="data set of the accuracies; default: cifar10")
    parser.add_argument(
        "--score", metavar="NAME", help="maximise this score, computed when it is asked for"
    )
    parser.add_argument(
        "--cost",
        metavar="C",
        nargs="+",
        action="extend",
        type=comma_list(one_of("params", "flops", "latency")),
        help="also minimise params, flops or latency (ms per image, measured on this machine)",
    )
    parser.add_argument(
        "--preset",
        choices=("fast", "standard", "published"),
        help="settings of --score (ntknas score --help); default: fast",
    )
    parser.add_argument(
        "--queries", metavar="N", type=int, default=150, help="number of queries; default: 150"
    )
    parser.add_argument("--seconds", metavar="S", type=float, help="time limit; default: none")
    parser.add_argument("--seed", metavar="N", type=int, default=0, help="seed; default: 0")
    parser.add_argument(
        "--start-ranking",
        metavar="NAME",
        help="score or sum of scores to rank by, or default (ntknas rank); needs --precomputed or "
        "--run",
    )
    parser.add_argument(
        "--start-count",
        metavar="N",
        type=int,
        help="number of architectures of the ranking to begin with; default: 10",
    )
    parser.add_argument(
        "--precomputed", action="store_true", help="rank by the table in the package"
    )
    parser.add_argument(
        "--run",
        dest="run_folder",
        metavar="DIR",
        help="rank by this run, or by this file of scores of another tool (.csv, .json)",
    )
    parser.add_argument(
        "--out", metavar="DIR", help="folder of the history; the same command resumes the search"
    )
    parser.add_argument(
        "--plot",
        metavar="PICTURE",
        help="draw the best value against queries, or two objectives and their Pareto front (.png "
        "or .svg)",
    )
    parser.add_argument(
        "--torch-code",
        metavar="FILE",
        help="write the network of the best cell as PyTorch source that needs torch alone",
    )
    parser.add_argument(
        "--compare",
        metavar="A,B,...",
        type=comma_list(),
        help="compare these algorithms over several seeds instead of searching once",
    )
    parser.add_argument(
        "--seeds", metavar="N", type=int, help="number of seeds of --compare; default: 20"
    )
    add_format(parser)


def _run(args: argparse.Namespace) -> None:
    from ntknas.search import SEARCHES
    from ntknas.spaces import NASBENCH201

    costs = list(dict.fromkeys(cost for group in args.cost or [] for cost in group))
    if args.algorithm is None:
        metrics = [metric for group in args.metric or [] for metric in group]
        args.algorithm = "nsga2" if costs or len(metrics) > 1 else "evolution"
    names = args.compare or [args.algorithm]
    for name in names:
        SEARCHES.check(name)
    _check(args)
    for option, default in _DEFAULTS.items():
        if getattr(args, option) is None:
            setattr(args, option, default)
    truth, metrics = _truth(args)
    objective = _objective(args, truth, metrics, costs)
    ranking = _ranking(args)
    prepared = {name: _settings(name, args, ranking) for name in names}
    if args.plot is not None:
        from ntknas.report import check_picture

        check_picture(args.plot)

    def search_once(name: str, seed: int, **more: Any) -> "list[Evaluation]":
        from ntknas.search import search

        budget = {"queries": args.queries, "seconds": args.seconds, "seed": seed}
        return search(name, NASBENCH201, objective, **budget, **prepared[name], **more)

    if args.compare:
        _compare(args, search_once, truth, metrics)
        return
    labels = metrics or [args.score]
    with Progress("queries") as progress:
        shown = _Improvements(progress, labels[0])

        def report(history: "list[Evaluation]") -> None:
            shown(history)
            progress(len(history), args.queries)

        history = _resumed(args, truth, metrics, costs, search_once, report)
    if args.plot is not None:
        draw_result(args, history, truth, labels, costs)
    show_result(args, history, truth, labels, costs)
    if args.torch_code is not None:
        _write_code(args, history)


class _Improvements:
    """A live table of the queries that were better than all before."""

    def __init__(self, progress: Progress, label: str):
        self._progress, self._label = progress, label
        self._best: float | None = None
        self._seen = 0

    def __call__(self, history: "list[Evaluation]") -> None:
        """Show what is new in the history."""
        for number, query in enumerate(history[self._seen :], self._seen + 1):
            if self._best is None or query.value > self._best:
                if self._best is None:
                    self._progress.say(f"{'query':>6}  {'id':>5}  {self._label}")
                self._best = query.value
                cell: Any = query.architecture
                self._progress.say(f"{number:6}  {cell.id:5}  {query.value:.5g}  {cell.string}")
        self._seen = len(history)


def _write_code(args: argparse.Namespace, history: "list[Evaluation]") -> None:
    """Write the best cell's network as source for PyTorch."""
    from ntknas.images import DATASETS
    from ntknas.network import NetworkSpec
    from ntknas.search import best

    cell: Any = best(history).architecture
    spec = NetworkSpec()
    info = DATASETS.get(args.dataset)
    if info is not None:
        spec = replace(spec, classes=info.classes, mean=info.mean, std=info.std)
    write_torch_code(args.torch_code, cell, spec)


def _check(args: argparse.Namespace) -> None:
    """Raise InputError for options that do not go together."""
    if (args.truth is None) == (args.score is None):
        raise InputError("expected either --truth FILE or --score NAME to search by")
    if args.score is not None and (args.metric or args.truth_seed is not None):
        raise InputError("--metric and --truth-seed belong to --truth FILE, got --score")
    if args.score is not None and args.dataset not in (None, _DEFAULTS["dataset"]):
        raise InputError(
            f"--score is computed on the embedded sample of {_DEFAULTS['dataset']}, got --dataset "
            f"{args.dataset}"
        )
    for option, value, owner, present in (
        ("--preset", args.preset, "--score NAME", args.score),
        ("--start-count", args.start_count, "--start-ranking NAME", args.start_ranking),
        ("--seeds", args.seeds, "--compare A,B,...", args.compare),
    ):
        if value is not None and present is None:
            raise InputError(f"{option} belongs to {owner}, which is missing")
    given = {"--out": args.out, "--plot": args.plot, "--torch-code": args.torch_code}
    for option, value in given.items():
        if args.compare and value is not None:
            raise InputError(f"--compare keeps no history: expected no {option}")
    check_torch_code(args.torch_code)
    if args.precomputed and args.run_folder is not None:
        raise InputError("expected one of --precomputed and --run, got both")
    if args.start_ranking is None and (args.precomputed or args.run_folder is not None):
        raise InputError("--precomputed and --run belong to --start-ranking, which is missing")
    if args.start_ranking is not None and not (args.precomputed or args.run_folder is not None):
        raise InputError("expected --precomputed or --run DIR for --start-ranking")
    for name in ("queries", "start_count", "seeds"):
        count = getattr(args, name)
        if count is not None and count < 1:
            raise InputError(f"expected --{name.replace('_', '-')} of at least 1, got {count}")
    if args.seed < 0:
        raise InputError(f"expected --seed of 0 or more, got {args.seed}")


def _truth(args: argparse.Namespace) -> "tuple[Truth | None, list[str]]":
    """The published accuracies, and the metrics to maximise."""
    if args.truth is None:
        return None, []
    from ntknas.truth import load_truth

    truth = load_truth(args.truth, seed=args.truth_seed)
    metrics = [metric for group in args.metric or [] for metric in group]
    return truth, metrics or [truth.metrics(args.dataset)[-1]]


def _objective(
    args: argparse.Namespace, truth: "Truth | None", metrics: list[str], costs: list[str]
) -> Callable[[Sequence[Any]], Sequence[Any]]:
    """What is maximised."""
    from ntknas.search import COSTS, true_values, with_costs
    from ntknas.spaces import NASBENCH201

    objective: Callable[[Sequence[Any]], Sequence[Any]]
    if truth is not None:
        names = metrics if len(metrics) > 1 else metrics[0]
        objective = true_values(truth, names, dataset=args.dataset)
    else:
        from ntknas.engine import Scorer
        from ntknas.runs import PRESETS
        from ntknas.search import live_score

        objective = live_score(Scorer(PRESETS[args.preset]), args.score)
    if not costs:
        return objective
    return with_costs(objective, *(COSTS[cost](NASBENCH201, args.dataset) for cost in costs))


def _ranking(args: argparse.Namespace) -> "Scores | None":
    """The scores to rank by."""
    if args.start_ranking is None:
        return None
    return read_scores(args.run_folder, dataset=args.dataset)


def _settings(name: str, args: argparse.Namespace, ranking: "Scores | None") -> dict[str, Any]:
    """What an algorithm takes from the ranking."""
    from ntknas.search import ranked_architectures, stored_score
    from ntknas.spaces import NASBENCH201

    if ranking is None:
        if name in ("guided", "ranked"):
            raise InputError(f"expected --start-ranking NAME for the algorithm {name}")
        return {}
    by = args.start_ranking
    if name == "ranked":
        return {"ranking": ranked_architectures(ranking, by, space=NASBENCH201)}
    if name == "guided":
        return {"score": stored_score(ranking, by, space=NASBENCH201)}
    top = ranked_architectures(ranking, by, space=NASBENCH201, top=args.start_count)
    return {"start": top}


def _resumed(
    args: argparse.Namespace,
    truth: "Truth | None",
    metrics: list[str],
    costs: list[str],
    search_once: "Callable[..., list[Evaluation]]",
    report: "Callable[[list[Evaluation]], None]",
) -> "list[Evaluation]":
    """Search, or continue the search in a folder, which only this process writes to."""
    if args.out is None:
        return search_once(args.algorithm, args.seed, on_query=report)
    from ntknas.search import search_folder
    from ntknas.spaces import NASBENCH201

    def check(known: "Sequence[Evaluation]") -> None:
        if truth is not None:
            _check_accuracies(args, truth, metrics, known)

    facts, unused = _facts(args, metrics, costs), _unused(args, costs)
    with search_folder(args.out, facts, NASBENCH201, unused=unused, check=check) as folder:
        if folder.known:
            note(f"{len(folder.known)} queries in {folder.history}")

        def save(history: "list[Evaluation]") -> None:
            folder.save(history)
            report(history)

        known = folder.known[: args.queries]
        return search_once(args.algorithm, args.seed, history=known, on_query=save)


def _facts(args: argparse.Namespace, metrics: list[str], costs: list[str]) -> dict[str, Any]:
    """What a search in a folder was asked for."""
    names = ("algorithm", "dataset", "score", "preset", "seed", "start_ranking")
    facts = {name: getattr(args, name) for name in names}
    facts |= {"start_count": args.start_count, "truth_seed": args.truth_seed, "metrics": metrics}
    facts["truth"] = None if args.truth is None else Path(args.truth).name
    facts["scores"] = "precomputed" if args.precomputed else args.run_folder
    return facts | ({"costs": costs} if costs else {})


def _unused(args: argparse.Namespace, costs: list[str]) -> set[str]:
    """Names of facts that do not matter; earlier versions recorded what was given for them."""
    unused = set()
    if args.score is None:
        unused.add("preset")
    elif not costs:
        unused.add("dataset")
    if args.start_ranking is None:
        unused.add("start_count")
    return unused


def _check_accuracies(
    args: argparse.Namespace, truth: "Truth", metrics: list[str], known: "Sequence[Evaluation]"
) -> None:
    """Raise InputError if a history has accuracies that the table does not give now."""
    from ntknas.search import true_values

    cells = [query.architecture for query in known]
    for metric in metrics:
        values = true_values(truth, metric, dataset=args.dataset)(cells)
        for query, value in zip(known, values, strict=True):
            stored = dict(zip(metrics, query.values or (query.value,), strict=False))
            before = stored.get(metric, math.nan)
            # Another version of NumPy may round a mean over seeds differently.
            if not math.isclose(before, value, rel_tol=1e-9):
                raise InputError(
                    f"the search in {args.out} has {metric} {before} of architecture "
                    f"{query.architecture.id}, but {truth.path} gives {value} now; choose another "
                    "folder"
                )


def _compare(
    args: argparse.Namespace,
    search_once: "Callable[..., list[Evaluation]]",
    truth: "Truth | None",
    metrics: list[str],
) -> None:
    """Write what several algorithms find, over several seeds."""
    import numpy as np
    import pandas as pd

    from ntknas.search import best

    rows = []
    total = len(args.compare) * args.seeds
    optimum = None if truth is None else truth.wide(args.dataset)[metrics[0]].max()
    with Progress("searches") as progress:
        for at, name in enumerate(args.compare):
            values = []
            for seed in range(args.seeds):
                values.append(best(search_once(name, args.seed + seed)).value)
                progress(at * args.seeds + seed + 1, total)
            row = {"algorithm": name, "n": args.seeds, "mean": np.mean(values)}
            row |= {"sd": np.std(values), "min": np.min(values), "max": np.max(values)}
            if optimum is not None:
                row |= {"optimum": optimum, "regret": optimum - np.mean(values)}
            rows.append(row)
    if args.format == "table":
        what = metrics[0] if truth is not None else args.score
        note(f"best {what} of {args.queries} queries, over {args.seeds} seeds")
    write_table(pd.DataFrame(rows), format=args.format)
