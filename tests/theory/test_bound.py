"""Bound terms against explicit inverses; Weyl's bounds hold, and are tight where they must be."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from ntknas.errors import InputError
from ntknas.kernel import Batch, JointGram, KernelName
from ntknas.scores import kernel_scores
from ntknas.theory import bound_terms, confidence_term, weyl_bound
from tests.tolerances import TOLERANCES

EPSILON = float(np.finfo(np.float32).eps)
RTOL = TOLERANCES["float64"]["rtol"]


def kernel(n=6, seed=0, rank=40):
    rows = np.random.default_rng(seed).normal(size=(n, rank))
    return rows @ rows.T


@pytest.mark.parametrize("labels", [[0, 1, 1, 0, 1, 0], [0, 1, 2, 2, 1, 0]])
def test_terms_equal_explicit_inverses(labels):
    labels, matrix = np.array(labels), kernel()
    terms = bound_terms(matrix, labels, depth=4, epsilon=EPSILON)
    classes = [1] if labels.max() == 1 else [0, 1, 2]
    energies = []
    for label in classes:
        y = np.where(labels == label, 1.0, -1.0)
        energies.append(y @ np.linalg.inv(matrix) @ y / 6)
    lowest = np.linalg.eigvalsh(matrix)[0]
    assert terms.jitter == 0
    np.testing.assert_allclose(terms.label_energy, np.mean(energies), rtol=RTOL)
    np.testing.assert_allclose(terms.eigenvalue_form, 1 / lowest, rtol=RTOL)
    np.testing.assert_allclose(terms.order, 8 * np.sqrt(np.mean(energies)), rtol=RTOL)
    np.testing.assert_allclose(terms.eigenvalue_order, 8 / np.sqrt(lowest), rtol=RTOL)


def test_label_energy_is_the_score_called_bound():
    labels, matrix = np.array([0, 1, 2, 0, 1, 2]), kernel()
    score = kernel_scores(matrix, labels, epsilon=EPSILON)[0]["bound"]
    terms = bound_terms(matrix, labels, depth=2, epsilon=EPSILON)
    np.testing.assert_allclose(terms.label_energy, score, rtol=RTOL)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 99), scale=st.floats(1e-3, 1e3))
def test_invariances(seed, scale):
    rng = np.random.default_rng(seed)
    matrix, labels = kernel(seed=seed), np.array([0, 1, 0, 1, 1, 0])
    terms = bound_terms(matrix, labels, depth=3, epsilon=EPSILON)
    assert terms.label_energy <= terms.eigenvalue_form * (1 + 1e-12)
    order = rng.permutation(6)
    shuffled = bound_terms(matrix[np.ix_(order, order)], labels[order], depth=3, epsilon=EPSILON)
    np.testing.assert_allclose(shuffled.label_energy, terms.label_energy, rtol=RTOL)
    swapped = bound_terms(matrix, 1 - labels, depth=3, epsilon=EPSILON)
    np.testing.assert_allclose(swapped.label_energy, terms.label_energy, rtol=RTOL)
    scaled = bound_terms(scale * matrix, labels, depth=3, epsilon=EPSILON)
    np.testing.assert_allclose(scaled.label_energy * scale, terms.label_energy, rtol=RTOL)


@pytest.mark.parametrize("shift", [0.0, -1e-9])
def test_a_singular_kernel_is_lifted_to_the_floor_and_says_so(shift):
    y = np.array([1.0, -1.0, 1.0])
    matrix = np.outer(y, y) + shift * np.eye(3)
    terms = bound_terms(matrix, np.array([1, 0, 1]), depth=1, epsilon=EPSILON)
    floor = 3 * EPSILON * (3 + shift)
    np.testing.assert_allclose(terms.lambda_min, floor, rtol=RTOL)
    # The smallest eigenvalue is 0 but for 1e-16, and the floor is 1e-6.
    np.testing.assert_allclose(terms.jitter, floor - shift, rtol=1e-8)
    # The labels are the one direction that the kernel knows: their energy is y^T y / 9.
    # Lifting adds 4e-7 of the largest eigenvalue to it.
    np.testing.assert_allclose(terms.label_energy, 1 / 3, rtol=1e-6)
    other = bound_terms(matrix, np.array([1, 1, 0]), depth=1, epsilon=EPSILON)
    assert other.label_energy > 1e5


def test_one_class_and_one_image():
    terms = bound_terms(np.array([[4.0]]), np.array([3]), depth=1, epsilon=EPSILON)
    assert (terms.label_energy, terms.order) == (0.25, 0.5)


@pytest.mark.parametrize(
    ("matrix", "labels", "depth", "message"),
    [
        (np.eye(3), [0, 1], 1, r"expected a kernel \[2, 2\] for 2 labels"),
        (np.zeros((2, 2)), [0, 1], 1, "not all 0"),
        (np.full((2, 2), np.nan), [0, 1], 1, "finite"),
        (np.eye(2), [0, 1], 0, "depth must be at least 1"),
    ],
)
def test_bad_input(matrix, labels, depth, message):
    with pytest.raises(InputError, match=message):
        bound_terms(matrix, np.array(labels, int), depth=depth, epsilon=EPSILON)


def test_confidence_term_shrinks_with_the_images():
    assert confidence_term(400) == pytest.approx(confidence_term(100) / 2)
    for bad in ((0, 0.1), (5, 0.0), (5, 1.0)):
        with pytest.raises(InputError):
            confidence_term(bad[0], delta=bad[1])


def gram_of(matrix):
    return JointGram(matrix, tuple(Batch), EPSILON)


def joint(seed, n=5, parameters=30):
    rng = np.random.default_rng(seed)
    clean = rng.normal(size=(n, parameters))
    robust = clean + rng.normal(size=clean.shape)
    rows = np.concatenate([clean, robust, robust + 0.2 * rng.normal(size=clean.shape)])
    return gram_of(rows @ rows.T)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 999), beta=st.floats(0, 1), name=st.sampled_from(["clean", "robust"]))
def test_weyl_holds_for_any_jacobians(seed, beta, name):
    blocks = joint(seed)
    kind = KernelName(f"mixed_{name}")
    found = weyl_bound(blocks, kind, beta)
    assert found.holds
    low = np.linalg.eigvalsh(blocks.kernel(kind, beta))[0]
    np.testing.assert_allclose(found.lambda_min, low, rtol=1e-12)
    assert found.bound <= low * (1 + 1e-9)


def test_weyl_is_tight_at_the_ends_and_for_equal_jacobians():
    blocks = joint(0)
    for beta in (0.0, 1.0):
        assert weyl_bound(blocks, KernelName.MIXED_CLEAN, beta).tightness == pytest.approx(1)
    matrix = kernel(4)
    same = gram_of(np.tile(matrix, (3, 3)))
    assert weyl_bound(same, KernelName.MIXED_ROBUST, 0.3).tightness == pytest.approx(1)


def test_weyl_says_nothing_where_jacobians_are_opposed():
    rows = np.concatenate([np.eye(2), -np.eye(2), np.eye(2)])
    found = weyl_bound(gram_of(rows @ rows.T), KernelName.MIXED_CLEAN, 0.5)
    assert (found.lambda_min, found.bound, found.cross, found.holds) == (0, 0, -2, True)
    assert np.isnan(found.tightness)


def test_weyl_needs_a_mixed_kernel():
    with pytest.raises(InputError, match="expected a mixed kernel, got clean"):
        weyl_bound(joint(0), KernelName.CLEAN, 0.5)
    with pytest.raises(InputError, match="expected a kernel of clean, .*, got mixed"):
        weyl_bound(joint(0), "mixed", 0.5)
    expected = weyl_bound(joint(0), KernelName.MIXED_CLEAN, 0.5)
    assert weyl_bound(joint(0), "mixed_clean", 0.5) == expected
