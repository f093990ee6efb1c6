"""Labels of points: none covers another or a point, whatever the crowd."""

import numpy as np
from matplotlib.text import Text

from ntknas.report import new_figure, picture_style, write_labels


def boxes(labels):
    return [Text.get_window_extent(label) for label in labels]  # without the lines


def shared(a, b):
    width = min(a.x1, b.x1) - max(a.x0, b.x0)
    height = min(a.y1, b.y1) - max(a.y0, b.y0)
    return max(width, 0) * max(height, 0)


def drawn(x, y, texts):
    with picture_style():
        figure = new_figure(3.0, width=3.5)
        axes = figure.subplots()
        axes.plot(x, y, "o")
        labels = write_labels(axes, x, y, texts, ["black"] * len(x))
        figure.draw_without_rendering()
        points = axes.transData.transform(np.column_stack([x, y]))
    return boxes(labels), points, axes


def test_crowded_labels_do_not_meet():
    x = [0.0, 0.01, 0.02, 0.03, 1.0]
    found, points, _ = drawn(x, [0.0, 0.01, 0.0, 0.01, 1.0], ["512", "256", "128", "64", "32"])
    for number, box in enumerate(found):
        assert all(shared(box, other) < 1 for other in found[:number])
        assert not any(box.contains(*point) for point in points)


def test_a_lone_label_stands_beside_its_point_inside_the_axes():
    (box,), ((px, py),), axes = drawn([1.0], [1.0], ["alone"])
    assert abs(box.x0 - px) < 12
    assert abs(box.y0 - py) < 12
    frame = axes.get_window_extent()
    assert frame.x0 <= box.x0 < box.x1 <= frame.x1
