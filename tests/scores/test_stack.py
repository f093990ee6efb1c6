"""What several scores are made of."""

import numpy as np
import pytest

from ntknas.errors import InputError
from ntknas.scores import KernelStack
from ntknas.scores.stack import floored

EPSILON = 1e-7
LABELS = np.arange(3)


def stack_of(*diagonals, epsilon=EPSILON):
    return KernelStack(np.stack([np.diag(d) for d in diagonals]), LABELS, epsilon=epsilon)


def test_the_floor_is_what_rounding_leaves_of_zero():
    stack = stack_of((0.0, 1.0, 4.0), (0.5, 1.0, 2.0))
    np.testing.assert_allclose(stack.floor, [3 * EPSILON * 4, 3 * EPSILON * 2])
    np.testing.assert_allclose(stack.positive, [[12 * EPSILON, 1, 4], [0.5, 1, 2]])
    np.testing.assert_array_equal(stack.positive, floored(stack.eigenvalues, EPSILON))
    np.testing.assert_array_equal(stack.lambda_min, [0, 0.5])
    np.testing.assert_array_equal(stack.lambda_max, [4, 2])


def test_matrices_that_are_not_finite_are_zeros_and_marked():
    stack = stack_of((1.0, np.inf, 1.0), (1.0, 2.0, 3.0))
    np.testing.assert_array_equal(stack.finite, [False, True])
    np.testing.assert_array_equal(stack.kernels, [np.zeros((3, 3)), np.diag([1.0, 2.0, 3.0])])


def test_cosine_kernels_have_a_unit_diagonal_and_zero_gradients_stay_zero():
    rows = np.random.default_rng(0).normal(size=(3, 8))
    rows[1] = 0
    cosine = KernelStack(rows @ rows.T, LABELS, epsilon=EPSILON).cosine
    norms = np.linalg.norm(rows, axis=1)
    np.testing.assert_allclose(np.diag(cosine.kernels), [1, 0, 1])
    np.testing.assert_allclose(cosine.kernels[0, 2], rows[0] @ rows[2] / (norms[0] * norms[2]))
    assert cosine.epsilon == EPSILON


def test_kernels_that_do_not_fit_their_labels():
    with pytest.raises((InputError, TypeError)):
        KernelStack(np.eye(2), LABELS, epsilon=EPSILON)
    with pytest.raises(InputError, match="at least one image"):
        KernelStack(np.empty((0, 0)), LABELS[:0], epsilon=EPSILON)
