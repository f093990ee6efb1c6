"""Section "Scores and accuracies": a picture whose axes, colours and points the reader chooses."""

from html import escape
from typing import Any

from ntknas.report.page.charts import scatter_chart
from ntknas.report.page.html import Raw
from ntknas.report.page.material import Scored
from ntknas.report.page.section import Charts, Section

__all__ = ["scatter_section"]


def scatter_section(scored: Scored, charts: Charts) -> Section | None:
    """A scatter plot of any score against any score, accuracy or count.

    Args:
        scored: Scores and where they come from.
        charts: The pictures of the page.
    """
    points = scored.points
    names = [str(name) for name in points.columns]
    first = next((n for n in names if n.startswith("layer_cosine_lambda_min@")), names[-1])
    x = str(scored.score) if str(scored.score) in names else first
    y = scored.main_metric or "rank"
    counts = [str(name) for name in scored.operations.columns]
    colour = counts[0] if counts else next((n for n in ("params",) if n in names), y)
    number = len(charts.listed)
    labels = {
        f"{axis}-{number}": (what, chosen)
        for axis, what, chosen in (
            ("x", "horizontal axis", x),
            ("y", "vertical axis", y),
            ("c", "colour", colour),
        )
    }
    lower = {"rank"} | {c for name, c in scored.table.names.items() if name.direction < 0}
    shown = {name: f"{name} (lower is better)" if name in lower else name for name in names}
    controls = "".join(_select(key, text, shown, on) for key, (text, on) in labels.items())
    for axis, what in (("x", "horizontal"), ("y", "vertical")):
        controls += (
            f'<label><input type="checkbox" id="log-{axis}-{number}"> {what} axis logarithmic'
            "</label>"
        )
    controls += (
        f'<label>show only architectures that contain <input type="search" id="filter-{number}" '
        'placeholder="such as nor_conv_3x3~0 or 9930" autocomplete="off"></label>'
    )
    total = len(scored.table.frame)
    sampled = f"a random sample of {len(points):,} of " if len(points) < total else ""
    caption = (
        f"A point is an architecture ({sampled}{total:,}). Hover over a point for its numbers; "
        "drag a rectangle to list the points in it, and double-click to remove it. Spearman's "
        "correlation is that of the points shown, of the numbers as they are."
    )
    data: dict[str, Any] = {
        "ids": [str(label) for label in points.index.tolist()],
        "cells": [scored.table.strings[label] for label in points.index.tolist()],
        "columns": {name: points[name].tolist() for name in points.columns},
    }
    drawn = charts.add(scatter_chart(f"Scores and accuracies of {total:,} architectures"), **data)
    html = (
        f'<div class="controls">{controls}</div><figure>{drawn}'
        f'<p class="state" id="state-{number}" role="status"></p>'
        f"<figcaption>{escape(caption)}</figcaption>"
        f'<div class="wide" id="chosen-{number}" tabindex="0" role="region" '
        'aria-label="architectures in the rectangle"></div></figure>'
    )
    return Section("Scores and accuracies", Raw(html))


def _select(key: str, label: str, names: dict[str, str], chosen: str) -> str:
    """A list of names to choose from, with its label."""
    options = "".join(
        f'<option value="{escape(name)}"{" selected" if name == chosen else ""}>{escape(text)}'
        "</option>"
        for name, text in names.items()
    )
    return f'<label>{escape(label)} <select id="{key}">{options}</select></label>'
