"""Frames as text: an aligned table to read, CSV for spreadsheets, JSON for programs.

CSV and JSON keep every digit unless told otherwise; a table rounds.
"""

import io
import json
import math
from collections.abc import Callable
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
import pandas as pd
from rich.box import ASCII2, SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ntknas.errors import InputError

__all__ = ["Format", "format_table", "markdown", "three_decimals", "with_interval"]

Format: TypeAlias = Literal["table", "csv", "json"]

_TABLE_DIGITS = 4
# Wider than any table: rich would otherwise fold or cut columns to the width of the terminal.
_UNBOUNDED = 1_000_000


def format_table(
    frame: pd.DataFrame, *, format: str, precision: int | None = None, color: bool = False
) -> str:
    """A frame as text; its index is not written.

    Args:
        frame: Any columns; names as they are.
        format: "table": aligned columns, all of them and uncut, however wide; a missing value is
            "-". "csv": RFC 4180 with a header; a missing value is empty. "json": a list of one
            object a row; a missing value or NaN is null, an infinite one the string "Infinity" or
            "-Infinity" (JSON has no such number), integers stay integers.
        precision: Significant digits of floating-point values; None means 4 in a table and as many
            as the value has in CSV and JSON. In a table whole numbers show all their digits.
        color: Style a table with terminal escapes: pass whether the output is a terminal.

    Returns:
        The text, without a newline at its end.

    Raises:
        InputError: the format is unknown or the precision is below 1.

    Example:
        >>> frame = pd.DataFrame({"score": ["cond"], "n": [3], "spearman": [0.5]})
        >>> format_table(frame, format="json")
        '[{"score": "cond", "n": 3, "spearman": 0.5}]'
    """
    if format not in get_args(Format):
        raise InputError(f"expected a format of {', '.join(get_args(Format))}, got {format!r}")
    if precision is not None and precision < 1:
        raise InputError(f"expected a precision of 1 significant digit or more, got {precision}")
    if format == "csv":
        digits = None if precision is None else f"%.{precision}g"
        return frame.to_csv(index=False, float_format=digits, lineterminator="\n").rstrip("\n")
    if format == "json":
        names = [str(name) for name in frame.columns]
        columns = [[_json_value(v, precision) for v in frame[c].tolist()] for c in frame.columns]
        rows = zip(*columns, strict=True)
        return json.dumps([dict(zip(names, row, strict=True)) for row in rows], allow_nan=False)
    return _table(frame, precision or _TABLE_DIGITS, color)


def _json_value(value: Any, precision: int | None) -> Any:
    """One value as JSON can hold it."""
    if pd.isna(value):
        return None
    if isinstance(value, np.generic):  # in a column of mixed types
        value = value.item()
    if isinstance(value, float) and math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, float) and precision is not None:
        return float(f"{value:.{precision}g}")
    return value


def _table(frame: pd.DataFrame, precision: int, color: bool) -> str:
    """Aligned columns: numbers to the right, everything else to the left."""
    # Text objects, because rich would read "[...]" and ":name:" in plain strings as markup.
    table = Table(box=SIMPLE_HEAD if color else ASCII2, show_edge=False, header_style="bold")
    cells = []
    for name in frame.columns:
        numeric = pd.api.types.is_numeric_dtype(frame[name].dtype)
        table.add_column(Text(str(name)), justify="right" if numeric else "left", no_wrap=True)
        cells.append(_cells(frame[name], precision))
    for row in zip(*cells, strict=True):
        table.add_row(*map(Text, row))
    out = io.StringIO()
    console = Console(
        file=out,
        width=_UNBOUNDED,
        force_terminal=color,
        color_system="standard" if color else None,
        legacy_windows=False,
        force_jupyter=False,
    )
    console.print(table)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


def _cells(column: "pd.Series[Any]", precision: int) -> list[str]:
    """The column's values as text."""
    present = [value for value in column.tolist() if not pd.isna(value)]
    whole = all(isinstance(v, float) and v.is_integer() and abs(v) < 1e15 for v in present)

    def text(value: Any) -> str:
        if pd.isna(value):
            return "-"
        if isinstance(value, float) and math.isfinite(value):
            return f"{value:.0f}" if whole else f"{value:#.{precision}g}".removesuffix(".")
        return str(value)

    return [text(value) for value in column.tolist()]


def three_decimals(value: float) -> str:
    """A correlation as text, room for a minus sign; "-" for a missing one."""
    return f"{value:6.3f}".removeprefix(" ") if value == value else "-"


def with_interval(
    frame: pd.DataFrame, name: str, form: Callable[[float], str] = three_decimals
) -> "pd.Series[str]":
    """A column and its intervals, where there are any, as text.

    Args:
        frame: Has the columns `name`, `name`_low and `name`_high.
        name: The column.
        form: From a value to its text.

    Example:
        >>> frame = pd.DataFrame({"r": [0.375, -0.5], "r_low": [0.25, None], "r_high": [0.5, None]})
        >>> with_interval(frame, "r").tolist()
        ['0.375 [0.250, 0.500]', '-0.500']
        >>> with_interval(frame, "r", "{:+.1f}".format).tolist()
        ['+0.4 [+0.2, +0.5]', '-0.5']
    """
    low, high = frame[f"{name}_low"], frame[f"{name}_high"]
    interval = " [" + low.map(form) + ", " + high.map(form) + "]"
    return frame[name].map(form) + interval.where(low.notna() & high.notna(), "")


def markdown(frame: pd.DataFrame) -> str:
    """A table as Markdown, one line per row, cells as `str` writes them.

    Args:
        frame: Any columns; its index is not written.

    Example:
        >>> print(markdown(pd.DataFrame({"score": ["cond"], "pgd_8": ["0.75"]})))
        | score | pgd_8 |
        |---|---|
        | cond | 0.75 |
    """
    header = "| " + " | ".join(frame.columns) + " |\n" + "|---" * frame.shape[1] + "|"
    rows = ("| " + " | ".join(map(str, row)) + " |" for row in frame.itertuples(index=False))
    return "\n".join([header, *rows])
