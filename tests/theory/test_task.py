"""Tasks: the sphere's answers are right, and real images are dealt out fairly."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ntknas.attack import AttackSpec
from ntknas.errors import InputError
from ntknas.images import load_images
from ntknas.theory import image_task, sphere_task, unit_inputs
from ntknas.training import measured_errors


def test_points_lie_on_the_sphere_beyond_the_margin():
    task = sphere_task(5, num_train=300, num_test=100, margin=0.3, seed=0)
    x = np.concatenate([task.train_images, task.test_images])[:, 0, 0] * 2 - 1
    np.testing.assert_allclose(np.linalg.norm(x, axis=1), 1, rtol=1e-6)
    assert np.abs(x[:, 0]).min() >= 0.3 - 1e-6
    np.testing.assert_array_equal(task.train_labels, x[:300, 0] > 0)
    np.testing.assert_allclose(
        unit_inputs(jnp.asarray(task.train_images), task.mean, task.std), x[:300], atol=1e-6
    )
    # E[x_i^2] of the other coordinates are equal: 400 points, within four standard errors.
    squares = (x[:, 1:] ** 2).mean(0)
    np.testing.assert_allclose(squares, (1 - (x[:, 0] ** 2).mean()) / 4, atol=0.05)


@pytest.mark.parametrize("noise", [0.0, 0.2])
@pytest.mark.parametrize("rho", [0.0, 0.1, 0.25])
def test_the_answer_is_what_an_attack_on_the_best_classifier_finds(rho, noise):
    task = sphere_task(4, num_train=1, num_test=4000, margin=0.1, noise=noise, seed=1)

    def best(params, images):
        x = unit_inputs(images, task.mean, task.std)
        return jnp.stack([-x[:, 0], x[:, 0]], axis=1)

    errors = measured_errors(
        jax.random.key(0),
        best,
        None,
        jnp.asarray(task.test_images),
        jnp.asarray(task.test_labels),
        rho=rho,
        spec=AttackSpec(steps=20),
    )
    assert abs(float(errors.clean) - task.clean_error) < 0.03
    assert abs(float(errors.robust) - task.robust_error(rho)) < 0.03


def test_robust_error_of_the_sphere_by_counting():
    x = np.random.default_rng(0).normal(size=(200_000, 4))
    first = np.abs(x[:, 0]) / np.linalg.norm(x, axis=1)
    task = sphere_task(4, num_train=1, num_test=1, margin=0.2, noise=0.1, seed=0)
    near = (first[first > 0.2] < 0.5).mean()
    assert task.robust_error(0.25) == pytest.approx(near + (1 - near) * 0.1, abs=0.005)


@pytest.mark.parametrize(
    "change", [{"dimension": 1}, {"num_train": 0}, {"margin": 1.0}, {"noise": 0.6}]
)
def test_bad_spheres(change):
    arguments = {"dimension": 3, "num_train": 2, "num_test": 2} | change
    with pytest.raises(InputError):
        sphere_task(**arguments, seed=0)


def test_images_of_two_classes_are_balanced_disjoint_and_renumbered():
    images = load_images()
    task = image_task(images, classes=(7, 2), num_train=20, num_test=13, seed=0)
    assert np.bincount(task.train_labels).tolist() == [10, 10]
    assert abs(np.diff(np.bincount(task.test_labels))[0]) <= 1
    both = np.concatenate([task.train_images, task.test_images]).reshape(33, -1)
    assert len(np.unique(both, axis=0)) == 33
    originals = images.pixels.astype(np.float32) / np.float32(255)
    for pixels, label in zip(task.train_images, task.train_labels, strict=True):
        found = np.flatnonzero((originals == pixels).all((1, 2, 3)))
        assert images.labels[found[0]] == (7, 2)[label]
    again = image_task(images, classes=(7, 2), num_train=20, num_test=13, seed=1)
    assert not np.array_equal(again.train_images, task.train_images)


def test_all_classes_and_a_test_split(data_file):
    file = data_file("cifar10/cifar10_subset.npz")
    train, test = (load_images("cifar10", file, split=split) for split in ("train", "test"))
    task = image_task(train, test, classes=None, num_train=30, num_test=20, seed=0)
    assert task.classes == 10
    assert np.bincount(task.train_labels).tolist() == [3] * 10
    assert np.bincount(task.test_labels).tolist() == [2] * 10


def test_pooling_takes_means():
    fine = image_task(load_images(), num_train=4, num_test=2, seed=0)
    coarse = image_task(load_images(), num_train=4, num_test=2, seed=0, pooling=16)
    assert coarse.train_images.shape == (4, 2, 2, 3)
    np.testing.assert_allclose(
        coarse.train_images[1, 0, 1], fine.train_images[1, :16, 16:].mean((0, 1)), rtol=1e-5
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"classes": (1,)}, "two or more different classes"),
        ({"classes": (1, 1)}, "two or more different classes"),
        ({"classes": (1, 11)}, "no images of class 11"),
        ({"pooling": 3}, "pooling must divide the 32 pixels"),
        ({"num_train": 0}, "at least one training and one test image, got 0 and 2"),
        ({"num_test": 0}, "at least one training and one test image, got 4 and 0"),
        ({"num_train": 63}, r"at most 64 .* got 63 \+ 2"),
    ],
)
def test_bad_images(change, message):
    arguments = {"num_train": 4, "num_test": 2} | change
    with pytest.raises(InputError, match=message):
        image_task(load_images(), seed=0, **arguments)


def test_the_number_of_test_images_does_not_change_the_training_images():
    few, many = (image_task(load_images(), num_train=12, num_test=n, seed=3) for n in (5, 40))
    np.testing.assert_array_equal(few.train_images, many.train_images)
    np.testing.assert_array_equal(few.train_labels, many.train_labels)
    few, many = (sphere_task(4, num_train=12, num_test=n, noise=0.3, seed=3) for n in (5, 40))
    np.testing.assert_array_equal(few.train_images, many.train_images)
    np.testing.assert_array_equal(few.train_labels, many.train_labels)
    assert len(np.unique(np.concatenate([many.train_images, many.test_images]), axis=0)) == 52
