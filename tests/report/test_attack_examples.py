"""The picture of attacked images."""

import numpy as np
import pytest
from matplotlib.axes import Axes

from ntknas.errors import InputError
from ntknas.report import Examples, attack_examples

RNG = np.random.default_rng(0)
IMAGES = RNG.uniform(0.1, 0.9, size=(3, 8, 8, 3))
LABELS = np.array([0, 1, 2])
CLEAN = Examples("image", IMAGES, LABELS)


@pytest.fixture
def shown(monkeypatch):
    """Images that are drawn, and texts of the vertical and horizontal axes."""
    images, texts = [], []
    monkeypatch.setattr(Axes, "imshow", lambda axes, image, **_: images.append(image))
    before = {name: getattr(Axes, name) for name in ("set_xlabel", "set_ylabel")}
    for name in before:

        def label(axes, text, name=name, **settings):
            texts.append((text, settings.get("color")))
            return before[name](axes, text, **settings)

        monkeypatch.setattr(Axes, name, label)
    return images, texts


def test_images_changes_and_attacked_images(tmp_path, shown):
    change = 0.02 * RNG.choice([-1, 1], size=IMAGES.shape)
    attacked = Examples("pgd", IMAGES + change, np.array([0, 2, 2]))
    path = tmp_path / "examples.png"
    attack_examples(CLEAN, [attacked], LABELS, path, class_name="abc".__getitem__)
    assert path.stat().st_size > 1000
    images, texts = shown
    np.testing.assert_allclose(images[:3], IMAGES)
    np.testing.assert_allclose(images[3:6], 0.5 + 25 * change, atol=1e-9)
    np.testing.assert_allclose(images[6:], IMAGES + change)
    words = [text for text, _ in texts]
    assert words == [
        *("image", "a", "b", "c"),
        *("pgd:\nchange x 25", "pgd:\nattacked", "a", "c", "c"),
    ]
    colours = [colour for _, colour in texts[-3:]]
    assert colours[0] == colours[2] != colours[1]


def test_no_change_is_grey(tmp_path, shown):
    attack_examples(CLEAN, [CLEAN._replace(title="fab-t")], LABELS, tmp_path / "examples.svg")
    np.testing.assert_array_equal(shown[0][3:6], np.full_like(IMAGES, 0.5))


def test_nothing_to_draw_and_other_files(tmp_path):
    none = Examples("image", IMAGES[:0], LABELS[:0])
    with pytest.raises(InputError, match="at least one image to draw"):
        attack_examples(none, [], LABELS[:0], tmp_path / "examples.png")
    with pytest.raises(InputError, match=r"ending in .png, .svg or .pdf"):
        attack_examples(CLEAN, [], LABELS, tmp_path / "examples.jpg")
