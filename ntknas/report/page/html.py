"""Pieces of a web page in which every name is escaped: tables, figures and data for scripts."""

import json
import math
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

import numpy as np
import pandas as pd

__all__ = ["Number", "Raw", "figure", "html_table", "json_for_script", "shown"]


class Raw(str):
    """Text that is HTML already, and is not escaped."""


class Number(Raw):
    """A number as HTML, which stands to the right in its column."""


def shown(value: Any) -> str:
    """A value as HTML: numbers with four digits, "-" for a missing one, text escaped.

    Example:
        >>> shown("<b>"), shown(0.123456), shown(None), shown(Raw("<b>"))
        ('&lt;b&gt;', '0.1235', '-', '<b>')
    """
    if isinstance(value, Raw):
        return value
    if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return "-"
    if isinstance(value, (float, np.floating)):
        number = float(value)
        return f"{number:.0f}" if number.is_integer() and abs(number) < 1e6 else f"{number:.4g}"
    return escape(str(value))


def html_table(
    headers: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    caption: str,
    row_headers: bool = True,
    hidden_caption: bool = False,
) -> str:
    """A table with headers that screen readers can read out.

    Args:
        headers: Header of each column.
        rows: Values of each row; `Raw` ones are HTML, all others are escaped.
        caption: What the table shows.
        row_headers: Whether the first cell of a row is the row's header.
        hidden_caption: Whether only screen readers are told the caption.

    Example:
        >>> html_table(["score"], [["<a>"]], caption="x", row_headers=False).count("&lt;a&gt;")
        1
    """
    listed = [list(row) for row in rows]
    columns = zip(*listed, strict=True) if listed else ([] for _ in headers)
    kinds = [' class="number"' if _numeric(column) else "" for column in columns]
    head = "".join(
        f'<th scope="col"{kind}>{escape(str(name))}</th>'
        for name, kind in zip(headers, kinds, strict=True)
    )
    body = []
    for row in listed:
        cells = []
        for position, (value, kind) in enumerate(zip(row, kinds, strict=True)):
            if position == 0 and row_headers:
                cells.append(f'<th scope="row"{kind}>{shown(value)}</th>')
            else:
                cells.append(f"<td{kind}>{shown(value)}</td>")
        body.append(f"<tr>{''.join(cells)}</tr>")
    hidden = ' class="hidden"' if hidden_caption else ""
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{escape(caption)}"><table>'
        f"<caption{hidden}>{escape(caption)}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{''.join(body)}</tbody></table></div>"
    )


def _numeric(values: Iterable[Any]) -> bool:
    """Whether the values of a column are numbers, or missing."""
    known = [value for value in values if value is not None and value is not pd.NA]
    kinds = (int, float, np.number, Number)
    return bool(known) and all(
        isinstance(value, kinds) and not isinstance(value, bool) for value in known
    )


def figure(content: str, *, caption: str, numbers: pd.DataFrame | None = None) -> str:
    """A picture with its caption and, folded away, its numbers as a table.

    Args:
        content: HTML of the picture.
        caption: What the picture shows, with numbers of architectures and kinds of intervals.
        numbers: Numbers that are drawn.
    """
    folded = ""
    if numbers is not None:
        table = html_table(
            [str(name) for name in numbers.columns],
            numbers.itertuples(index=False, name=None),
            caption=f"Numbers: {caption}",
            row_headers=False,
            hidden_caption=True,
        )
        folded = f"<details><summary>numbers</summary>{table}</details>"
    return f"<figure>{content}<figcaption>{escape(caption)}</figcaption>{folded}</figure>"


def json_for_script(value: Any) -> str:
    r"""A value as JSON that cannot end the script element it stands in.

    Numbers keep six digits; those that are not finite become null.

    Example:
        >>> json_for_script({"a": [float("nan"), 0.1234567, "</script>"]})
        '{"a":[null,0.123457,"\\u003c/script>"]}'
    """
    text = json.dumps(_plain(value), allow_nan=False, separators=(",", ":"))
    for character in "<\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _plain(value: Any) -> Any:
    """The value in a form that JSON can hold."""
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        return int(value) if value.is_integer() and abs(value) < 1e15 else float(f"{value:.6g}")
    return None if value is pd.NA else value
