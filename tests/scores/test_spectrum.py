"""Each score against a formula written out, its invariances, and the edges."""

import warnings

import numpy as np
import pytest
import scipy.linalg
import scipy.stats
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as hnp

from ntknas.errors import InputError
from ntknas.scores import SCORES, ScoreKind, kernel_scores, score_names

EPSILON = float(np.finfo(np.float32).eps)
TINY = float(np.finfo(np.float32).tiny)
LABELS = np.array([0, 1, 2, 0, 1, 2, 0])
OF_LAYERS = tuple(name for name in score_names(ScoreKind.KERNEL) if SCORES[name].of_layers)
KERNEL_SCORES = tuple(name for name in score_names(ScoreKind.KERNEL) if name not in OF_LAYERS)


def random_kernel(seed=0, n=7, rank=20):
    rows = np.random.default_rng(seed).normal(size=(n, rank)) + 0.3
    return rows @ rows.T


def by_hand(k, labels):
    """Every score by loops or by SciPy, of a kernel far from singular."""
    n = len(k)
    values = scipy.linalg.eigvalsh(k)
    cosine = np.array([[k[i, j] / (k[i, i] * k[j, j]) ** 0.5 for j in range(n)] for i in range(n)])
    cosine_values = scipy.linalg.eigvalsh(cosine)
    p = values / values.sum()
    same = np.array([[float(a == b) for b in labels] for a in labels])

    def centred(m):
        return m - m.mean(0, keepdims=True) - m.mean(1, keepdims=True) + m.mean()

    kc, yc = centred(k), centred(same)
    norms = (kc**2).sum() ** 0.5 * (yc**2).sum() ** 0.5
    spread = scipy.linalg.eigvalsh(kc)[1:]  # the first belongs to the constant vector
    inverse = scipy.linalg.inv(k)
    bounds = []
    for c in sorted(set(labels.tolist())):
        y = np.array([1.0 if label == c else -1.0 for label in labels])
        bounds.append(sum(y[i] * inverse[i, j] * y[j] for i in range(n) for j in range(n)) / n)
    return {
        "lambda_min": values[0],
        "lambda_max": values[-1],
        "cond": np.linalg.cond(k, 2),
        "cosine_lambda_min": cosine_values[0],
        "cosine_lambda_max": cosine_values[-1],
        "cosine_cond": np.linalg.cond(cosine, 2),
        "trace": sum(k[i, i] for i in range(n)),
        "frobenius": sum(k[i, j] ** 2 for i in range(n) for j in range(n)) ** 0.5,
        "mean": sum(k[i, j] for i in range(n) for j in range(n)) / n**2,
        "logdet": np.linalg.slogdet(k)[1],
        "effective_rank": np.exp(-sum(q * np.log(q) for q in p)),
        "sphericity": scipy.stats.gmean(spread) / spread.mean(),
        "alignment": (kc * yc).sum() / norms if norms > 0 else 0.0,
        "bound": np.mean(bounds),
    }


def scores_of(kernel, labels=LABELS, epsilon=EPSILON):
    scores, status = kernel_scores(kernel, labels, epsilon=epsilon)
    return {name: float(value) for name, value in scores.items()}, str(status)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("score", KERNEL_SCORES)
def test_formula(score, seed):
    kernel = random_kernel(seed)
    scores, status = scores_of(kernel)
    assert status == "ok"
    assert scores[score] == pytest.approx(by_hand(kernel, LABELS)[score], rel=1e-9)


def test_every_name_is_computed_in_order():
    assert tuple(kernel_scores(random_kernel(), LABELS, epsilon=EPSILON)[0]) == KERNEL_SCORES
    both = kernel_scores(random_kernel(), LABELS, epsilon=EPSILON, layer_cosine=random_kernel(1))[0]
    assert tuple(both) == score_names(ScoreKind.KERNEL) == (*KERNEL_SCORES, *OF_LAYERS)


@pytest.mark.parametrize("seed", range(3))
def test_scores_of_layers_are_those_of_the_layer_cosine_kernel(seed):
    """Its scores do not depend on the whole kernel, and it is brought to a unit diagonal."""
    kernel, cosine = random_kernel(seed), random_kernel(seed + 10)
    scores, _ = kernel_scores(kernel, LABELS, epsilon=EPSILON, layer_cosine=cosine)
    expected = by_hand(cosine, LABELS)
    lengths = np.sqrt(np.diagonal(cosine))
    assert float(scores["layer_cosine_sphericity"]) == pytest.approx(
        by_hand(cosine / np.outer(lengths, lengths), LABELS)["sphericity"], rel=1e-9
    )
    for name in ("lambda_min", "lambda_max", "cond"):
        assert float(scores[f"layer_cosine_{name}"]) == pytest.approx(
            expected[f"cosine_{name}"], rel=1e-9
        )


@pytest.mark.parametrize("seed", range(3))
def test_permuting_images_with_their_labels_changes_nothing(seed):
    order = np.random.default_rng(seed).permutation(7)
    kernel = random_kernel(seed)
    before, _ = scores_of(kernel)
    after, _ = scores_of(kernel[np.ix_(order, order)], LABELS[order])
    assert after == pytest.approx(before, rel=1e-9)


