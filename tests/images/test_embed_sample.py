"""The script that cuts the embedded sample."""

import importlib
from pathlib import Path

import numpy as np
import pytest

from ntknas.errors import InputError
from ntknas.images import load_images


@pytest.fixture
def embed(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).resolve().parents[2]))
    return importlib.import_module("experiments.embed_sample")


def test_cuts_the_first_of_each_class_in_order(embed, tmp_path):
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.repeat(np.arange(10, dtype=np.uint8), 5))
    pixels = rng.integers(0, 256, (50, 32, 32, 3), np.uint8)
    indices = np.sort(rng.permutation(900)[:50])
    source, out = tmp_path / "source.npz", tmp_path / "out.npz"
    np.savez(source, x_train=pixels, y_train=labels, idx_train=indices)
    assert embed.run(embed.EmbedConfig(source, out, per_class=3)) == 30
    kept = [i for i in range(50) if (labels[:i] == labels[i]).sum() < 3]
    cut = load_images("cifar10", out)
    np.testing.assert_array_equal(cut.pixels, pixels[kept])
    np.testing.assert_array_equal(cut.labels, labels[kept])
    np.testing.assert_array_equal(cut.indices, indices[kept])
    with pytest.raises(InputError, match="6 images of each class are wanted, class 0 has 5"):
        embed.run(embed.EmbedConfig(source, out, per_class=6))


def test_makes_the_embedded_file_again(embed, data_file, tmp_path):
    out = tmp_path / "out.npz"
    assert embed.run(embed.EmbedConfig(data_file("cifar10/cifar10_subset.npz"), out)) == 320
    again, embedded = load_images("cifar10", out), load_images()
    assert again.sha256 == embedded.sha256
    np.testing.assert_array_equal(again.indices, embedded.indices)
