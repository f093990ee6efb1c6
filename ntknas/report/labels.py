"""Labels of points that do not cover each other."""

from collections.abc import Iterable
from typing import Any

import numpy as np

__all__ = ["write_labels"]

# Directions in which a label may stand, the preferred ones first.
_DIRECTIONS = ((1, 1), (1, -1), (-1, 1), (-1, -1), (0, 1), (0, -1), (1, 0), (-1, 0))
_DISTANCES = (4, 8, 13, 19, 26)  # points
_FAR = 10  # points from which on a line leads to the label
_POINT = 3.5  # half the side of the square around a point that labels keep free, in points
_ALIGNMENTS = {1: ("left", "bottom"), -1: ("right", "top"), 0: ("center", "center")}


def write_labels(
    axes: Any,
    x: Iterable[float],
    y: Iterable[float],
    texts: Iterable[str],
    colours: Iterable[str],
    *,
    keep_free: Iterable[tuple[float, float, float, float]] = (),
    size: float = 7,
) -> list[Any]:
    """Write a label near each point, where it covers neither a point nor another label.

    Labels are placed one by one, each at the free place nearest to its point; the limits of the
    axes must not change afterwards. A label that stands farther away has a line to its point. If
    no place is free, it takes the one with the least overlap.

    Args:
        axes: Axes that hold the points.
        x: Horizontal positions of the points.
        y: Vertical positions of the points.
        texts: Text of each label.
        colours: Colour of each label.
        keep_free: Corners (left, bottom, right, top) of other things that labels should not cover,
            such as bars; in the units of the axes.
        size: Size of the letters in points.

    Returns:
        The labels, in the order of the points.
    """
    figure = axes.figure
    figure.draw_without_rendering()
    scale = figure.dpi / 72
    places = axes.transData.transform(np.array(list(zip(x, y, strict=True)), float))
    free = _POINT * scale
    taken = [(px - free, py - free, px + free, py + free) for px, py in places]
    for left, bottom, right, top in keep_free:
        corners = axes.transData.transform([(left, bottom), (right, top)])
        taken.append((*(corners.min(axis=0) - scale), *(corners.max(axis=0) + scale)))
    frame = axes.get_window_extent()
    room = (frame.x0, frame.y0, frame.x1, frame.y1)
    labels = []
    for place, text, colour in zip(places, texts, colours, strict=True):
        label = axes.text(0, 0, str(text), fontsize=size, transform=None)
        extent = label.get_window_extent()
        width, height = extent.width, extent.height
        candidates = [(dx, dy, far) for far in _DISTANCES for dx, dy in _DIRECTIONS]
        boxes = [_box(place, width, height, *candidate, scale) for candidate in candidates]
        lines = [
            _line(place, box, far, scale) for box, (*_, far) in zip(boxes, candidates, strict=True)
        ]
        costs = [
            sum(_shared(part, other) for part in (box, *line) for other in taken)
            + _outside(box, room)
            + _nearer_to_others(box, place, places)
            for box, line in zip(boxes, lines, strict=True)
        ]
        best = int(np.argmin(np.round(costs, 6)))
        label.remove()
        dx, dy, far = candidates[best]
        line = {"arrowstyle": "-", "color": colour, "linewidth": 0.4, "shrinkA": 0, "shrinkB": 2}
        labels.append(
            axes.annotate(
                str(text),
                axes.transData.inverted().transform(place),
                textcoords="offset points",
                xytext=(dx * far, dy * far),
                ha=_ALIGNMENTS[dx][0],
                va=_ALIGNMENTS[dy][1],
                fontsize=size,
                color=colour,
                arrowprops=line if far > _FAR else None,
            )
        )
        labels[-1].set_in_layout(False)  # otherwise the axes would make room and move
        taken += [boxes[best], *lines[best]]
    return labels


def _box(
    place: np.ndarray, width: float, height: float, dx: int, dy: int, far: int, scale: float
) -> tuple[float, float, float, float]:
    """The corners of a label, in pixels."""
    left = place[0] + dx * far * scale + {1: 0.0, -1: -width, 0: -width / 2}[dx]
    bottom = place[1] + dy * far * scale + {1: 0.0, -1: -height, 0: -height / 2}[dy]
    return left, bottom, left + width, bottom + height


def _line(
    place: np.ndarray, box: tuple[float, ...], far: int, scale: float
) -> list[tuple[float, float, float, float]]:
    """Small boxes along the line from a point to its label, if it has one, in pixels."""
    if far <= _FAR:
        return []
    px, py = place
    x, y = min(max(px, box[0]), box[2]), min(max(py, box[1]), box[3])
    first = _POINT * scale * 2 / float(np.hypot(x - px, y - py))
    steps = np.linspace(min(first, 0.9), 0.95, 6)
    middles = [(px + step * (x - px), py + step * (y - py)) for step in steps]
    return [(mx - scale, my - scale, mx + scale, my + scale) for mx, my in middles]


def _shared(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    """The area that two boxes share."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    return max(width, 0.0) * max(height, 0.0)


def _nearer_to_others(box: tuple[float, ...], place: np.ndarray, places: np.ndarray) -> float:
    """A part of the label's area, if its middle is nearer to another point than to its own."""
    middle = np.array([(box[0] + box[2]) / 2, (box[1] + box[3]) / 2])
    own = float(np.hypot(*(middle - place)))
    nearest = float(np.hypot(*(middle - places).T).min())
    return 0.3 * (box[2] - box[0]) * (box[3] - box[1]) * (nearest < own - 1e-6)


def _outside(box: tuple[float, ...], room: tuple[float, ...]) -> float:
    """The area of a box that lies outside of another."""
    return (box[2] - box[0]) * (box[3] - box[1]) - _shared(box, room)
