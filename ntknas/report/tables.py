"""Frames as text: an aligned table for readers, CSV for spreadsheets, JSON for programs.

By default CSV and JSON keep every digit, and a table rounds.
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

Format: TypeAlias = Literal["table", "markdown", "latex", "csv", "json"]

_TABLE_DIGITS = 4
# Wider than any table. Otherwise rich would fold or cut columns to the width of the terminal.
_UNBOUNDED = 1_000_000


def format_table(
    frame: pd.DataFrame, *, format: str, precision: int | None = None, color: bool = False
) -> str:
    """A frame as text; its index is not written.

    Args:
        frame: Frame with any columns.
        format: Format of the text. "table" aligns all columns without cutting any, and writes "-"
            for a missing value. "markdown" and "latex" (a tabular with the rules of the package
            booktabs) hold the same cells. "csv" follows RFC 4180 with a header,
            and leaves a missing value empty. "json" is a list with one object per row, in which a
            missing value or NaN is null, an infinite value is the string "Infinity" or "-Infinity"
            (JSON has no such number), and integers stay integers.
        precision: Number of significant digits of floating-point values. None means 4 in a table,
            and all digits of the value in CSV and JSON. In a table, whole numbers show all their
            digits.
        color: Whether a table is styled with terminal escapes, as is right for terminals.

    Returns:
        The text, without a newline at its end.

    Raises:
        InputError: If the format is unknown, or the precision is below 1.

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
    if format == "table":
        return _table(frame, precision or _TABLE_DIGITS, color)
    cells = {name: _cells(frame[name], precision or _TABLE_DIGITS) for name in map(str, frame)}
    as_text = pd.DataFrame(cells)
    if format == "markdown":
        return markdown(as_text.map(lambda cell: cell.replace("|", "\\|")))
    return _latex(as_text, numeric=[_is_numeric(frame[name]) for name in frame])


def _json_value(value: Any, precision: int | None) -> Any:
    """One value in a form that JSON can hold."""
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
    # Text objects, because rich would interpret "[...]" and ":name:" in plain strings as markup.
    table = Table(box=SIMPLE_HEAD if color else ASCII2, show_edge=False, header_style="bold")
    cells = []
    for name in frame.columns:
        numeric = _is_numeric(frame[name])
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


def _is_numeric(column: "pd.Series[Any]") -> bool:
    """Whether a column holds numbers."""
    return pd.api.types.is_numeric_dtype(column.dtype)


_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "|": r"\textbar{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    **{sign: "\\" + sign for sign in "&%$#_{}"},
}


def _latex(frame: pd.DataFrame, numeric: list[bool]) -> str:
    """A tabular with the rules of booktabs; numbers are aligned to the right."""
    signs = str.maketrans(_LATEX)
    lines = [[str(cell).translate(signs) for cell in row] for row in (frame, *frame.to_numpy())]
    head, *body = (" & ".join(cells) + r" \\" for cells in lines)
    columns = "".join("r" if right else "l" for right in numeric)
    return "\n".join(
        [rf"\begin{{tabular}}{{{columns}}}", r"\toprule", head, r"\midrule", *body]
        + [r"\bottomrule", r"\end{tabular}"]
    )


def _cells(column: "pd.Series[Any]", precision: int) -> list[str]:
    """The values of a column as text."""
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
    """A correlation as text with three decimals; "-" for a missing one."""
    return f"{value:6.3f}".removeprefix(" ") if value == value else "-"


def with_interval(
    frame: pd.DataFrame, name: str, form: Callable[[float], str] = three_decimals
) -> "pd.Series[str]":
    """A column as text, with its intervals where there are any.

    Args:
        frame: Frame with the column and two more, of its name followed by _low and _high.
        name: Name of the column.
        form: Function from a value to its text.

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
    """A table as Markdown, with one line per row and with cells as `str` writes them.

    Args:
        frame: Frame with any columns; its index is not written.

    Example:
        >>> print(markdown(pd.DataFrame({"score": ["cond"], "pgd_8": ["0.75"]})))
        | score | pgd_8 |
        |---|---|
        | cond | 0.75 |
    """
    header = "| " + " | ".join(frame.columns) + " |\n" + "|---" * frame.shape[1] + "|"
    rows = ("| " + " | ".join(map(str, row)) + " |" for row in frame.itertuples(index=False))
    return "\n".join([header, *rows])
