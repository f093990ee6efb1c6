"""The tasks of theory as version 0.1.0 drew them: training and test images in one draw."""

import numpy as np
from scipy import stats

from ntknas.images import load_images, scoring_batch
from ntknas.images.image_set import ImageSet
from ntknas.theory import SphereTask, Task, TheorySpec

__all__ = ["old_task"]


def old_task(spec: TheorySpec) -> Task:
    """The task of some settings, without images of one's own."""
    return _sphere(spec) if spec.task == "sphere" else _images(spec)


def _images(spec: TheorySpec) -> Task:
    """Classes of the embedded sample."""
    images = load_images()
    count = 2 if spec.task == "two" else 10
    keep = images.labels < count
    kept = ImageSet(
        "cifar10", images.pixels[keep], images.labels[keep], images.indices[keep], images.source
    )
    drawn = scoring_batch(kept, spec.num_train + spec.num_test, seed=spec.seed)
    numbers = np.array([np.sum(drawn.labels[:i] == label) for i, label in enumerate(drawn.labels)])
    order = np.argsort(numbers, kind="stable")
    train, test = np.sort(order[: spec.num_train]), np.sort(order[spec.num_train :])
    n, side, p = len(drawn), 32 // spec.pooling, spec.pooling
    pixels = drawn.pixels.reshape(n, side, p, side, p, 3).mean((2, 4), dtype=np.float32)
    classes = ",".join(map(str, range(count)))
    return Task(
        pixels[train],
        drawn.labels[train],
        pixels[test],
        drawn.labels[test],
        count,
        tuple(drawn.mean.tolist()),
        tuple(drawn.std.tolist()),
        f"cifar10 classes {classes} ({images.source})",
    )


def _sphere(spec: TheorySpec) -> SphereTask:
    """Points of a sphere with margin 0.1."""
    rng = np.random.default_rng(spec.seed)
    d, n, margin = spec.dimension, spec.num_train + spec.num_test, 0.1
    square = stats.beta(0.5, (d - 1) / 2)
    first = np.sqrt(square.ppf(rng.uniform(square.cdf(margin**2), 1, n))) * rng.choice([-1, 1], n)
    rest = rng.normal(size=(n, d - 1))
    rest *= np.sqrt(1 - first**2)[:, None] / np.linalg.norm(rest, axis=1, keepdims=True)
    points = np.concatenate([first[:, None], rest], axis=1)
    labels = ((first > 0) ^ (rng.uniform(size=n) < 0)).astype(np.int32)
    images = np.clip(0.5 + points / 2, 0, 1).astype(np.float32)[:, None, None, :]
    k = spec.num_train
    source = f"sphere in {d} dimensions, margin 0.1, noise 0"
    data = (images[:k], labels[:k], images[k:], labels[k:])
    return SphereTask(*data, 2, (0.5,), (0.5,), source, d, margin, 0.0)
