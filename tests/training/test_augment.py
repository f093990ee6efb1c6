"""Crops and flips: each result is a crop of the padded image, mirrored or not."""

import jax
import jax.numpy as jnp
import numpy as np

from ntknas.training import crop_and_flip

N, SIDE, PAD = 400, 6, 2


def places():
    """For every image of a batch of equal ones, its row, column and whether it is mirrored."""
    image = np.random.default_rng(0).uniform(0.1, 1, (SIDE, SIDE, 3)).astype(np.float32)
    images = jnp.asarray(np.broadcast_to(image, (N, SIDE, SIDE, 3)))
    padded = np.pad(image, ((PAD, PAD), (PAD, PAD), (0, 0)))
    crops = {}
    for row, column in np.ndindex(2 * PAD + 1, 2 * PAD + 1):
        crop = padded[row : row + SIDE, column : column + SIDE]
        crops[crop.tobytes()] = (row, column, False)
        crops[crop[:, ::-1].tobytes()] = (row, column, True)
    out = np.asarray(jax.jit(crop_and_flip, static_argnames="padding")(key(0), images, padding=PAD))
    return [crops[one.tobytes()] for one in out]


def key(seed):
    return jax.random.key(seed)


def test_every_crop_occurs_and_half_are_mirrored():
    found = places()
    assert {place[:2] for place in found} == set(np.ndindex(2 * PAD + 1, 2 * PAD + 1))
    mirrored = sum(place[2] for place in found) / N
    assert abs(mirrored - 0.5) < 4 * 0.5 / N**0.5  # four standard deviations
    rows = np.bincount([place[0] for place in found], minlength=2 * PAD + 1) / N
    assert np.abs(rows - 1 / (2 * PAD + 1)).max() < 0.1


def test_the_key_decides():
    images = jax.random.uniform(key(1), (8, SIDE, SIDE, 3))
    first, again, other = (crop_and_flip(key(seed), images, padding=PAD) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_without_padding_images_are_at_most_mirrored():
    images = jax.random.uniform(key(1), (20, SIDE, SIDE, 3))
    out = np.asarray(crop_and_flip(key(0), images, padding=0))
    same = (out == images).all((1, 2, 3))
    assert 0 < same.sum() < 20
    np.testing.assert_array_equal(out[~same], images[~same][:, :, ::-1])


def test_the_padding_is_an_eighth_of_the_side():
    images = jax.random.uniform(key(1), (4, 16, 16, 3))
    np.testing.assert_array_equal(
        crop_and_flip(key(2), images), crop_and_flip(key(2), images, padding=2)
    )
