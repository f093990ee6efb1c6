"""The joint Gram matrix: its blocks, and mixing in closed form against explicit mixing."""

import warnings

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from ntknas.errors import InputError
from ntknas.kernel import Batch, JointGram, KernelName
from tests.tolerances import TOLERANCES

N, PARAMETERS = 5, 40
EPSILON = float(np.finfo(float).eps)
ATOL = TOLERANCES["float64"]["atol"]


def jacobians(seed=0):
    """J, J_rho and J_2rho, alike as attacked images are alike."""
    rng = np.random.default_rng(seed)
    clean = rng.normal(size=(N, PARAMETERS))
    robust = clean + 0.3 * rng.normal(size=clean.shape)
    return clean, robust, robust + 0.3 * rng.normal(size=clean.shape)


def joint(rows, batches=tuple(Batch)):
    stacked = np.concatenate(rows)
    return JointGram(stacked @ stacked.T, batches, EPSILON)


@settings(max_examples=50, deadline=None)
@given(beta=st.floats(0, 1), seed=st.integers(0, 99))
def test_closed_form_equals_the_gram_of_mixed_jacobians(beta, seed):
    clean, robust, twice = jacobians(seed)
    blocks = joint((clean, robust, twice))
    for first, second, kernel in (
        (clean, robust, blocks.mixed_clean(beta)),
        (robust, twice, blocks.mixed_robust(beta)),
    ):
        mixed = (1 - beta) * first + beta * second
        # Entries are of order 40, and their closed form is a sum of four.
        np.testing.assert_allclose(kernel, mixed @ mixed.T, rtol=0, atol=1e-11)
        values = np.linalg.eigvalsh(kernel)
        assert values[0] >= -1e-12 * values[-1]


@settings(max_examples=50, deadline=None)
@given(beta=st.floats(0, 1), seed=st.integers(0, 99))
def test_weyls_lower_bound(beta, seed):
    """Wu et al.: the smallest eigenvalue of a sum is at least the sum of the smallest ones."""
    blocks = joint(jacobians(seed))

    def lowest(matrix):
        return np.linalg.eigvalsh(matrix)[0]

    cross = blocks.cross(Batch.CLEAN, Batch.ATTACKED)
    bound = (
        (1 - beta) ** 2 * lowest(blocks.clean)
        + beta**2 * lowest(blocks.robust)
        + beta * (1 - beta) * lowest(cross + cross.T)
    )
    assert lowest(blocks.mixed_clean(beta)) >= bound - 1e-10


def test_pure_betas_are_the_pure_kernels_exactly():
    blocks = joint(jacobians())
    np.testing.assert_array_equal(blocks.mixed_clean(0.0), blocks.clean)
    np.testing.assert_array_equal(blocks.mixed_clean(1.0), blocks.robust)
    np.testing.assert_array_equal(blocks.mixed_robust(0.0), blocks.robust)
    np.testing.assert_array_equal(blocks.mixed_robust(1.0), blocks.twice)


def test_blocks_are_products_of_jacobians():
    rows = dict(zip(Batch, jacobians(), strict=True))
    blocks = joint(tuple(rows.values()))
    assert blocks.num_images == N
    for left in Batch:
        for right in Batch:
            expected = rows[left] @ rows[right].T
            np.testing.assert_allclose(blocks.cross(left, right), expected, rtol=0, atol=ATOL)


def test_subsets_hold_their_kernels_and_no_others():
    clean, robust, twice = jacobians()
    blocks = joint((robust, twice), (Batch.ATTACKED, Batch.TWICE_ATTACKED))
    held = {kernel for kernel in KernelName if blocks.holds(kernel)}
    assert held == {KernelName.ROBUST, KernelName.TWICE, KernelName.MIXED_ROBUST}
    np.testing.assert_allclose(blocks.mixed_robust(0.3), joint(jacobians()).mixed_robust(0.3))
    message = "expected a kernel of attacked, twice-attacked images, got one of clean images"
    with pytest.raises(InputError, match=message):
        blocks.mixed_clean(0.3)
    ends = joint((clean, twice), (Batch.CLEAN, Batch.TWICE_ATTACKED))
    assert not ends.holds(KernelName.MIXED_CLEAN)
    np.testing.assert_allclose(
        ends.cross(Batch.TWICE_ATTACKED, Batch.CLEAN), twice @ clean.T, atol=ATOL
    )


def test_several_betas_are_each_of_them():
    one = joint(jacobians())
    stack = JointGram(np.stack([one.gram, 2 * one.gram]), tuple(Batch), EPSILON)
    betas = np.array([0.0, 0.3, 1.0])
    for blocks in (one, stack):
        for kernel in (KernelName.MIXED_CLEAN, KernelName.MIXED_ROBUST):
            expected = np.stack([blocks.kernel(kernel, beta) for beta in betas])
            np.testing.assert_array_equal(blocks.kernel(kernel, betas), expected)
    with pytest.raises(InputError, match="beta must lie in"):
        one.kernel(KernelName.MIXED_CLEAN, np.array([0.5, 1.5]))


