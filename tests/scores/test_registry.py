"""The registry is complete, and takes scores of a user's own."""

import numpy as np
import pytest

from ntknas.errors import InputError
from ntknas.scores import SCORES, Score, ScoreKind, kernel_scores, register_score, score_names

KERNEL, LABELS = np.diag([1.0, 4.0]), np.array([0, 1])
NAMES = {
    ScoreKind.KERNEL: (
        "lambda_min lambda_max cond cosine_lambda_min cosine_lambda_max cosine_cond trace "
        "frobenius mean logdet effective_rank sphericity alignment bound "
        "layer_cosine_lambda_min layer_cosine_lambda_max layer_cosine_cond layer_cosine_sphericity"
    ),
    ScoreKind.PROXY: (
        "grad_norm snip grasp synflow fisher jacob_cov naswot zen croze jacobian_norm hessian swap "
        "meco zico az_expressivity az_progressivity az_trainability vkdnw_entropy vkdnw "
        "input_curvature robust_zcp robust_zcp_minus"
    ),
    ScoreKind.GRAPH: (
        "live_params convolutions depth mean_depth depth_3x3 plain_depth_3x3 direct pools "
        "pool_paths skip_paths linear_pool_paths surplus_linear_paths"
    ),
    ScoreKind.SIZE: "params flops",
}


def test_every_score_is_registered_once_in_the_order_of_tables():
    listed = [name for kind in ScoreKind for name in score_names(kind)]
    assert list(SCORES) == listed
    assert len(set(listed)) == len(listed)
    for kind, names in NAMES.items():
        assert score_names(kind) == tuple(names.split())
    for name, score in SCORES.items():
        assert score.name == name
        assert score.direction in (1, -1)
        assert score.formula
        assert score.source
        assert (score.function is not None) == (score.kind is ScoreKind.KERNEL)


@pytest.fixture
def removed():
    """Take the score "gap" out again."""
    yield
    SCORES.remove("gap")


def gap(stack):
    return stack.eigenvalues[..., -1] - stack.eigenvalues[..., 0]


def test_a_score_of_your_own_is_computed_with_the_others(removed):
    before, status = kernel_scores(KERNEL, LABELS, epsilon=1e-7)
    assert register_score("gap", direction=-1, formula="l_n - l_1")(gap) is gap
    after, same_status = kernel_scores(KERNEL, LABELS, epsilon=1e-7)
    assert list(after) == [*before, "gap"]
    assert after["gap"] == 3
    assert {name: after[name] for name in before} == before
    assert same_status == status
    score = SCORES["gap"]
    assert (score.direction, score.kind) == (-1, ScoreKind.KERNEL)
    assert score_names(ScoreKind.KERNEL)[-1] == "gap"


def test_a_score_of_your_own_is_missing_where_a_kernel_is_not_finite(removed):
    register_score("gap", direction=-1, formula="l_n - l_1")(gap)
    kernels = np.stack([KERNEL, KERNEL * np.nan])
    values, _ = kernel_scores(kernels, LABELS, epsilon=1e-7)
    np.testing.assert_array_equal(values["gap"], [3, np.nan])


def test_a_score_known_from_a_run_has_no_values_until_its_function_comes(removed):
    SCORES.register("gap", Score("gap", "l_n - l_1", -1, "a run", ScoreKind.KERNEL))
    assert "gap" not in score_names(ScoreKind.KERNEL)
    assert "gap" not in kernel_scores(KERNEL, LABELS, epsilon=1e-7)[0]
    register_score("gap", direction=-1, formula="l_n - l_1")(gap)
    assert kernel_scores(KERNEL, LABELS, epsilon=1e-7)[0]["gap"] == 3


@pytest.mark.parametrize("name", ["cond", "params", "croze"])
def test_names_that_are_taken(name):
    with pytest.raises(InputError, match=f"there is a score named '{name}' already"):
        register_score(name, direction=1, formula="0")(gap)
    assert SCORES[name].function is not gap


def test_names_and_directions_that_no_score_can_have():
    with pytest.raises(InputError, match="name of letters, digits and underscores"):
        register_score("gap of 2", direction=1, formula="0")(gap)
    with pytest.raises(InputError, match=r"direction of \+1 or -1"):
        register_score("gap", direction=0, formula="0")(gap)
    assert "gap" not in SCORES


def test_a_name_may_be_used_again_for_the_same_function_alone(removed):
    register_score("gap", direction=-1, formula="l_n - l_1")(gap)
    with pytest.raises(InputError, match="there is a score named 'gap' already"):
        register_score("gap", direction=1, formula="other")(lambda stack: gap(stack))
    assert SCORES["gap"].formula == "l_n - l_1"
