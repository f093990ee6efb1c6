"""Scoring batches: balance, reproducibility, exact rebuilding, bad input."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from ntknas.errors import InputError
from ntknas.images import (
    DATASETS,
    ImageSet,
    ScoringBatch,
    batch_from_indices,
    load_images,
    scoring_batch,
)


def set_of(labels, dataset="cifar10"):
    """Images that all differ, in a scrambled numbering."""
    count, size = len(labels), DATASETS[dataset].image_size
    pixels = np.zeros((count, size, size, 3), np.uint8)
    pixels[:, 0, 0, 0] = np.arange(count) % 256
    pixels[:, 0, 0, 1] = np.arange(count) // 256
    indices = np.random.default_rng(count).permutation(10 * count)[:count]
    return ImageSet(dataset, pixels, np.asarray(labels, np.int64), indices, "made here")


@pytest.fixture(scope="module")
def sample():
    return load_images()


def counts(batch, images):
    occurring = np.unique(images.labels)
    return np.array([(batch.labels == label).sum() for label in occurring])


@settings(max_examples=200, deadline=None)
@given(
    classes=st.sets(st.integers(0, 9), min_size=1),
    each=st.integers(1, 6),
    size=st.integers(1, 60),
    seed=st.integers(0, 2**63),
)
def test_counts_differ_by_at_most_one(classes, each, size, seed):
    images = set_of(sorted(classes) * each)
    size = min(size, len(images))
    batch = scoring_batch(images, size, seed=seed)
    found = counts(batch, images)
    assert len(batch) == found.sum() == size
    assert found.max() - found.min() <= 1
    assert len(set(batch.indices.tolist())) == size
    own = dict(zip(images.indices.tolist(), images.labels.tolist(), strict=True))
    assert [own[index] for index in batch.indices.tolist()] == batch.labels.tolist()


def test_the_sample_of_16(sample):
    batch = scoring_batch(sample, 16, seed=0)
    assert Counter(np.bincount(batch.labels, minlength=10).tolist()) == {1: 4, 2: 6}
    assert batch.pixels.dtype == np.float32
    assert batch.labels.dtype == np.int32
    assert batch.classes == 10
    assert (batch.dataset, batch.source) == ("cifar10", "embedded sample")
    np.testing.assert_array_equal(batch.mean, np.array(DATASETS["cifar10"].mean, np.float32))
    np.testing.assert_array_equal(batch.std, np.array(DATASETS["cifar10"].std, np.float32))


def test_pixels_and_labels_are_those_of_the_indices(sample):
    batch = scoring_batch(sample, 50, seed=3)
    for pixels, label, index in zip(batch.pixels, batch.labels, batch.indices, strict=True):
        position = sample.indices.tolist().index(index)
        expected = sample.pixels[position] / 255
        np.testing.assert_array_equal(pixels, expected.astype(np.float32))
        assert label == sample.labels[position]


def test_this_draw_is_for_good(sample):
    assert scoring_batch(sample, 12, seed=7).indices.tolist() == [
        353,
        197,
        49,
        130,
        320,
        0,
        176,
        308,
        216,
        277,
        41,
        205,
    ]


def test_same_seed_same_batch_other_seed_another(sample):
    drawn = [scoring_batch(sample, 16, seed=seed).indices.tolist() for seed in range(20)]
    again = [scoring_batch(sample, 16, seed=seed).indices.tolist() for seed in range(20)]
    assert drawn == again
    assert len({tuple(sorted(indices)) for indices in drawn}) == 20


def test_every_class_and_image_can_be_drawn():
    images = set_of(list(range(10)) * 2)
    drawn = [scoring_batch(images, 3, seed=seed) for seed in range(150)]
    assert {int(label) for batch in drawn for label in batch.labels} == set(range(10))
    assert {int(i) for batch in drawn for i in batch.indices} == set(images.indices.tolist())
    # Chance of a class in a batch is 3/10; four standard deviations of 150 draws are 22.
    often = np.bincount(np.concatenate([batch.labels for batch in drawn]), minlength=10)
    assert (abs(often - 45) < 23).all()


def test_classes_are_mixed(sample):
    labels = scoring_batch(sample, 100, seed=0).labels
    assert (np.diff(labels) != 0).mean() > 0.75


def test_whole_set_is_a_permutation_of_it(sample):
    batch = scoring_batch(sample, 320, seed=0, balance="exact")
    assert sorted(batch.indices.tolist()) == sample.indices.tolist()


def test_exact_balance(sample):
    batch = scoring_batch(sample, 40, seed=0, balance="exact")
    assert np.bincount(batch.labels).tolist() == [4] * 10
    with pytest.raises(InputError, match="multiple of 10 images .*embedded sample.*got 16"):
        scoring_batch(sample, 16, seed=0, balance="exact")
    few = set_of([2, 5] * 4)
    assert counts(scoring_batch(few, 6, seed=0, balance="exact"), few).tolist() == [3, 3]


def test_the_extra_image_comes_from_a_class_that_has_one():
    images = set_of([0, 1, 1, 2])
    for seed in range(20):
        assert counts(scoring_batch(images, 4, seed=seed), images).tolist() == [1, 2, 1]


@pytest.mark.parametrize("size", [0, -1, 5])
def test_batch_sizes_out_of_range(size):
    with pytest.raises(InputError, match=f"1 to 4, the images of made here, got {size}"):
        scoring_batch(set_of([0, 1, 1, 2]), size, seed=0)


def test_more_than_a_class_can_give():
    images = set_of([0] * 7 + [1] * 2)
    with pytest.raises(InputError, match="class 1 of made here has only 2"):
        scoring_batch(images, 6, seed=0)
    images = set_of([0] * 7 + [1] * 2 + [2] * 2)
    with pytest.raises(InputError, match="more than 2 images of 2 classes, but only 1 of made"):
        scoring_batch(images, 8, seed=0)


def test_bad_options(sample):
    with pytest.raises(InputError, match="unknown balance 'even'"):
        scoring_batch(sample, 10, seed=0, balance="even")
    with pytest.raises(InputError, match="seed must not be negative, got -1"):
        scoring_batch(sample, 10, seed=-1)


def test_float_pixels_pass_unchanged():
    images = set_of([0, 1])
    floats = np.random.default_rng(0).random(images.pixels.shape, np.float32)
    images = replace(images, pixels=floats)
    batch = batch_from_indices(images, images.indices)
    np.testing.assert_array_equal(batch.pixels, floats)


@settings(max_examples=50, deadline=None)
@given(size=st.integers(1, 120), seed=st.integers(0, 1000))
def test_rebuilt_from_its_indices(size, seed):
    images = set_of(np.arange(120) % 10)
    batch = scoring_batch(images, size, seed=seed)
    for indices in (batch.indices, batch.indices.tolist(), batch.indices.astype(np.uint64)):
        again = batch_from_indices(images, indices)
        for field in ("pixels", "labels", "indices", "mean", "std"):
            np.testing.assert_array_equal(getattr(again, field), getattr(batch, field))
            assert getattr(again, field).dtype == getattr(batch, field).dtype
        assert (again.dataset, again.classes, again.source) == ("cifar10", 10, "made here")


@pytest.mark.parametrize(
    ("indices", "message"),
    [
        ([], "non-empty list of whole numbers"),
        (np.zeros(0, int), "N >= 1"),
        (np.array([0.5]), "list of whole numbers"),
        (np.array([[0, 1]]), "list of whole numbers"),
        ([29, 29], "an index is repeated"),
        ([29, 40000, 50000], "no image with index 40000 .2 of 3 are missing"),
        ([-1], "no image with index -1"),
    ],
)
def test_bad_indices(sample, indices, message):
    with pytest.raises(InputError, match=message):
        batch_from_indices(sample, indices)


@pytest.mark.parametrize(
    ("dataset", "file", "size"),
    [
        ("cifar10", "cifar10/cifar10_subset.npz", 64),
        ("cifar100", "cifar100/cifar100_subset.npz", 130),
        ("imagenet16", "imagenet16_standin/imagenet16_standin.npz", 60),
    ],
)
def test_real_files(data_file, dataset, file, size):
    images = load_images(dataset, data_file(file))
    batch = scoring_batch(images, size, seed=1)
    found = counts(batch, images)
    assert found.max() - found.min() <= 1
    assert batch.classes == DATASETS[dataset].classes
    again = batch_from_indices(images, batch.indices.tolist())
    np.testing.assert_array_equal(again.pixels, batch.pixels)


GREY = np.full((2, 8, 8, 3), 0.5, np.float32)


@pytest.fixture
def own():
    return ScoringBatch(
        dataset="grey",
        pixels=GREY,
        labels=np.array([0, 1], np.int32),
        indices=np.array([4, 2]),
        mean=np.full(3, 0.5, np.float32),
        std=np.full(3, 0.25, np.float32),
        classes=2,
        source="made here",
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pixels": GREY * np.float32(np.nan)}, "384 of 384 pixel values are NaN"),
        ({"pixels": GREY * 3}, r"must lie in \[0, 1\], got 1.5 to 1.5"),
        ({"pixels": GREY - 1}, r"must lie in \[0, 1\], got -0.5 to -0.5"),
        ({"pixels": GREY.astype(np.float64)}, "pixels must be float32.*got float64"),
        ({"pixels": np.ones((2, 8, 8, 3), np.uint8)}, "pixels must be float32.*got uint8"),
        ({"pixels": GREY[:0]}, r"N >= 1, got \[0, 8, 8, 3\]"),
        ({"pixels": GREY[0]}, r"got \[8, 8, 3\]"),
        ({"pixels": GREY[..., :1]}, r"got \[2, 8, 8, 1\]"),
        ({"labels": np.array([0, 1])}, r"labels must be int32 \[2\], got int64"),
        ({"labels": np.array([0], np.int32)}, r"labels must be int32 \[2\], got int32 \[1\]"),
        ({"labels": np.array([0, 2], np.int32)}, "grey labels must lie in 0..1, got 0..2"),
        ({"indices": np.array([0, 1, 2])}, r"indices must be int64 \[2\], got int64 \[3\]"),
        ({"mean": np.zeros(3)}, r"mean must be float32 \[3\], got float64"),
        ({"mean": np.full(3, np.nan, np.float32)}, "mean must be finite"),
        ({"std": np.ones(1, np.float32)}, r"std must be float32 \[3\], got float32 \[1\]"),
        ({"std": np.array([1, 0, 1], np.float32)}, "std positive"),
        ({"classes": 0}, "classes must be at least 1, got 0"),
    ],
)
def test_bad_values(own, change, message):
    with pytest.raises(InputError, match=message) as caught:
        replace(own, **change)
    assert "\n" not in str(caught.value)


def test_float_pixels_outside_by_rounding_are_clipped(own):
    pixels = GREY.copy()
    pixels[0, 0, 0] = [-2.98e-8, np.nextafter(np.float32(1), np.float32(2)), 1]
    clipped = replace(own, pixels=pixels).pixels
    assert clipped[0, 0, 0].tolist() == [0, 1, 1]
    np.testing.assert_array_equal(clipped[1:], pixels[1:])
    pixels[0, 0, 0, 1] = 1.00001
    with pytest.raises(InputError, match=r"must lie in \[0, 1\], got -2.98.* to 1.00001001"):
        replace(own, pixels=pixels)