def test_a_stack_is_its_members():
    members = [joint(jacobians(seed)) for seed in range(3)]
    stack = JointGram(np.stack([m.gram for m in members]), tuple(Batch), EPSILON)
    for i, member in enumerate(members):
        np.testing.assert_array_equal(stack[i].gram, member.gram)
        np.testing.assert_array_equal(stack.mixed_robust(0.4)[i], member.mixed_robust(0.4))
    assert stack[1:].clean.shape == (2, N, N)


@pytest.mark.parametrize(("kernel", "names"), [(k, k.batches) for k in KernelName])
def test_a_kernel_knows_its_batches(kernel, names):
    blocks = joint(jacobians())
    assert kernel.mixed == (len(names) == 2)
    assert blocks.kernel(kernel, 0.5).shape == (N, N)


@pytest.mark.parametrize("beta", [None, -0.1, 1.1, float("nan")])
def test_bad_betas(beta):
    with pytest.raises(InputError, match=r"beta must lie in \[0, 1\]"):
        joint(jacobians()).kernel(KernelName.MIXED_CLEAN, beta)


def test_a_kernel_that_does_not_exist():
    message = "expected a kernel of clean, robust, twice, mixed_clean, mixed_robust, got mixedclean"
    with pytest.raises(InputError, match=message):
        joint(jacobians()).kernel("mixedclean", 0.5)


@pytest.mark.parametrize(
    ("shape", "batches"),
    [
        ((4, 4), tuple(Batch)),
        ((6, 3), (Batch.CLEAN,)),
        ((6, 6), ()),
        ((6, 6), (Batch.ATTACKED, Batch.CLEAN)),
        ((6, 6), (Batch.CLEAN, Batch.CLEAN)),
    ],
)
def test_shapes_and_batches_that_do_not_fit(shape, batches):
    with pytest.raises((InputError, TypeError)):
        JointGram(np.ones(shape), batches, EPSILON)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_arrays_are_made_symmetric_and_say_their_precision(dtype):
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(2, 3 * N, PARAMETERS))
    computed = (rows @ rows.swapaxes(1, 2) + 1e-3 * rng.normal(size=(2, 15, 15))).astype(dtype)
    gram = JointGram.from_array(computed, tuple(Batch))
    assert gram.gram.dtype == np.float64
    assert gram.epsilon == float(np.finfo(dtype).eps)
    np.testing.assert_array_equal(gram.gram, gram.gram.swapaxes(1, 2))
    exact = computed.astype(np.float64)
    np.testing.assert_array_equal(gram.gram, (exact + exact.swapaxes(1, 2)) / 2)
    again = JointGram.from_array(gram.gram, tuple(Batch))
    np.testing.assert_array_equal(again.gram, gram.gram)  # nothing is left to be made equal


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_arrays_of_jax(dtype):
    matrix = jnp.asarray(np.random.default_rng(0).normal(size=(4, 4)), dtype)
    gram = JointGram.from_array(matrix, (Batch.CLEAN, Batch.ATTACKED))
    assert gram.epsilon == np.finfo(dtype).eps
    assert isinstance(gram.gram, np.ndarray)
    assert gram.num_images == 2
    expected = (np.asarray(matrix, float) + np.asarray(matrix, float).T) / 2
    np.testing.assert_array_equal(gram.gram, expected)


def test_overflows_stay_what_they_are_without_a_warning():
    computed = np.array([[np.inf, np.inf], [-np.inf, np.nan]], np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        gram = JointGram.from_array(computed, (Batch.CLEAN,)).gram
    np.testing.assert_array_equal(gram, [[np.inf, np.nan], [np.nan, np.nan]])


def test_a_matrix_says_what_it_holds():
    gram = joint(jacobians())
    assert repr(gram) == "JointGram(5 images: clean, attacked, twice_attacked; epsilon 2.22e-16)"
    stack = JointGram(np.stack([gram.gram] * 3), tuple(Batch), EPSILON)
    assert repr(stack).startswith("JointGram(3 of 5 images: ")


def test_a_batch_has_a_kernel_of_its_own():
    names = {batch: batch.kernel for batch in Batch}
    assert names == {
        Batch.CLEAN: KernelName.CLEAN,
        Batch.ATTACKED: KernelName.ROBUST,
        Batch.TWICE_ATTACKED: KernelName.TWICE,
    }
    rows = dict(zip(Batch, jacobians(), strict=True))
    gram = joint(tuple(rows.values()))
    for batch, name in names.items():
        np.testing.assert_array_equal(gram.kernel(name), gram.cross(batch, batch))
        np.testing.assert_array_equal(gram.kernel(str(name)), gram.kernel(name))