def test_renaming_classes_changes_nothing():
    before, _ = scores_of(random_kernel())
    after, _ = scores_of(random_kernel(), np.array([90, 4, 7])[LABELS])
    assert after == pytest.approx(before, rel=1e-12)


@pytest.mark.parametrize("factor", [1e-6, 3.0, 1e8])
def test_scale(factor):
    """Degree 1 for sizes, 0 for ratios, -1 for the bound; a shift of n log(factor) for logdet."""
    before, _ = scores_of(random_kernel())
    after, _ = scores_of(factor * random_kernel())
    for name in ("lambda_min", "lambda_max", "trace", "frobenius", "mean"):
        assert after[name] == pytest.approx(factor * before[name], rel=1e-9)
    invariant = ("cond", "effective_rank", "sphericity", "alignment")
    for name in (*invariant, "cosine_lambda_min", "cosine_lambda_max", "cosine_cond"):
        assert after[name] == pytest.approx(before[name], rel=1e-9)
    assert after["bound"] == pytest.approx(before["bound"] / factor, rel=1e-9)
    assert after["logdet"] == pytest.approx(before["logdet"] + 7 * np.log(factor), rel=1e-9)


def test_cosine_scores_do_not_see_the_size_of_each_gradient():
    sizes = np.random.default_rng(0).uniform(0.1, 10, 7)
    before, _ = scores_of(random_kernel())
    after, _ = scores_of(random_kernel() * np.outer(sizes, sizes))
    for name in ("cosine_lambda_min", "cosine_lambda_max", "cosine_cond"):
        assert after[name] == pytest.approx(before[name], rel=1e-9)
    assert after["cond"] != pytest.approx(before["cond"], rel=1e-2)


def test_identity():
    scores, status = scores_of(np.eye(7))
    assert status == "ok"
    for name in KERNEL_SCORES:
        if name in ("trace", "effective_rank"):
            assert scores[name] == pytest.approx(7)
        elif name.endswith(("cond", "lambda_min", "lambda_max")) or name in ("bound", "sphericity"):
            assert scores[name] == pytest.approx(1)
    assert scores["logdet"] == pytest.approx(0, abs=1e-12)
    assert scores["mean"] == pytest.approx(1 / 7)
    assert scores["frobenius"] == pytest.approx(7**0.5)


def test_sphericity_does_not_see_what_all_gradients_share():
    """A common part of all gradients adds a constant to the kernel, which centring removes."""
    rows = np.random.default_rng(0).normal(size=(7, 20))
    before, _ = scores_of(rows @ rows.T, epsilon=float(np.finfo(float).eps))
    shifted = rows + 10 * np.random.default_rng(1).normal(size=20)
    after, _ = scores_of(shifted @ shifted.T, epsilon=float(np.finfo(float).eps))
    assert after["sphericity"] == pytest.approx(before["sphericity"], rel=1e-9)
    assert after["effective_rank"] != pytest.approx(before["effective_rank"], rel=0.1)


@pytest.mark.parametrize("seed", range(3))
def test_sphericity_is_at_most_that_of_equal_eigenvalues(seed):
    assert 0 < scores_of(random_kernel(seed))[0]["sphericity"] < 1


def test_label_kernel_is_aligned_and_its_negative_is_not():
    same = (LABELS[:, None] == LABELS[None]).astype(float)
    assert scores_of(same)[0]["alignment"] == pytest.approx(1)
    assert scores_of(5 - same)[0]["alignment"] == pytest.approx(-1)


def test_rank_one_is_singular_with_defined_values():
    """A constant network's kernel: equal gradients on every image."""
    scores, status = scores_of(np.full((7, 7), 4.0))
    floor = 7 * EPSILON * 28
    assert status == "singular"
    assert scores["lambda_min"] == scores["cosine_lambda_min"] == 0
    assert scores["lambda_max"] == pytest.approx(28)
    assert scores["cond"] == pytest.approx(28 / floor)
    assert scores["cosine_cond"] == pytest.approx(1 / (7 * EPSILON))
    assert scores["effective_rank"] == pytest.approx(1)
    assert scores["alignment"] == scores["sphericity"] == 0
    assert scores["logdet"] == pytest.approx(np.log(28) + 6 * np.log(floor))
    # y has 3 (or 2) ones in 7: its part along the constant vector is (2 m - 7)^2 / 7.
    along = np.array([(2 * m - 7) ** 2 / 7 for m in (3, 2, 2)])
    assert scores["bound"] == pytest.approx(np.mean(along / 28 + (7 - along) / floor) / 7)


