"""A drawing of a cell as inline SVG, for notebooks and web pages.

Text and nodes take the colour of the text around the drawing (`currentColor`), so that it can be
read on light and dark pages. Operations are written at their edges and have colours of Okabe & Ito
(2008), which colour-blind readers can distinguish.
"""

from html import escape

from ntknas.spaces.nasbench201.listing import EDGES, OPERATIONS
from ntknas.spaces.nasbench201.paths import live_edges
from ntknas.spaces.nasbench201.selection import ArchitectureLike, architecture_of

__all__ = ["cell_svg"]

_STYLES = {
    "skip_connect": ("skip", "#009E73"),
    "nor_conv_1x1": ("1x1", "#56B4E9"),
    "nor_conv_3x3": ("3x3", "#0072B2"),
    "avg_pool_3x3": ("pool", "#E69F00"),
}
_DEAD = "#888888"
_X, _Y = (16, 91, 167, 242), 62  # centres of the nodes
# Of each edge that passes over or below a node: height of the curve's control point, and of the
# label.
_CURVES = {(0, 2): (20, 32), (1, 3): (108, 101), (0, 3): (-26, 9)}


def cell_svg(architecture: ArchitectureLike, *, width: int = 258) -> str:
    """The cell as an SVG element: nodes from input to output, and an edge per operation.

    Edges with the operation `none` are left out. Dead edges, which are not on a path from input to
    output, are grey and dashed.

    Args:
        architecture: Cell to draw.
        width: Width of the drawing in pixels; it shrinks where there is less room.

    Example:
        >>> cell_svg("code:303401").count("<path")
        4
    """
    cell = architecture_of(architecture)
    shapes = []
    for op, edge, live in zip(cell.ops, EDGES, live_edges(cell), strict=True):
        if OPERATIONS[op] != "none":
            shapes += _edge(*_STYLES[OPERATIONS[op]], edge, live)
    for x, text in zip(_X, ("in", "1", "2", "out"), strict=True):
        shapes.append(
            f'<circle cx="{x}" cy="{_Y}" r="12" fill="none" stroke="currentColor"/>'
            f'<text x="{x}" y="{_Y + 3}">{text}</text>'
        )
    title = escape(f"architecture {cell.id}: {cell.string}")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 258 108" width="{width}" '
        f'role="img" aria-label="{title}" style="max-width:100%;height:auto" '
        'font-family="sans-serif" font-size="10" text-anchor="middle" fill="currentColor">'
        f"<title>{title}</title>{''.join(shapes)}</svg>"
    )


def _edge(label: str, colour: str, edge: tuple[int, int], live: bool) -> list[str]:
    """The line of an edge and its label."""
    start, end = _X[edge[0]], _X[edge[1]]
    middle = (start + end) / 2
    height, label_y = _CURVES.get(edge, (_Y, _Y + 12))
    bend = 0.8 if edge in _CURVES else 0.0  # curves leave a node at its upper or lower right
    rise = 12 * bend * (1 if height > _Y else -1) if bend else 0
    out = 12 * (1 - bend**2) ** 0.5
    path = f"M{start + out:.0f} {_Y + rise:.0f}Q{middle:g} {height} {end - out:.0f} {_Y + rise:.0f}"
    dashes = "" if live else ' stroke-dasharray="3 3"'
    stroke = colour if live else _DEAD
    shape = f'<path d="{path}" fill="none" stroke="{stroke}" stroke-width="2"{dashes}/>'
    return [shape, f'<text x="{middle:g}" y="{label_y}">{label}</text>']
