"""What `ntknas search` shows at its end: the best cell, Pareto front, history and picture."""

import argparse
from typing import TYPE_CHECKING, Any

from ntknas.cli.output import write, write_table

if TYPE_CHECKING:
    from ntknas.search import Evaluation
    from ntknas.truth import Truth

__all__ = ["draw_result", "show_result"]

_AXES = {
    "params": (1e6, "number of parameters (millions)"),
    "flops": (1e6, "multiply-accumulates per image (millions)"),
    "latency": (1.0, "latency on this machine (ms per image)"),
}


def draw_result(
    args: argparse.Namespace,
    history: "list[Evaluation]",
    truth: "Truth | None",
    labels: list[str],
    costs: list[str],
) -> None:
    """Draw the best value against queries, or two objectives against each other.

    Args:
        args: Parsed arguments of the command.
        history: Queries of the search.
        truth: Published accuracies that were searched; None if a score was computed.
        labels: Names of what was maximised.
        costs: Names of what was minimised.
    """
    from ntknas.report import pareto_picture, search_curve
    from ntknas.search import COSTS
    from ntknas.spaces import NASBENCH201

    wide = None if truth is None else truth.wide(args.dataset)
    shown = labels if truth is None else [f"accuracy ({label})" for label in labels]
    if len(labels) + len(costs) != 2:
        optimum = None if wide is None else float(wide[labels[0]].max())
        values = [query.value for query in history]
        search_curve(values, args.plot, label=shown[0], optimum=optimum)
        return
    unit, axis = _AXES[costs[0]] if costs else (-1.0, shown[1])
    pairs = [(query.values[0], -query.values[1] / unit) for query in history]
    space: list[tuple[float, ...]] = []
    if truth is not None and wide is not None and costs != ["latency"]:
        columns = [wide[label].tolist() for label in labels]
        if costs:
            cells = NASBENCH201.parse([int(label) for label in wide.index])
            counted = COSTS[costs[0]](NASBENCH201, args.dataset)(cells)
            columns.append([number / unit for number in counted])
        space = list(zip(*columns, strict=True))
    pareto_picture(
        pairs,
        args.plot,
        labels=(shown[0], axis),
        cheaper=bool(costs),
        space=space,
        title=f"{args.algorithm}, {f'{truth.benchmark} ' if truth else ''}{args.dataset}",
    )


def show_result(
    args: argparse.Namespace,
    history: "list[Evaluation]",
    truth: "Truth | None",
    labels: list[str],
    costs: list[str],
) -> None:
    """Write the history (csv, json), or the best cell with its place in the space.

    Args:
        args: Parsed arguments of the command.
        history: Queries of the search.
        truth: Published accuracies that were searched; None if a score was computed.
        labels: Names of what was maximised.
        costs: Names of what was minimised.
    """
    import pandas as pd

    from ntknas.search import best, pareto_front
    from ntknas.spaces.nasbench201 import draw

    several = len(labels) + len(costs) > 1
    if args.format != "table":
        rows = []
        for number, query in enumerate(history, 1):
            more = dict(zip([*labels, *costs], query.values, strict=True)) if several else {}
            rows.append(
                {"query": number, "id": query.architecture.id, "value": query.value}
                | {f"value_{n}": more[label] for n, label in enumerate(labels[1:], 2)}
                | {cost: -more[cost] for cost in costs}
                | {"architecture": query.architecture.string}
            )
        write_table(pd.DataFrame(rows), format=args.format)
        return
    found = best(history)
    number = next(n for n, query in enumerate(history, 1) if query is found)
    cell: Any = found.architecture
    if several:
        signs = [1] * len(labels) + [-1] * len(costs)
        rows = [
            {"id": query.architecture.id}
            | {
                label: sign * value
                for label, sign, value in zip([*labels, *costs], signs, query.values, strict=True)
            }
            for query in pareto_front(history)
        ]
        write(f"Pareto front of {len(history)} queries:")
        write_table(pd.DataFrame(rows), format="table")
        write("")
    write(draw(cell))
    write("")
    if truth is None:
        write(f"{args.score} is best in query {number} of {len(history)}")
        return
    wide = truth.wide(args.dataset)
    rows = []
    for metric in wide.columns:
        column = wide[metric]
        value = truth.value(cell, args.dataset, str(metric))
        rows.append(
            {"metric": metric, "accuracy": value, "optimum": column.max()}
            | {"regret": column.max() - value, "rank": int((column > value).sum()) + 1}
        )
    write_table(pd.DataFrame(rows), format="table")
    write(
        f"\nbest {labels[0]} in query {number} of {len(history)} by {args.algorithm}; ranks are "
        f"among {len(wide)} architectures of {truth.benchmark}, {args.dataset}"
    )
