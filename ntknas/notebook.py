"""What notebooks show of objects: a title, facts and drawings as HTML, with every name escaped."""

from collections.abc import Iterable
from html import escape

__all__ = ["html_facts"]


def html_facts(title: str, facts: Iterable[tuple[str, object]], *, drawing: str = "") -> str:
    """A title above a table of facts, for `_repr_html_`.

    Args:
        title: Text of the title.
        facts: Name and value of each fact.
        drawing: SVG to show between title and facts.

    Example:
        >>> html_facts("run", [("name", "<b>")]).count("&lt;b&gt;")
        1
    """
    rows = "".join(
        f'<tr><th scope="row" style="text-align:left">{escape(name)}</th>'
        f'<td style="text-align:left">{escape(str(value))}</td></tr>'
        for name, value in facts
    )
    return f"<div><strong>{escape(title)}</strong></div>{drawing}<table>{rows}</table>"
