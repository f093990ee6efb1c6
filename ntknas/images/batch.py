"""The batch of images that a score is computed on: class-balanced, drawn by a seed.

Kernel scores depend on the images drawn. A recorded list of indices reproduces a batch exactly.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64

from ntknas.errors import InputError
from ntknas.images.dataset import DATASETS
from ntknas.images.image_set import ImageSet, check_labels, clip_rounding

__all__ = ["ScoringBatch", "batch_from_indices", "scoring_batch"]


@dataclass(frozen=True, eq=False)
class ScoringBatch:
    """Images ready for a network that normalises its input; may be made from your own arrays.

    Attributes:
        dataset: Name of the dataset; any name for your own images.
        pixels: RGB pixels, float32 `[N, H, W, 3]` in [0, 1], not normalised.
        labels: Classes of the images, int32 `[N]` in 0 .. classes - 1.
        indices: Positions of the images in the source, int64 `[N]`.
        mean: Mean per channel that the network subtracts, float32 `[3]`, in [0, 1] pixel units.
        std: Standard deviation per channel that the network divides by, float32 `[3]`, positive.
        classes: Number of classes of the dataset, even if some are missing in the batch.
        source: Description of where the images came from.

    Raises:
        InputError: If an array has a wrong shape, dtype or range.

    Example:
        >>> batch = ScoringBatch(
        ...     dataset="grey",
        ...     pixels=np.full((1, 8, 8, 3), 0.5, np.float32),
        ...     labels=np.array([1], np.int32),
        ...     indices=np.array([0]),
        ...     mean=np.full(3, 0.5, np.float32),
        ...     std=np.full(3, 0.25, np.float32),
        ...     classes=2,
        ...     source="made here",
        ... )
        >>> len(batch)
        1
    """

    dataset: str
    # The annotations state no shapes: `__post_init__` checks them, also when a user runs it.
    pixels: np.ndarray
    labels: np.ndarray
    indices: np.ndarray
    mean: np.ndarray
    std: np.ndarray
    classes: int
    source: str

    def __post_init__(self):
        shape = self.pixels.shape
        if len(shape) != 4 or shape[3] != 3 or 0 in shape:
            raise InputError(
                f"{self.source}: pixels must be [N, H, W, 3] with N >= 1, got {list(shape)}"
            )
        for name, dtype, expected in (
            ("pixels", np.float32, shape),
            ("labels", np.int32, shape[:1]),
            ("indices", np.int64, shape[:1]),
            ("mean", np.float32, (3,)),
            ("std", np.float32, (3,)),
        ):
            values = getattr(self, name)
            if values.dtype != dtype or values.shape != expected:
                raise InputError(
                    f"{self.source}: {name} must be {np.dtype(dtype)} {list(expected)}, "
                    f"got {values.dtype} {list(values.shape)}"
                )
        object.__setattr__(self, "pixels", clip_rounding(self.pixels, self.source))
        if self.classes < 1:
            raise InputError(f"{self.source}: classes must be at least 1, got {self.classes}")
        check_labels(self.labels, self.classes, f"{self.source}: {self.dataset}")
        finite = np.isfinite(self.mean).all() and np.isfinite(self.std).all()
        if not finite or self.std.min() <= 0:
            raise InputError(
                f"{self.source}: mean must be finite and std positive, "
                f"got {self.mean.tolist()} and {self.std.tolist()}"
            )

    def __len__(self) -> int:
        return len(self.pixels)


def scoring_batch(
    images: ImageSet, batch_size: int, *, seed: int, balance: str = "near"
) -> ScoringBatch:
    """A class-balanced batch drawn without replacement, in a shuffled order.

    The counts of the classes that occur in `images` differ by at most one. The seed decides which
    images are drawn, which classes have one image more than the others, and the order. Only classes
    with enough images can have one more. If there are fewer images than classes, each class has one
    image or none.

    Args:
        images: Set of images to draw from.
        batch_size: Number of images N, at least 1.
        seed: Seed of `numpy.random.default_rng`; not negative.
        balance: Either "near", or "exact" to require equal counts.

    Returns:
        The batch of N images; pixels of uint8 images are divided by 255.

    Raises:
        InputError: If there are too few images, in total or of a class; if `balance` is "exact" and
            the batch size is not a multiple of the number of classes in `images`; if the seed is
            negative; or if the balance is unknown.

    Example:
        >>> from ntknas.images.source import load_images
        >>> batch = scoring_batch(load_images(), 20, seed=0, balance="exact")
        >>> batch.pixels.shape, np.bincount(batch.labels).tolist()
        ((20, 32, 32, 3), [2, 2, 2, 2, 2, 2, 2, 2, 2, 2])
    """
    if balance not in ("near", "exact"):
        raise InputError(f"unknown balance {balance!r}: expected near or exact")
    if seed < 0:
        raise InputError(f"seed must not be negative, got {seed}")
    if not 1 <= batch_size <= len(images):
        raise InputError(
            f"batch size must be 1 to {len(images)}, the images of {images.source}, "
            f"got {batch_size}"
        )
    classes, available = np.unique(images.labels, return_counts=True)
    if balance == "exact" and batch_size % len(classes):
        raise InputError(
            f"an exactly balanced batch needs a multiple of {len(classes)} images "
            f"(the classes in {images.source}), got {batch_size}"
        )
    each, extra = divmod(batch_size, len(classes))
    spare = np.flatnonzero(available > each)
    if available.min() < each:
        raise InputError(
            f"a balanced batch of {batch_size} needs {each} images of each class, "
            f"but class {classes[available.argmin()]} of {images.source} has only {available.min()}"
        )
    if len(spare) < extra:
        raise InputError(
            f"a balanced batch of {batch_size} needs more than {each} images of {extra} classes, "
            f"but only {len(spare)} of {images.source} have that many"
        )
    generator = np.random.default_rng(seed)
    counts = np.full(len(classes), each)
    counts[generator.permutation(spare)[:extra]] += 1
    drawn = generator.permutation(len(images))
    chosen = np.concatenate(
        [
            drawn[images.labels[drawn] == label][:count]
            for label, count in zip(classes, counts, strict=True)
        ]
    )
    return _batch(images, generator.permutation(chosen))


def batch_from_indices(images: ImageSet, indices: Sequence[int] | np.ndarray) -> ScoringBatch:
    """The batch with these indices, in this order; it reproduces a recorded batch.

    Args:
        images: Set of images that the batch was drawn from.
        indices: Recorded `ScoringBatch.indices`, `[N]`.

    Returns:
        The batch; each of its arrays equals the recorded one.

    Raises:
        InputError: If there are no indices, an index is repeated, or `images` lacks an index.

    Example:
        >>> from ntknas.images.source import load_images
        >>> images = load_images()
        >>> batch = scoring_batch(images, 3, seed=1)
        >>> again = batch_from_indices(images, batch.indices.tolist())
        >>> np.array_equal(again.pixels, batch.pixels)
        True
    """
    wanted = np.asarray(indices)
    if wanted.ndim != 1 or wanted.dtype.kind not in "iu":
        raise InputError(
            f"indices must be a non-empty list of whole numbers, "
            f"got {wanted.dtype} {list(wanted.shape)}"
        )
    wanted = wanted.astype(np.int64)
    if len(np.unique(wanted)) < len(wanted):
        raise InputError("an index is repeated: a batch holds each image only once")
    missing = np.setdiff1d(wanted, images.indices)
    if len(missing):
        raise InputError(
            f"{images.source} holds no image with index {missing[0]} "
            f"({len(missing)} of {len(wanted)} are missing)"
        )
    order = np.argsort(images.indices)
    return _batch(images, order[np.searchsorted(images.indices, wanted, sorter=order)])


def _batch(images: ImageSet, positions: Int64[np.ndarray, "n"]) -> ScoringBatch:
    """The batch of the images at these positions, with pixels in [0, 1]."""
    info = DATASETS[images.dataset]
    pixels = images.pixels[positions]
    if pixels.dtype == np.uint8:
        pixels = pixels.astype(np.float32) / np.float32(255)
    return ScoringBatch(
        dataset=images.dataset,
        pixels=pixels,
        labels=images.labels[positions].astype(np.int32),
        indices=images.indices[positions],
        mean=np.array(info.mean, np.float32),
        std=np.array(info.std, np.float32),
        classes=info.classes,
        source=images.source,
    )
