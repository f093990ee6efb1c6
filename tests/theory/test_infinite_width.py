"""Regression with analytic kernels, attacks on it, and finite networks on their way to it."""

from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import pytest

from ntknas.attack import AttackSpec
from ntknas.errors import InputError
from ntknas.kernel import KernelName
from ntknas.theory import (
    analytic_blocks,
    analytic_kernel,
    convergence,
    infinite_width,
    kernel_regression,
    sphere_task,
)
from tests.tolerances import TOLERANCES

ATTACK = AttackSpec(steps=3)


def arrays(task, dtype=jnp.float64):
    images, labels = jnp.asarray(task.train_images, dtype), jnp.asarray(task.train_labels)
    return images, labels, jnp.clip(images + 0.1, 0, 1)


@pytest.mark.slow
@pytest.mark.parametrize(
    "beta", [0.4, *(pytest.param(beta, marks=pytest.mark.slow) for beta in (0.0, 1.0))]
)
def test_regression_by_hand(beta, spec, sphere, float64):
    images, labels, attacked = arrays(sphere)
    predict = kernel_regression(spec, images, labels, attacked=attacked, beta=beta, ridge=1e-8)
    new = jnp.asarray(sphere.test_images[:3], jnp.float64)
    # One kernel of all points; the mixture of features is a matrix.
    points = jnp.concatenate([images, attacked, new])
    kernel = np.asarray(analytic_kernel(spec, points))
    mix = np.concatenate([(1 - beta) * np.eye(8), beta * np.eye(8)])
    train, cross = mix.T @ kernel[:16, :16] @ mix, kernel[16:, :16] @ mix
    train += 1e-8 * np.trace(train) / 8 * np.eye(8)
    expected = cross @ np.linalg.solve(train, 2.0 * np.asarray(labels) - 1)
    outputs = np.asarray(predict(None, new))
    np.testing.assert_allclose(outputs[:, 1], expected, **TOLERANCES["float64"])
    assert not outputs[:, 0].any()


def test_training_images_of_many_classes_are_fitted(spec, sphere, float64):
    images, _, _ = arrays(sphere)
    labels = jnp.arange(8) % 4
    predict = kernel_regression(replace(spec, classes=4), images, labels, ridge=1e-10)
    outputs = np.asarray(predict(None, images))
    # Looser than the table: the ridge of 1e-10 holds the outputs back from the targets.
    np.testing.assert_allclose(outputs, 2.0 * np.eye(4)[np.asarray(labels)] - 1, atol=1e-8)


def test_bad_mixtures(spec, sphere):
    images, labels, attacked = arrays(sphere, jnp.float32)
    with pytest.raises(InputError, match="attacked images are needed for beta 0.5"):
        kernel_regression(spec, images, labels, beta=0.5)
    with pytest.raises(InputError, match=r"beta must lie in \[0, 1\]"):
        kernel_regression(spec, images, labels, attacked=attacked, beta=1.5)


@pytest.mark.slow
def test_the_infinite_network_learns_the_sphere_and_is_attacked_by_its_own_gradients(spec):
    task = sphere_task(4, num_train=40, num_test=100, margin=0.2, seed=0)
    found = infinite_width(spec, task, rho=0.05, betas=(0.0, 1.0), attack=ATTACK)
    assert found.clean_errors[0] < 0.1
    # The best classifier withstands rho < margin / 2 = 0.1, and errs on all points from 0.5 on.
    for clean, robust in zip(found.clean_errors, found.robust_errors, strict=True):
        assert clean <= robust < 0.25
    np.testing.assert_allclose(
        found.blocks.clean, analytic_blocks(spec, task.train_images[None]).clean, rtol=1e-5
    )
    assert not np.allclose(found.blocks.robust, found.blocks.clean, rtol=1e-2)


@pytest.mark.slow
def test_no_radius_no_difference(spec, sphere):
    found = infinite_width(spec, sphere, rho=0.0, betas=(0.0, 0.5), attack=ATTACK)
    assert found.clean_errors == found.robust_errors
    assert len(set(found.clean_errors)) == 1
    np.testing.assert_allclose(found.blocks.mixed_robust(0.5), found.blocks.clean, rtol=1e-8)


@pytest.mark.parametrize(
    ("kernel", "beta"), [(KernelName.CLEAN, None), (KernelName.MIXED_ROBUST, 0.5)]
)
def test_empirical_kernels_converge_at_the_square_root_of_the_width(kernel, beta, spec, sphere):
    batches = np.stack([np.clip(sphere.train_images + shift, 0, 1) for shift in (0.0, 0.05, 0.1)])
    found = convergence(spec, batches, widths=(32, 2048), num_seeds=12, kernel=kernel, beta=beta)
    assert found.errors.shape == (2, 12)
    assert found.slope == pytest.approx(
        np.log(found.errors[1].mean() / found.errors[0].mean()) / np.log(64)
    )
    assert -0.65 < found.slope < -0.35


def test_one_width_has_no_slope(spec, sphere):
    with pytest.raises(InputError, match="two or more different widths"):
        convergence(spec, sphere.train_images[None], widths=(8, 8), num_seeds=1)
    with pytest.raises(InputError, match="num_seeds must be at least 1, got 0"):
        convergence(spec, sphere.train_images[None], widths=(8, 16), num_seeds=0)


def test_an_infinite_network_needs_a_beta(spec, sphere):
    with pytest.raises(InputError, match=r"at least one beta in \[0, 1\], got none"):
        infinite_width(spec, sphere, rho=0.0, betas=())
