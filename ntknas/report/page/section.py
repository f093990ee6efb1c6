"""What a section of the page is, and the list of the page's pictures."""

from collections.abc import Sequence
from html import escape
from typing import Any, NamedTuple, Protocol

from ntknas.report.page.html import Raw
from ntknas.report.page.material import Scored

__all__ = ["Charts", "Section", "SectionOf"]


class Section(NamedTuple):
    """A section of the page.

    Attributes:
        title: Text of the heading.
        html: What stands below it.
    """

    title: str
    html: Raw


class Charts:
    """The interactive pictures of a page, in the order of the page."""

    def __init__(self) -> None:
        self.listed: list[dict[str, Any]] = []

    def add(self, spec: dict[str, Any], **more: Any) -> Raw:
        """Add a picture, and return the element in which the page's script draws it.

        Args:
            spec: Vega-Lite specification.
            **more: What the script needs besides.
        """
        number = len(self.listed)
        self.listed.append({"spec": spec, **more})
        about = escape(str(spec.get("description", "")))
        return Raw(
            f'<div class="chart" id="chart-{number}" role="group" aria-label="{about}">'
            "<noscript>This picture needs JavaScript.</noscript></div>"
        )

    def side_by_side(self, drawn: Sequence[str]) -> Raw:
        """Figures beside each other where there is room.

        Args:
            drawn: HTML of the figures.
        """
        return Raw(f'<div class="panels">{"".join(drawn)}</div>')


class SectionOf(Protocol):
    """A function that makes a section for scores, or nothing if they lack what it shows."""

    def __call__(self, scored: Scored, charts: Charts) -> Section | None:
        """Make the section; pictures are added to the list of the page."""
        ...
