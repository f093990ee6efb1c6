"""What sessions show of objects: facts as HTML with every name escaped, and short texts."""

from collections.abc import Iterable
from dataclasses import fields
from enum import Enum
from html import escape
from typing import Any

__all__ = ["html_facts", "short_repr"]


def short_repr(settings: Any) -> str:
    """The text of a dataclass of settings: what differs from its defaults, as Python.

    Args:
        settings: Instance of a dataclass that can be made without arguments.

    Example:
        >>> from dataclasses import dataclass
        >>> @dataclass
        ... class Settings:
        ...     images: int = 32
        ...     seeds: int = 1
        ...     __repr__ = short_repr
        >>> Settings(seeds=3)
        Settings(seeds=3)
    """
    default = type(settings)()
    changed = [
        f"{field.name}={_plain(getattr(settings, field.name))!r}"
        for field in fields(settings)
        if getattr(settings, field.name) != getattr(default, field.name)
    ]
    return f"{type(settings).__name__}({', '.join(changed)})"


def _plain(value: object) -> object:
    """A value whose members of enumerations are the texts that may stand for them."""
    if isinstance(value, tuple):
        return tuple(map(_plain, value))
    return value.value if isinstance(value, Enum) else value


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
