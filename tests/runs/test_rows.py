"""Rows of a run's table: each is the kernel that it names, and says what state that is in."""

from dataclasses import replace

import numpy as np
import pytest

from ntknas.errors import InputError
from ntknas.kernel import Batch, JointGram, KernelName
from ntknas.runs import ScoringSpec, score_rows
from ntknas.scores import SCORES, ScoreKind, kernel_scores, score_names

N = 4
LABELS = np.arange(N) % 2
OF_WHOLE = [name for name in score_names(ScoreKind.KERNEL) if not SCORES[name].of_layers]
SPEC = ScoringSpec(batch_size=N, rhos=(3 / 255, 8 / 255))


def random_gram(seed, batches=tuple(Batch)):
    rows = np.random.default_rng(seed).normal(size=(len(batches) * N, 40))
    return JointGram.from_array((rows @ rows.T).astype(np.float32), batches)


@pytest.fixture
def grams():
    """Random matrices at both radii, with one clean block."""
    low, high = (random_gram(seed) for seed in range(2))
    high.gram[:N, :N] = low.clean
    assert low.epsilon == np.finfo(np.float32).eps
    return {3 / 255: low, 8 / 255: high}


def test_a_row_has_the_scores_of_the_kernel_that_it_names(grams):
    wanted = SPEC.kernel_rows()
    rows = score_rows(wanted, grams, LABELS, constant=False)
    assert [(row.kernel, row.rho, row.beta) for row in rows] == wanted
    assert {row.part for row in rows} == {""}
    for row in rows:
        gram = grams[row.rho or 3 / 255]
        expected, status = kernel_scores(
            gram.kernel(row.kernel, row.beta), LABELS, epsilon=gram.epsilon
        )
        assert row.status == str(status) == "ok"
        assert list(row.scores) == OF_WHOLE
        for name, value in row.scores.items():
            # A stack of kernels and one kernel may be summed in another order.
            assert value == pytest.approx(float(expected[name]), rel=1e-9, abs=1e-12)


def test_rows_are_the_same_in_any_selection_and_order(grams):
    wanted = SPEC.kernel_rows()
    rows = dict(zip(wanted, score_rows(wanted, grams, LABELS, constant=False), strict=True))
    some = wanted[::-2]
    found = score_rows(some, grams, LABELS, constant=False)
    assert [(row.kernel, row.rho, row.beta) for row in found] == some
    for row, key in zip(found, some, strict=True):
        assert row.scores == pytest.approx(rows[key].scores, rel=1e-9)


def test_rows_of_parts_follow_those_of_the_whole(grams):
    """Each part has the scores of its own kernel; the whole has those of layers besides."""
    rng = np.random.default_rng(5)

    def with_parts(gram):
        first, cosine = (random_gram(seed).gram for seed in rng.integers(99, size=2))
        parts = {"head": first, "stem": gram.gram - first}
        return replace(gram, layer_cosine=cosine, parts=parts)

    grams = {rho: with_parts(gram) for rho, gram in grams.items()}
    wanted = SPEC.kernel_rows()
    rows = score_rows(wanted, grams, LABELS, constant=False)
    assert [row.part for row in rows] == [p for p in ("", "head", "stem") for _ in wanted]
    assert [(row.kernel, row.rho, row.beta) for row in rows] == 3 * wanted
    for row in rows:
        gram = grams[row.rho or 3 / 255]
        cosine = gram.of_layer_cosine() if not row.part else None
        expected, status = kernel_scores(
            (gram.part(row.part) if row.part else gram).kernel(row.kernel, row.beta),
            LABELS,
            epsilon=gram.epsilon,
            layer_cosine=None if cosine is None else cosine.kernel(row.kernel, row.beta),
        )
        assert row.status == str(status)
        assert list(row.scores) == (OF_WHOLE if row.part else list(score_names(ScoreKind.KERNEL)))
        for name, value in row.scores.items():
            assert value == pytest.approx(float(expected[name]), rel=1e-9, abs=1e-12)


def test_betas_that_no_setting_names(grams):
    mixed = KernelName.MIXED_ROBUST
    wanted = [(mixed, 8 / 255, beta) for beta in (0.0, 0.3, 1.0)]
    first, middle, last = score_rows(wanted, grams, LABELS, constant=False)
    ends = [(KernelName.ROBUST, 8 / 255, None), (KernelName.TWICE, 8 / 255, None)]
    robust, twice = score_rows(ends, grams, LABELS, constant=False)
    assert first.scores == pytest.approx(robust.scores, rel=1e-9)
    assert last.scores == pytest.approx(twice.scores, rel=1e-9)
    assert middle.scores != pytest.approx(twice.scores, rel=1e-3)
    kernel = grams[8 / 255].mixed_robust(0.3)
    assert middle.scores["trace"] == pytest.approx(np.trace(kernel), rel=1e-12)


def test_the_state_of_a_kernel():
    """Regular, singular, overflown; a constant architecture says so unless it overflows."""
    clean = [(KernelName.CLEAN, None, None)]
    singular, overflow = np.ones((N, N), np.float32), np.eye(N, dtype=np.float32)
    overflow[1, 2] = np.inf
    found = {
        constant: [
            score_rows(
                clean,
                {0.0: JointGram.from_array(array, (Batch.CLEAN,))},
                LABELS,
                constant=constant,
            )[0]
            for array in (np.eye(N, dtype=np.float32), singular, overflow)
        ]
        for constant in (False, True)
    }
    assert [row.status for row in found[False]] == ["ok", "singular", "nonfinite"]
    assert [row.status for row in found[True]] == ["constant", "constant", "nonfinite"]
    for rows in found.values():
        assert [row.scores["lambda_min"] for row in rows[:2]] == [1.0, 0.0]
        assert np.isnan(list(rows[2].scores.values())).all()


def test_rounding_is_that_of_the_arithmetic_which_computed_the_matrix():
    """An eigenvalue of 1e-10 is rounding in float32 and a number in float64."""
    array = np.diag([1e-10, 1.0, 1.0, 1.0])
    rows = {
        dtype: score_rows(
            [(KernelName.CLEAN, None, None)],
            {0.0: JointGram.from_array(array.astype(dtype), (Batch.CLEAN,))},
            LABELS,
            constant=False,
        )[0]
        for dtype in (np.float32, np.float64)
    }
    assert rows[np.float32].status == "singular"
    assert rows[np.float64].status == "ok"
    assert rows[np.float64].scores["cond"] == pytest.approx(1e10)


def test_a_kernel_that_the_matrix_does_not_hold():
    gram = {0.0: random_gram(0, (Batch.CLEAN, Batch.ATTACKED))}
    with pytest.raises(InputError, match="^expected a kernel of clean, attacked images, got one"):
        score_rows([(KernelName.TWICE, 0.0, None)], gram, LABELS, constant=False)
