"""Learning tasks for the theory: classes of real images, and a sphere with known errors."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy import stats

from ntknas.errors import InputError
from ntknas.images import ImageSet, mean_of_squares, scoring_batch

__all__ = ["SphereTask", "Task", "image_task", "sphere_task"]


@dataclass(frozen=True, eq=False)
class Task:
    """Images to learn from and images to test on.

    Attributes:
        train_images: Training images, float32 [n, h, w, c], pixels in [0, 1].
        train_labels: Classes of the training images, int32 [n], in 0 .. classes - 1. If there are
            two classes, class 1 is the theory's y = +1.
        test_images: Test images, float32 [t, h, w, c], pixels in [0, 1].
        test_labels: Classes of the test images, int32 [t].
        classes: Number of classes.
        mean: Mean that a network subtracts from pixels, in pixel units.
        std: Standard deviation that a network divides by, in pixel units.
        source: Description of where the images came from.
    """

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    classes: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    source: str


@dataclass(frozen=True, eq=False)
class SphereTask(Task):
    """A task whose best classifier, x -> sign(x_1), and its errors are known.

    Attributes:
        dimension: Dimension d of the space R^d that the sphere lies in.
        margin: Smallest value of `|x_1|`.
        noise: Share of labels that are wrong, in training and in test.
    """

    dimension: int
    margin: float
    noise: float

    @property
    def clean_error(self) -> float:
        """The 0-1 error of sign(x_1); no classifier has a lower expected error."""
        return self.noise

    def robust_error(self, rho: float) -> float:
        """Expected 0-1 error of sign(x_1) under the best attack of radius rho.

        A pixel is 1/2 + x/2, so the attack moves x_1 by up to 2 rho. Only the sign of x_1 matters,
        so the attack changes no other coordinate. Points nearer to the boundary are always wrong.

        Args:
            rho: Attack radius in pixel units.

        Returns:
            The error q + (1 - q) noise, with `q = P(|x_1| < 2 rho)`.
        """
        # x_1^2 of a uniform point is Beta(1/2, (d - 1) / 2); the margin cuts off small values.
        square = stats.beta(0.5, (self.dimension - 1) / 2)
        low, reach = square.cdf(self.margin**2), square.cdf((2 * rho) ** 2)
        near = max(reach - low, 0.0) / (1 - low)
        return float(near + (1 - near) * self.noise)


def image_task(
    images: ImageSet,
    test: ImageSet | None = None,
    *,
    classes: Sequence[int] | None = (0, 1),
    num_train: int,
    num_test: int,
    seed: int,
    pooling: int = 1,
) -> Task:
    """A class-balanced task of real images.

    Args:
        images: Images that training images are drawn from.
        test: Images that test images are drawn from; None means the remaining ones of `images`.
        classes: Labels to keep, renumbered in this order; None means all that occur.
        num_train: Number of training images of all classes together.
        num_test: Number of test images of all classes together.
        seed: Seed of the draws.
        pooling: Side, in pixels, of the squares that are averaged; smaller images make smaller
            networks.

    Returns:
        The task.

    Raises:
        InputError: For fewer than two classes, a class that does not occur, too few images, or a
            pooling that does not divide the size of images.

    Example:
        >>> from ntknas.images import load_images
        >>> task = image_task(load_images(), num_train=32, num_test=16, seed=0)
        >>> task.train_images.shape, np.bincount(task.test_labels).tolist()
        ((32, 32, 32, 3), [8, 8])
    """
    if classes is None:
        classes = [int(label) for label in np.unique(images.labels)]
    if len(set(classes)) != len(classes) or len(classes) < 2:
        raise InputError(f"expected two or more different classes, got {list(classes)}")
    kept = _of_classes(images, classes)
    if num_train < 1 or num_test < 1:
        raise InputError(
            f"expected at least one training and one test image, got {num_train} and {num_test}"
        )
    if test is None and num_train + num_test > len(kept.labels):
        raise InputError(
            f"expected at most {len(kept.labels)} training and test images in all, which "
            f"{images.source} holds of these classes, got {num_train} + {num_test}"
        )
    # Test images are drawn apart, so that their number does not change the training images.
    drawn = scoring_batch(kept, num_train, seed=seed)
    others = _without(kept, drawn.indices) if test is None else _of_classes(test, classes)
    held_out = scoring_batch(others, num_test, seed=seed)
    parts = [(batch.pixels, batch.labels) for batch in (drawn, held_out)]
    size = images.pixels.shape[1]
    if pooling < 1 or size % pooling:
        raise InputError(f"pooling must divide the {size} pixels of a side, got {pooling}")
    number = {label: new for new, label in enumerate(classes)}
    (train_images, train_labels), (test_images, test_labels) = (
        (
            mean_of_squares(pixels, pooling),
            np.array([number[int(label)] for label in labels], np.int32),
        )
        for pixels, labels in parts
    )
    return Task(
        train_images,
        train_labels,
        test_images,
        test_labels,
        len(classes),
        tuple(drawn.mean.tolist()),
        tuple(drawn.std.tolist()),
        f"{images.dataset} classes {','.join(map(str, classes))} ({images.source})",
    )


def _of_classes(images: ImageSet, classes: Sequence[int]) -> ImageSet:
    """The images of some classes."""
    missing = sorted(set(classes) - set(images.labels.tolist()))
    if missing:
        raise InputError(f"{images.source} holds no images of class {missing[0]}")
    return images.subset(np.isin(images.labels, classes))


def _without(images: ImageSet, indices: np.ndarray) -> ImageSet:
    """The images whose positions in the source are not among `indices`."""
    return images.subset(~np.isin(images.indices, indices))


def sphere_task(
    dimension: int,
    *,
    num_train: int,
    num_test: int,
    margin: float = 0.0,
    noise: float = 0.0,
    seed: int,
) -> SphereTask:
    """Uniform points of the unit sphere with `|x_1| >= margin`, labelled by the sign of x_1.

    A point x is the image 1/2 + x/2 of shape [1, 1, d]. With mean 1/2 and std 1/2 the input of a
    network is x.

    Args:
        dimension: Dimension d of the space, at least 2.
        num_train: Number of training points.
        num_test: Number of test points.
        margin: Smallest value of `|x_1|`, in [0, 1).
        noise: Share of labels that are flipped, in [0, 1/2].
        seed: Seed of the draws.

    Returns:
        The task, which gives the errors of its best classifier.

    Raises:
        InputError: For a value outside its range.

    Example:
        >>> task = sphere_task(3, num_train=4, num_test=2, margin=0.2, seed=0)
        >>> task.clean_error, task.robust_error(0.05), task.robust_error(0.5)
        (0.0, 0.0, 1.0)
    """
    if dimension < 2 or num_train < 1 or num_test < 1:
        raise InputError(
            f"expected a dimension of at least 2 and at least one training and test point, "
            f"got {dimension}, {num_train}, {num_test}"
        )
    if not 0 <= margin < 1 or not 0 <= noise <= 0.5:
        raise InputError(
            f"margin must be in [0, 1) and noise in [0, 0.5], got {margin} and {noise}"
        )
    # Test points are drawn apart, so that their number does not change the training points.
    of_training, of_test = np.random.SeedSequence(seed).spawn(2)
    train_images, train_labels = _points(dimension, num_train, margin, noise, of_training)
    test_images, test_labels = _points(dimension, num_test, margin, noise, of_test)
    return SphereTask(
        train_images,
        train_labels,
        test_images,
        test_labels,
        2,
        (0.5,),
        (0.5,),
        f"sphere in {dimension} dimensions, margin {margin:g}, noise {noise:g}",
        dimension,
        margin,
        noise,
    )


def _points(
    dimension: int, count: int, margin: float, noise: float, seed: np.random.SeedSequence
) -> tuple[np.ndarray, np.ndarray]:
    """Uniform points of the sphere beyond the margin, as images, and their labels."""
    rng = np.random.default_rng(seed)
    # |x_1| is drawn from its distribution beyond the margin, the rest uniformly from a sphere.
    square = stats.beta(0.5, (dimension - 1) / 2)
    size = np.sqrt(square.ppf(rng.uniform(square.cdf(margin**2), 1, count)))
    first = size * rng.choice([-1, 1], count)
    rest = rng.normal(size=(count, dimension - 1))
    rest *= np.sqrt(1 - first**2)[:, None] / np.linalg.norm(rest, axis=1, keepdims=True)
    points: Float[np.ndarray, "n d"] = np.concatenate([first[:, None], rest], axis=1)
    labels = ((first > 0) ^ (rng.uniform(size=count) < noise)).astype(np.int32)
    return np.clip(0.5 + points / 2, 0, 1).astype(np.float32)[:, None, None, :], labels