def test_zero_kernel_is_singular_and_finite():
    scores, status = scores_of(np.zeros((7, 7)))
    assert status == "singular"
    assert np.isfinite(list(scores.values())).all()
    zero = ("lambda_min", "lambda_max", "cosine_lambda_min", "trace")
    for name in (*zero, "frobenius", "mean", "effective_rank", "sphericity", "alignment"):
        assert scores[name] == 0
    # The worst values that there are, those of equal gradients: a part without parameters has this
    # kernel, and is not to rank first.
    equal, _ = scores_of(np.ones((7, 7)))
    for name in ("cond", "cosine_cond", "cosine_lambda_max"):
        assert scores[name] == pytest.approx(equal[name])
    assert scores["logdet"] == pytest.approx(7 * np.log(TINY))
    assert scores["bound"] == pytest.approx(1 / TINY)


def test_one_zero_gradient():
    kernel = random_kernel()
    kernel[2] = kernel[:, 2] = 0
    scores, status = scores_of(kernel)
    assert status == "singular"
    assert scores["lambda_min"] == scores["cosine_lambda_min"] == 0
    assert np.isfinite(list(scores.values())).all()


def test_rounding_below_zero_is_the_singular_value():
    scores, status = scores_of(np.diag([-1e-8, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]))
    assert (status, scores["lambda_min"]) == ("singular", 0.0)
    assert scores["cond"] == pytest.approx(1 / (7 * EPSILON))


def test_the_floor_follows_the_precision_of_the_kernel():
    kernel = np.diag([1e-9, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0])
    assert scores_of(kernel)[1] == "singular"
    scores, status = scores_of(kernel, epsilon=float(np.finfo(float).eps))
    assert (status, scores["lambda_min"]) == ("ok", pytest.approx(1e-9))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_kernel_that_is_not_finite_has_no_scores_and_spoils_no_other(value):
    kernels = np.stack([random_kernel(s) for s in range(3)])
    kernels[1, 2, 2] = value
    scores, status = kernel_scores(kernels, LABELS, epsilon=EPSILON)
    assert status.tolist() == ["ok", "nonfinite", "ok"]
    for name, values in scores.items():
        assert np.isnan(values[1])
        alone = kernel_scores(kernels[0], LABELS, epsilon=EPSILON)[0][name]
        assert values[0] == pytest.approx(float(alone), rel=1e-12)


def test_one_class_only():
    labels = np.full(7, 3)
    scores, status = scores_of(random_kernel(), labels)
    expected = np.ones(7) @ np.linalg.solve(random_kernel(), np.ones(7)) / 7
    assert (status, scores["alignment"]) == ("ok", 0.0)
    assert scores["bound"] == pytest.approx(expected)


def test_one_image():
    scores, status = scores_of(np.array([[4.0]]), np.array([5]))
    assert status == "ok"
    expected = {
        **dict.fromkeys(("lambda_min", "lambda_max", "trace", "frobenius", "mean"), 4.0),
        **dict.fromkeys(("cond", "cosine_lambda_min", "cosine_lambda_max", "cosine_cond"), 1.0),
        "logdet": np.log(4),
        "effective_rank": 1.0,
        "sphericity": 0.0,
        "alignment": 0.0,
        "bound": 0.25,
    }
    assert scores == pytest.approx(expected)


def test_a_stack_gives_what_each_gives_alone():
    kernels = np.stack([random_kernel(s) for s in range(6)]).reshape(2, 3, 7, 7)
    kernels[1, 1] = 0
    scores, status = kernel_scores(kernels, LABELS, epsilon=EPSILON)
    assert status.shape == (2, 3)
    for index in np.ndindex(2, 3):
        alone, own = scores_of(kernels[index])
        assert status[index] == own
        assert {name: v[index] for name, v in scores.items()} == pytest.approx(alone, rel=1e-12)


def test_an_empty_stack():
    scores, status = kernel_scores(np.empty((0, 7, 7)), LABELS, epsilon=EPSILON)
    assert status.shape == scores["cond"].shape == (0,)


@pytest.mark.parametrize("shape", [(7, 6), (6, 6), (7,), (2, 7, 6)])
def test_bad_shapes(shape):
    with pytest.raises((InputError, TypeError)):
        kernel_scores(np.ones(shape), LABELS, epsilon=EPSILON)


def test_no_images():
    with pytest.raises(InputError, match="at least one"):
        kernel_scores(np.ones((0, 0)), np.array([], int), epsilon=EPSILON)


@settings(max_examples=200, deadline=None)
@given(
    rows=hnp.arrays(
        np.float64,
        hnp.array_shapes(min_dims=2, max_dims=2, max_side=6),
        elements=st.floats(-1e15, 1e15, allow_subnormal=True),
    ),
    data=st.data(),
)
def test_every_positive_semi_definite_kernel_has_finite_scores(rows, data):
    n = len(rows)
    labels = np.array(data.draw(st.lists(st.integers(0, 3), min_size=n, max_size=n)))
    kernel = rows @ rows.T
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores, status = scores_of(kernel, labels)
    assert status in ("ok", "singular")
    assert np.isfinite(list(scores.values())).all()
    assert 0 <= scores["lambda_min"] <= scores["lambda_max"]
    assert scores["cond"] >= 1
    assert scores["cosine_cond"] >= 1
    assert -1 - 1e-9 <= scores["alignment"] <= 1 + 1e-9
    assert scores["effective_rank"] <= n * (1 + 1e-9)
    assert scores["bound"] >= 0
