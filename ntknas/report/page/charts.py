"""The interactive pictures of a report, as Vega-Lite specifications.

A specification holds its data and no colours of the page: the script of the page adds those of the
light or the dark theme.
"""

from collections.abc import Sequence
from typing import Any

import pandas as pd

__all__ = ["heat_chart", "line_chart", "scatter_chart"]

Spec = dict[str, Any]


def line_chart(
    frame: pd.DataFrame,
    *,
    x: tuple[str, str],
    y: tuple[str, str],
    colour: tuple[str, str],
    about: str,
    log: bool = False,
    band: tuple[str, str] | None = None,
    steps: Sequence[str] | None = None,
    tooltip: Sequence[str] = (),
) -> Spec:
    """Curves with a point for each row, and the row's values on hovering.

    Args:
        frame: Table with one row per point.
        x: Column of the horizontal axis, and its label.
        y: Column of the vertical axis, and its label.
        colour: Column with the name of each curve, and its label.
        about: Text that stands for the picture where it cannot be seen.
        log: Whether the vertical axis is logarithmic; rows that are not positive are left out.
        band: Columns of the lower and upper end of a band around each curve.
        steps: Names of the curves whose points are joined, by steps; None means that all curves
            are joined, by straight lines.
        tooltip: Further columns to show on hovering.

    Example:
        >>> frame = pd.DataFrame({"epoch": [1, 2], "loss": [2.0, 1.0], "of": ["a", "a"]})
        >>> axes = {"x": ("epoch", "epoch"), "y": ("loss", "loss"), "colour": ("of", "curve")}
        >>> chart = line_chart(frame, **axes, about="loss")
        >>> len(chart["layer"]), chart["data"]["values"][0]
        (2, {'epoch': 1, 'loss': 2.0, 'of': 'a'})
    """
    columns = [x[0], y[0], colour[0], *(band or ()), *tooltip]
    rows = frame[list(dict.fromkeys(columns))].dropna(subset=[x[0], y[0]])
    if log:
        rows = rows[rows[y[0]] > 0]
    names = [str(name) for name in dict.fromkeys(frame[colour[0]])]
    rows = rows.assign(**{colour[0]: rows[colour[0]].map(str)})
    scale: Spec = {"type": "log"} if log else {"zero": False}
    encoding: Spec = {
        "x": {"field": x[0], "type": "quantitative", "title": x[1], "scale": {"zero": False}},
        "y": {"field": y[0], "type": "quantitative", "title": y[1], "scale": scale},
        "color": {
            "field": colour[0],
            "type": "nominal",
            "title": colour[1],
            "scale": {"domain": names},
            "legend": {"symbolOpacity": 1},
        },
    }
    shapes = {"shape": {**encoding["color"]}}
    tips = {
        "tooltip": [
            {"field": name, "title": title}
            for name, title in (colour, x, y, *((name, name) for name in tooltip))
        ]
    }
    layers: list[Spec] = []
    if band is not None:
        ends = {
            "y": {**encoding["y"], "field": band[0]},
            "y2": {"field": band[1]},
        }
        layers.append({"mark": {"type": "area", "opacity": 0.15}, "encoding": ends})
    line: Spec = {"mark": {"type": "line", "strokeWidth": 1.5}, "encoding": {}}
    if steps is not None:
        line["mark"]["interpolate"] = "step-after"
        line["transform"] = [{"filter": {"field": colour[0], "oneOf": list(steps)}}]
    layers.append(line)
    layers.append(
        {"mark": {"type": "point", "filled": True, "size": 45}, "encoding": {**shapes, **tips}}
    )
    return _chart({"encoding": encoding, "layer": layers}, rows, about)


def heat_chart(
    frame: pd.DataFrame,
    *,
    x: tuple[str, str],
    y: tuple[str, str],
    value: tuple[str, str],
    order: Sequence[str],
    about: str,
) -> Spec:
    """A grid of coloured fields, with the number of each field written into it.

    Args:
        frame: Table with one row per field.
        x: Column of the horizontal axis, and its label.
        y: Column of the vertical axis, and its label.
        value: Column that colours show, and its label.
        order: Values of the vertical axis from bottom to top.
        about: Text that stands for the picture where it cannot be seen.
    """
    rows = frame[[x[0], y[0], value[0]]].dropna()
    middle = float(rows[value[0]].min() + rows[value[0]].max()) / 2
    encoding: Spec = {
        "x": {"field": x[0], "type": "ordinal", "title": x[1], "axis": {"labelAngle": 0}},
        "y": {"field": y[0], "type": "ordinal", "title": y[1], "sort": list(order)[::-1]},
    }
    colour = {
        "field": value[0],
        "type": "quantitative",
        "title": value[1],
        "scale": {"scheme": "cividis", "zero": False},
    }
    text = {
        "text": {"field": value[0], "type": "quantitative", "format": ".2f"},
        "color": {
            "condition": {"test": f"datum['{value[0]}'] > {middle!r}", "value": "black"},
            "value": "white",
        },
    }
    tips = [{"field": name, "title": title} for name, title in (x, y, value)]
    layers = [
        {"mark": {"type": "rect"}, "encoding": {"color": colour, "tooltip": tips}},
        {"mark": {"type": "text", "fontSize": 10}, "encoding": text},
    ]
    return _chart({"encoding": encoding, "layer": layers}, rows, about, height=200)


def scatter_chart(about: str) -> Spec:
    """Points whose axes and colours the reader chooses; the page's script fills it.

    Rows have the fields x, y, c (colour), id and cell. The parameter "brush" holds a rectangle.

    Args:
        about: Text that stands for the picture where it cannot be seen.
    """
    encoding = {
        "x": {"field": "x", "type": "quantitative", "scale": {"zero": False}},
        "y": {"field": "y", "type": "quantitative", "scale": {"zero": False}},
        "color": {
            "condition": {
                "param": "brush",
                "field": "c",
                "type": "quantitative",
                "scale": {"scheme": "viridis"},
            },
            "value": "#999999",
        },
        "opacity": {"condition": {"param": "brush", "value": 0.85}, "value": 0.25},
        "tooltip": [{"field": name} for name in ("id", "x", "y", "c", "cell")],
    }
    spec = {
        "params": [{"name": "brush", "select": {"type": "interval"}}],
        "mark": {"type": "circle", "size": 40},
        "encoding": encoding,
    }
    return _chart(spec, None, about, height=420)


def _chart(spec: Spec, rows: pd.DataFrame | None, about: str, *, height: int = 260) -> Spec:
    """The specification with its data and a size that follows the page."""
    values = [] if rows is None else rows.to_dict("records")
    return {
        "description": about,
        "width": "container",
        "height": height,
        "autosize": {"type": "fit", "contains": "padding"},
        "data": {"name": "points", "values": values},
        **spec,
    }
