"""FAB against torchattacks, its projection against SciPy, and its closed form on a linear model."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
import torchattacks
from scipy.optimize import linprog, minimize

from ntknas.attack import AttackSpec, fab_t
from ntknas.attack.fab import to_hyperplane
from tests.attack.trained import labelled_images, logits_fn, trained
from tests.network.reference import to_numpy, to_torch

KEY = jax.random.key(0)


def case(seed, share):
    """Points, normals and values of hyperplanes, a share of the way to the end of the box."""
    rng = np.random.default_rng(seed)
    points, normal = rng.uniform(size=(6, 2, 2, 3)), rng.normal(size=(6, 2, 2, 3))
    normal[0, 0, 0] = 0  # pixels without influence
    points[1, 0] = rng.integers(0, 2, size=(2, 3))  # pixels at the end of the box
    reach = np.where(normal > 0, 1 - points, -points)
    return points, normal, share * (normal * reach).sum((1, 2, 3))


def changes(points, normal, value, ball):
    """The projection of NumPy arrays."""
    points, normal, value = (jnp.asarray(array) for array in (points, normal, value))
    return np.asarray(to_hyperplane(points, normal, value, ball))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("sign", [1, -1])
def test_linf_projection_is_that_of_linear_programming(seed, sign, float64):
    points, normal, value = case(seed, 0.4)
    normal *= sign
    if sign < 0:
        normal, value = -normal, -value * 0.1  # down, where there may be less room
    found = changes(points, normal, value, "linf")
    for x, w, v, d in zip(points, normal, value, found, strict=True):
        d, x, w = d.ravel(), x.ravel(), w.ravel()
        assert abs(w @ d - v) < 1e-9
        bound = np.concatenate([np.eye(12), -np.ones((12, 1))], 1)
        mirrored = np.concatenate([-np.eye(12), -np.ones((12, 1))], 1)
        best = linprog(
            np.eye(13)[12],
            A_ub=np.concatenate([bound, mirrored]),
            b_ub=np.zeros(24),
            A_eq=[[*w, 0]],
            b_eq=[v],
            bounds=[*zip(-x, 1 - x, strict=True), (0, None)],
        )
        assert np.abs(d).max() == pytest.approx(best.fun, abs=1e-9)
        assert ((x + d >= -1e-12) & (x + d <= 1 + 1e-12)).all()


@pytest.mark.parametrize("seed", range(3))
def test_l2_projection_is_that_of_an_optimiser(seed, float64):
    points, normal, value = case(seed, 0.4)
    found = changes(points, normal, value, "l2")
    for x, w, v, d in zip(points, normal, value, found, strict=True):
        d, x, w = d.ravel(), x.ravel(), w.ravel()
        assert abs(w @ d - v) < 1e-9
        best = minimize(
            lambda z: z @ z,
            d * 0,
            jac=lambda z: 2 * z,
            bounds=list(zip(-x, 1 - x, strict=True)),
            constraints={
                "type": "eq",
                "fun": lambda z, w=w, v=v: w @ z - v,
                "jac": lambda z, w=w: w,
            },
            options={"ftol": 1e-14, "maxiter": 500},
        )
        assert d @ d == pytest.approx(best.fun, rel=1e-5)


@pytest.mark.parametrize("ball", ["linf", "l2"])
def test_out_of_reach_goes_to_the_end_of_the_box(ball, float64):
    points, normal, value = case(0, 1.5)
    found = changes(points, normal, value, ball)
    reach = np.where(normal > 0, 1 - points, -points)
    np.testing.assert_allclose(found, np.where(normal == 0, 0, reach), atol=1e-12)


def test_zero_gradients_move_nothing():
    zero = jnp.zeros((2, 2, 2, 3))
    for value in (0.0, 1.0):
        values = jnp.full(2, value)
        np.testing.assert_array_equal(to_hyperplane(zero + 0.5, zero, values, "linf"), 0)


@pytest.mark.parametrize("ball", ["linf", pytest.param("l2", marks=pytest.mark.slow)])
def test_equals_torchattacks(ball, float64, data_file):
    """Same weights: the same images broken, at the same distance."""
    torch.set_default_dtype(torch.float64)
    cast = torch.Tensor.float
    try:
        network = trained("standard", torch.float64)
        pixels, labels = labelled_images(data_file("cifar10/cifar10_subset.npz"), 8)
        images = pixels.astype(np.float64)
        rho, steps = (0.5 / 255, 5) if ball == "linf" else (40 / 255, 5)
        norm = {"linf": "Linf", "l2": "L2"}[ball]
        reference = torchattacks.FAB(
            network.oracle, norm=norm, eps=rho, steps=steps, multi_targeted=True
        )
        torch.Tensor.float = lambda tensor: tensor.double()  # it works in float32 otherwise
        expected = to_numpy(
            reference(to_torch(images, torch.float64).contiguous(), torch.tensor(labels))
        )
    finally:
        torch.Tensor.float = cast
        torch.set_default_dtype(torch.float32)
    spec = AttackSpec("fab-t", steps, ball=ball)

    @jax.jit
    def ours(images):
        return fab_t(KEY, logits_fn(network), images, jnp.asarray(labels), rho=rho, spec=spec)

    found = np.asarray(ours(jnp.asarray(images)))
    moved = [np.abs(x - images).max((1, 2, 3)) > 0 for x in (found, expected)]
    np.testing.assert_array_equal(*moved)
    assert 0 < moved[0].sum() < len(images)
    # torchattacks keeps the image of the first target that succeeds, we that of the largest margin.
    same = np.abs(found - expected).max((1, 2, 3)) < 1e-9
    assert same.sum() >= len(images) - moved[0].sum()


def test_linear_network_is_crossed_at_its_distance():
    """The distance of a linear boundary is the gap of the logits by the 1-norm of its gradient."""
    rng = np.random.default_rng(1)
    weights = rng.normal(size=(12, 4)).astype(np.float32)
    images = (0.5 + 0.01 * rng.normal(size=(5, 2, 2, 3))).astype(np.float32)
    logits = lambda x: x.reshape(len(x), -1) @ weights  # noqa: E731
    z = np.asarray(logits(images))
    labels = z.argmax(1)
    spec = AttackSpec("fab-t", 20)
    attacked = jax.jit(lambda x, y, rho: fab_t(KEY, logits, x, y, rho=rho, spec=spec))
    w = weights.T
    distance = [
        min((z[i, y] - z[i, k]) / np.abs(w[k] - w[y]).sum() for k in range(4) if k != y)
        for i, y in enumerate(labels)
    ]
    for share, broken in ((0.9, False), (1.2, True)):
        for image, label, at in zip(images, labels, distance, strict=True):
            found = attacked(jnp.asarray(image)[None], jnp.asarray([label]), share * at)
            assert bool(logits(found).argmax(1)[0] != label) is broken


def test_what_is_misclassified_stays():
    images = jnp.full((1, 1, 1, 1), 0.5)
    logits = lambda x: jnp.concatenate([x[:, 0, 0], 1 + 0 * x[:, 0, 0]], 1)  # noqa: E731
    found = fab_t(
        KEY, logits, images, jnp.zeros(1, jnp.int32), rho=0.3, spec=AttackSpec("fab-t", 3)
    )
    np.testing.assert_array_equal(found, images)
