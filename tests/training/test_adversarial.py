"""The multi-objective loss by hand, SGD step by step, and errors whose values are known."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ntknas.attack import AttackSpec, attack
from ntknas.errors import InputError
from ntknas.theory import FullyConnected, FullyConnectedSpec, sphere_task
from ntknas.training import TrainingSpec, measured_errors, multi_objective_loss, train, trajectory
from tests.tolerances import TOLERANCES

ATTACK = AttackSpec(steps=2)
RTOL = TOLERANCES["float32"]["rtol"]
KEY = jax.random.key(3)


def linear(w, images):
    return images.reshape(len(images), -1) @ w


def small():
    rng = np.random.default_rng(0)
    images = jnp.asarray(rng.uniform(0.2, 0.8, size=(6, 1, 2, 2)), jnp.float32)
    w = jnp.asarray(rng.normal(size=(4, 2)), jnp.float32)
    return images, jnp.array([0, 1, 1, 0, 1, 0]), w


def logistic(w, images, labels):
    """log(1 + exp(-y f)) with f the difference of the two logits, y = +-1."""
    logits = np.asarray(linear(w, images))
    y = 2 * np.asarray(labels) - 1
    return np.log1p(np.exp(-y * (logits[:, 1] - logits[:, 0]))).mean()


@pytest.mark.parametrize("beta", [0.0, 0.3, 1.0])
def test_loss_by_hand(beta):
    images, labels, w = small()
    attacked = attack(KEY, linear, w, images, labels, spec=ATTACK, rho=0.1)
    expected = (1 - beta) * logistic(w, images, labels) + beta * logistic(w, attacked, labels)
    loss = multi_objective_loss(KEY, linear, w, images, labels, beta=beta, rho=0.1, spec=ATTACK)
    np.testing.assert_allclose(loss, expected, rtol=RTOL)


def test_a_step_of_full_batch_sgd():
    images, labels, w = small()
    spec = TrainingSpec(steps=1, batch_size=None, learning_rate=0.2, attack=ATTACK)
    trained, losses = train(KEY, linear, w, images, labels, beta=0.0, rho=0.1, spec=spec)
    gradient = jax.grad(
        lambda w: multi_objective_loss(
            KEY, linear, w, images, labels, beta=0.0, rho=0.1, spec=ATTACK
        )
    )(w)
    np.testing.assert_allclose(trained, w - 0.2 * gradient, **TOLERANCES["float32"])
    np.testing.assert_allclose(losses, [logistic(w, images, labels)], rtol=RTOL)


def test_without_robust_loss_the_radius_does_not_matter():
    images, labels, w = small()
    spec = TrainingSpec(steps=5, batch_size=3, attack=ATTACK)
    paths = [
        train(KEY, linear, w, images, labels, beta=0.0, rho=rho, spec=spec)[0] for rho in (0.0, 0.3)
    ]
    np.testing.assert_array_equal(*paths)
    other = train(KEY, linear, w, images, labels, beta=0.5, rho=0.3, spec=spec)[0]
    assert not np.allclose(other, paths[0])


def test_a_trajectory_ends_where_training_ends():
    images, labels, w = small()
    spec = TrainingSpec(steps=6, batch_size=2, momentum=0.9, attack=ATTACK)
    options: dict[str, Any] = {"beta": 0.5, "rho": 0.05}
    end, losses = train(KEY, linear, w, images, labels, **options, spec=spec)
    path, same = trajectory(KEY, linear, w, images, labels, **options, spec=spec, every=2)
    assert path.shape == (3, 4, 2)
    np.testing.assert_allclose(path[-1], end, rtol=RTOL)
    np.testing.assert_allclose(same, losses, rtol=RTOL)
    with pytest.raises(InputError, match="6 steps are no multiple of 4"):
        trajectory(KEY, linear, w, images, labels, **options, spec=spec, every=4)


def test_no_steps_change_nothing():
    images, labels, w = small()
    spec = TrainingSpec(steps=0)
    end, losses = train(KEY, linear, w, images, labels, beta=0.5, rho=0.1, spec=spec)
    # Without a step there is no state after one: the path is empty but for its end.
    np.testing.assert_array_equal(end, w)
    assert losses.shape == (0,)


def test_errors_of_a_constant_network_and_of_ties():
    images, labels, w = small()
    tied = measured_errors(KEY, linear, 0 * w, images, labels, rho=0.1, spec=ATTACK)
    assert (float(tied.clean), float(tied.robust)) == (0.5, 0.5)


def test_the_sphere_is_learnt():
    sphere = sphere_task(6, num_train=8, num_test=20, margin=0.1, seed=0)
    network = FullyConnected(FullyConnectedSpec(depth=3, width=16, skips=(1,)))
    images, labels = jnp.asarray(sphere.train_images), jnp.asarray(sphere.train_labels)
    params = network.init(jax.random.key(0), images)
    training = TrainingSpec(steps=100, batch_size=4, attack=ATTACK)
    params, losses = jax.jit(
        lambda params: train(
            KEY, network.apply, params, images, labels, beta=0.0, rho=0.0, spec=training
        )
    )(params)
    assert losses[-10:].mean() < 0.5 * losses[:10].mean()
    seen = measured_errors(KEY, network.apply, params, images, labels, rho=0.0, spec=ATTACK)
    assert float(seen.clean) == 0


@pytest.mark.parametrize(
    "change",
    [{"steps": -1}, {"batch_size": 0}, {"learning_rate": 0.0}, {"momentum": 1.0}],
)
def test_bad_settings(change):
    with pytest.raises(InputError):
        TrainingSpec(**change)
