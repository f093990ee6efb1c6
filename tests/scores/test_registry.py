"""The registry is complete, and every name can be written and read back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntknas.errors import InputError
from ntknas.kernel import KernelName
from ntknas.scores import (
    KERNEL_SCORES,
    SCORES,
    SIZE_SCORES,
    STRUCTURE_SCORES,
    ZERO_COST_SCORES,
    ScoreName,
    format_fraction,
    parse_fraction,
)


def test_every_score_is_registered_once():
    assert set(SCORES) == {*KERNEL_SCORES, *ZERO_COST_SCORES, *STRUCTURE_SCORES, *SIZE_SCORES}
    for name, score in SCORES.items():
        assert score.name == name
        assert score.direction in (1, -1)
        assert score.formula
        assert score.source


def test_directions_of_the_published_scores():
    assert ScoreName.parse("lambda_min@clean").direction == 1
    assert ScoreName.parse("cond@robust:8/255").direction == -1
    assert ScoreName.parse("params").direction == 1


radii = st.one_of(
    st.integers(0, 255).map(lambda k: k / 255),
    st.decimals(0, 1, places=4).map(float),
    st.floats(0, 1),
)
betas = st.one_of(st.decimals(0, 1, places=3).map(float), st.floats(0, 1))


@given(
    score=st.sampled_from(KERNEL_SCORES), kernel=st.sampled_from(KernelName), rho=radii, beta=betas
)
def test_names_of_kernel_scores_round_trip(score, kernel, rho, beta):
    name = ScoreName(
        score,
        kernel,
        None if kernel is KernelName.CLEAN else rho,
        beta if kernel.mixed else None,
    )
    assert ScoreName.parse(str(name)) == name


@pytest.mark.parametrize("score", [*STRUCTURE_SCORES, *SIZE_SCORES])
def test_names_of_size_scores_round_trip(score):
    assert str(ScoreName.parse(score)) == score


@given(radii)
def test_fractions_round_trip(value):
    assert parse_fraction(format_fraction(value)) == value


@pytest.mark.parametrize(
    ("value", "text"),
    [(3 / 255, "3/255"), (8 / 255, "8/255"), (1.0, "1"), (0.0, "0"), (0.03, "0.03"), (2.0, "2")],
)
def test_fractions_read_well(value, text):
    assert format_fraction(value) == text


@pytest.mark.parametrize(
    "text", ["", "a", "1/0", "1/", "/2", "1/2/3", "nan", "inf", "1/nan", "8,5"]
)
def test_bad_numbers(text):
    with pytest.raises(InputError, match="expected a"):
        parse_fraction(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "unknown score ''"),
        ("condition@clean", "unknown score 'condition'; known: lambda_min"),
        ("cond", "takes a kernel, such as cond@clean"),
        ("params@clean", "takes no kernel"),
        ("cond@", "unknown kernel ''"),
        ("cond@dirty", "unknown kernel 'dirty'; known: clean, robust"),
        ("cond@CLEAN", "unknown kernel"),
        ("cond@clean:8/255", "expected cond@clean, got"),
        ("cond@robust", "expected cond@robust:RHO, got"),
        ("cond@twice:8/255:0.5", "expected cond@twice:RHO, got"),
        ("cond@mixed_clean:8/255", "expected cond@mixed_clean:RHO:BETA, got"),
        ("cond@robust:eight", "expected a number such as"),
        ("cond@robust:-1", "rho"),
        ("cond@mixed_clean:8/255:1.5", "beta"),
        ("cond@mixed_clean:8/255:-0.5", "beta"),
    ],
)
def test_bad_names(text, message):
    with pytest.raises(InputError, match=message) as caught:
        ScoreName.parse(text)
    assert "\n" not in str(caught.value)
