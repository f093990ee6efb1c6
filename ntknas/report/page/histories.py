"""Sections for searches and trainings: their histories as curves, and what came out."""

from html import escape
from typing import Any

import pandas as pd

from ntknas.report.page.charts import line_chart
from ntknas.report.page.html import Raw, figure, html_table
from ntknas.report.page.material import Searched
from ntknas.report.page.ranking import drawn
from ntknas.report.page.section import Charts, Section
from ntknas.training import TrainingFolder

__all__ = ["search_section", "training_section"]

_CURVES = {
    "loss": "loss on training batches",
    "train_accuracy": "accuracy on training batches",
    "validation_clean": "accuracy on validation images",
    "validation_robust": "accuracy on attacked validation images",
    "learning_rate": "learning rate",
}

_MOST_CURVES = 8  # colours that can be told apart


def search_section(searched: Searched, charts: Charts) -> Section:
    """The values of a search against queries, and the best cell.

    Args:
        searched: History of the search.
        charts: The pictures of the page.
    """
    history = searched.history
    facts = [
        (name, ", ".join(map(str, value)) if isinstance(value, list) else value)
        for name, value in searched.facts.items()
    ]
    table = html_table(["setting", "value"], facts, caption="Settings of the search")
    title = f"Search: {searched.name}"
    if history["value"].notna().sum() == 0:
        return Section(title, Raw(f"<p>There is no query yet.</p>{table}"))
    label = searched.label
    better = history["best"].diff().fillna(1) > 0
    better.iloc[-1] = True
    parts = [
        history.assign(curve="query", shown=history["value"]),
        history.assign(curve="best so far", shown=history["best"])[better],
    ]
    spec = line_chart(
        pd.concat(parts),
        x=("query", "queries"),
        y=("shown", label),
        colour=("curve", "curve"),
        about=f"{label} of {len(history)} queries",
        steps=("best so far",),
        tooltip=("id", "architecture"),
    )
    best = history.iloc[int(history["value"].argmax())]
    text = (
        f"<p>The best of {len(history)} queries has {escape(label)} {best['value']:.4g}: "
        f"architecture {escape(str(best['id']))}, found in query {best['query']}.</p>"
        f"{drawn(str(best['architecture']))}"
    )
    numbers = history[["query", "id", "value", "best"]]
    caption = f"{label} of each query, and of the best so far; {len(history)} queries"
    drawing = figure(charts.add(spec), caption=caption, numbers=numbers)
    return Section(title, Raw(text + drawing + table))


def training_section(folder: TrainingFolder, charts: Charts) -> Section:
    """Curves of the trainings in a folder, and the accuracies of those that have ended.

    Args:
        folder: Folder of the trainings.
        charts: The pictures of the page.
    """
    settings = folder.settings
    facts: list[tuple[str, Any]] = [
        ("recipe", str(settings.recipe)),
        ("images", f"{settings.dataset}, {settings.train_images:,} to train on"),
        ("test images", settings.test_images),
        (
            "network",
            f"{settings.network.channels} channels, {settings.network.cells} cells per stage, "
            f"normalisation {settings.network.norm.value}",
        ),
    ]
    html = html_table(["what", "value"], facts, caption="What was trained", hidden_caption=True)
    results = folder.results()
    if len(results):
        html += html_table(
            [str(name) for name in results.columns],
            results.itertuples(index=False, name=None),
            caption=f"Accuracies on {settings.test_images:,} test images",
        )
    metrics = folder.metrics()
    trainings = list(dict.fromkeys(metrics["training"]))
    metrics = metrics[metrics["training"].isin(trainings[:_MOST_CURVES])]
    some = f"the first {_MOST_CURVES} of " if len(trainings) > _MOST_CURVES else ""
    figures = []
    for column, label in _CURVES.items():
        if column in metrics and metrics[column].notna().any():
            spec = line_chart(
                metrics,
                x=("epoch", "epoch"),
                y=(column, label),
                colour=("training", "training"),
                about=label,
            )
            caption = f"{label}; {some}{len(trainings)} trainings"
            numbers = metrics[["training", "epoch", column]]
            figures.append(figure(charts.add(spec), caption=caption, numbers=numbers))
    return Section(f"Trainings: {folder.path}", Raw(html + charts.side_by_side(figures)))
