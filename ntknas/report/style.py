"""The one look of all pictures: sizes, letters, colours and markers.

Pictures are 7 inches wide (a page) or 3.5 (a column of two) and their letters 7 to 9 points, so
that they can be read at the size at which papers and the documentation show them. Colours are those
of Okabe & Ito (2008), which colour-blind readers can distinguish; markers and dashes say the same
without colours.
"""

import contextlib
import io
from collections.abc import Iterator
from typing import Any

import matplotlib
from cycler import cycler
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

__all__ = [
    "BLACK",
    "BLUE",
    "COLOURS",
    "COLUMN",
    "GREEN",
    "GREY",
    "MARKERS",
    "ORANGE",
    "PAGE",
    "PINK",
    "RED",
    "SKY",
    "ShownFigure",
    "new_figure",
    "picture_style",
]

PAGE, COLUMN = 7.0, 3.5
"""Widths of a page and of one of two columns, in inches."""

BLUE, RED, GREEN, PINK, ORANGE, SKY, BLACK = (
    *("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"),
)
COLOURS = (BLUE, RED, GREEN, PINK, ORANGE, SKY, BLACK)
"""Colours of curves, in the order of their use."""

GREY = "#BBBBBB"
"""The colour of points in the background."""

MARKERS = ("o", "s", "^", "D", "v", "P", "X")
"""Markers of curves, one per colour."""

_SCREEN = 120  # dots per inch in notebooks

_SETTINGS: dict[str, Any] = {
    "font.size": 8,
    "axes.titlesize": 8.5,
    "axes.labelsize": 8,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "legend.fontsize": 7.5,
    "figure.titlesize": 9,
    "axes.prop_cycle": cycler(color=COLOURS),
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.alpha": 0.3,
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.2,
    "lines.markersize": 4,
    "legend.frameon": False,
    "savefig.dpi": 200,
    "pdf.fonttype": 42,  # letters as letters, which journals ask for
    "svg.hashsalt": "ntknas",
}


@contextlib.contextmanager
def picture_style() -> Iterator[None]:
    """The context in which pictures are drawn and saved; other pictures keep their own look.

    It can also decorate a function.

    Example:
        >>> with picture_style():
        ...     matplotlib.rcParams["font.size"]
        8.0
    """
    with matplotlib.rc_context(_SETTINGS):
        yield


def new_figure(height: float, *, width: float = PAGE) -> Figure:
    """A figure without a window, whose parts make room for each other. Notebooks show it.

    Args:
        height: Height in inches.
        width: Width in inches.
    """
    figure = ShownFigure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


class ShownFigure(Figure):
    """A figure that notebooks show without pyplot."""

    def _repr_png_(self) -> bytes:
        """The figure as PNG, as wide on a screen as on paper."""
        content = io.BytesIO()
        with picture_style():
            self.savefig(content, format="png", dpi=_SCREEN)
        return content.getvalue()
