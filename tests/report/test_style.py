"""The one look: it ends with the picture, letters can be read, colours differ for all readers."""

import matplotlib
import numpy as np
from matplotlib.colors import to_rgb

from ntknas.report import COLOURS, COLUMN, MARKERS, PAGE, new_figure, picture_style

# Machado et al. (2009): how people without red or green cones see linear colours.
PROTANOPIA = [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]]
DEUTERANOPIA = [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]]


def test_other_pictures_keep_their_look():
    before = dict(matplotlib.rcParams)

    @picture_style()
    def inside():
        return matplotlib.rcParams["font.size"], matplotlib.rcParams["pdf.fonttype"]

    assert inside() == inside() == (8, 42)
    assert dict(matplotlib.rcParams) == before


def test_letters_have_seven_points_or_more_at_the_width_of_a_page():
    with picture_style():
        figure = new_figure(2.0)
        axes = figure.subplots()
        axes.set(title="t", xlabel="x")
        (line,) = axes.plot([0, 1], [0, 1], label="l")
        texts = [axes.title, axes.xaxis.label, *axes.get_xticklabels()]
        texts += axes.legend().get_texts()
    assert min(float(text.get_fontsize()) for text in texts) >= 7
    assert line.get_color() == COLOURS[0]
    assert (figure.get_size_inches() == (PAGE, 2.0)).all()
    assert PAGE == 2 * COLUMN


def test_curves_differ_for_colour_blind_readers():
    assert len(set(MARKERS)) == len(COLOURS)
    rgb = np.array([to_rgb(colour) for colour in COLOURS]) ** 2.2
    for seen in (np.eye(3), PROTANOPIA, DEUTERANOPIA):
        shown = np.clip(rgb @ np.transpose(seen), 0, 1) ** (1 / 2.2)
        apart = np.linalg.norm(shown[:, None] - shown[None], axis=-1)
        assert apart[np.triu_indices(len(COLOURS), 1)].min() > 0.15
