"""Kernels in the course of training."""

import numpy as np
import pytest

from ntknas.attack import AttackSpec
from ntknas.theory import FullyConnectedSpec, initial_blocks, kernel_distance, kernel_dynamics
from ntknas.training import TrainingSpec

ATTACK = AttackSpec(steps=2, random_start=False)
TRAINING = TrainingSpec(steps=20, batch_size=4, attack=ATTACK, test_attack=ATTACK)


def test_distance_by_hand():
    a, b = np.array([[2.0, 1.0], [1.0, 2.0]]), np.array([[1.0, 0.0], [0.0, 1.0]])
    assert kernel_distance(a, b) == pytest.approx(1 - 4 / (np.sqrt(10) * np.sqrt(2)))
    assert kernel_distance(a, 5 * a) == pytest.approx(0)
    assert kernel_distance(a, b) == kernel_distance(b, a)
    assert np.isnan(kernel_distance(a, 0 * a))


@pytest.fixture(scope="module")
def paths(sphere):
    return {
        width: kernel_dynamics(
            FullyConnectedSpec(depth=3, width=width, skips=(1,)),
            sphere,
            beta=0.5,
            rho=0.03,
            training=TRAINING,
            every=10,
        )
        for width in (16, 1024)
    }


def test_rows(paths, sphere):
    rows = paths[16]
    assert [row.step for row in rows] == [0, 10, 20] * 4
    assert [row.kernel for row in rows[::3]] == ["clean", "robust", "mixed_clean", "mixed_robust"]
    for start in rows[::3]:
        assert start.distance == pytest.approx(0, abs=1e-12)
        assert (start.change, start.weights_moved) == (0, 0)
        assert np.isnan(start.loss)
    assert all(row.change > 0 and row.weights_moved > 0 for row in rows if row.step)
    assert rows[2].loss < 1.5


def test_the_start_is_the_kernel_at_initialisation(paths, sphere):
    # Other draws of weights: the sizes agree, and without a radius nothing else could differ.
    spec = FullyConnectedSpec(depth=3, width=1024, skips=(1,))
    kernel = initial_blocks(spec, sphere, rho=0.03, attack=ATTACK).clean
    start = paths[1024][0]
    assert start.lambda_max == pytest.approx(np.linalg.eigvalsh(kernel)[-1], rel=0.2)


def test_wide_networks_are_lazier(paths):
    # Kernels of attacked images move with the attack too, whatever the width.
    for narrow, wide in zip(paths[16][1:3], paths[1024][1:3], strict=True):
        assert wide.change < 0.5 * narrow.change
        assert wide.weights_moved < 0.5 * narrow.weights_moved
