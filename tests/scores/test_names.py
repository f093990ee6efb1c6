"""Names of scores and of rank sums can be written and read back."""

import pytest
from hypothesis import given, strategies as st

from ntknas.errors import InputError
from ntknas.kernel import KernelName
from ntknas.scores import SCORES, RankSum, ScoreKind, ScoreName, score_names
from tests.scores.test_fraction import radii

WITHOUT_KERNEL = [
    name
    for kind in (ScoreKind.PROXY, ScoreKind.GRAPH, ScoreKind.SIZE)
    for name in score_names(kind)
]
betas = st.one_of(st.decimals(0, 1, places=3).map(float), st.floats(0, 1))


of_kernels = st.tuples(
    st.sampled_from(score_names(ScoreKind.KERNEL)), st.sampled_from(KernelName), radii, betas
)
any_parts = st.one_of(of_kernels, st.tuples(st.sampled_from(WITHOUT_KERNEL)))


def name_of(score, kernel=None, rho=None, beta=None):
    """A name with the radius and the beta that its kernel takes."""
    attacked = kernel not in (None, KernelName.CLEAN)
    return ScoreName(
        score, kernel, rho if attacked else None, beta if attacked and kernel.mixed else None
    )


def test_directions_of_the_published_scores():
    assert ScoreName.parse("lambda_min@clean").direction == 1
    assert ScoreName.parse("cond@robust:8/255").direction == -1
    assert ScoreName.parse("params").direction == 1


@given(of_kernels)
def test_names_of_kernel_scores_round_trip(parts):
    name = name_of(*parts)
    assert ScoreName.parse(str(name)) == name


@pytest.mark.parametrize("score", WITHOUT_KERNEL)
def test_names_without_a_kernel_round_trip(score):
    assert str(ScoreName.parse(score)) == score
    assert ScoreName.parse(score) == ScoreName(score)


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


def test_a_name_takes_the_kernel_of_another():
    mixed = ScoreName.parse("trace@mixed_robust:8/255:0.5")
    assert str(ScoreName("cond").of(mixed)) == "cond@mixed_robust:8/255:0.5"
    assert mixed.kernel_text == "mixed_robust:8/255:0.5"
    assert ScoreName("params").kernel_text == ""


@pytest.mark.parametrize(
    ("other", "same"),
    [
        ("cond@mixed_clean:0.031373:0.5", True),
        ("cond@mixed_clean:8/255:0.50001", True),
        ("cond@mixed_clean:0.0314:0.5", False),
        ("cond@mixed_clean:8/255:0.501", False),
        ("cond@mixed_robust:8/255:0.5", False),
        ("trace@mixed_clean:8/255:0.5", False),
        ("cond@robust:8/255", False),
    ],
)
def test_names_that_agree_to_four_digits_are_the_same(other, same):
    name, other = ScoreName.parse("cond@mixed_clean:8/255:0.5"), ScoreName.parse(other)
    assert name.same(other) == other.same(name) == same
    assert (name == other) is False


@given(st.lists(st.tuples(any_parts, st.sampled_from([1, -1])), min_size=1, max_size=4))
def test_rank_sums_round_trip(parts):
    terms, signs = zip(*parts, strict=True)
    ranking = RankSum(tuple(name_of(*term) for term in terms), signs)
    assert RankSum.parse(str(ranking)) == ranking
    spaced = "".join(
        f" {'+' if sign > 0 else '-'} {term}"
        for sign, term in zip(ranking.signs, ranking.terms, strict=True)
    )
    assert RankSum.parse(spaced) == ranking


@pytest.mark.parametrize(
    ("text", "terms", "signs"),
    [
        ("params", ["params"], (1,)),
        ("-params", ["params"], (-1,)),
        ("+params", ["params"], (1,)),
        ("params - pools + flops", ["params", "pools", "flops"], (1, -1, 1)),
        ("cond@robust:1e-05-params", ["cond@robust:1e-05", "params"], (1, -1)),
        ("-cond@robust:1E-3+pools", ["cond@robust:0.001", "pools"], (-1, 1)),
        ("cond@robust:1e+0+pools", ["cond@robust:1", "pools"], (1, 1)),
        ("cond@robust:1.e-2-pools", ["cond@robust:0.01", "pools"], (1, -1)),
        (
            "cond@mixed_clean:2e-3/255:5e-1-depth_3x3",
            ["cond@mixed_clean:7.84313725490196e-06:0.5", "depth_3x3"],
            (1, -1),
        ),
    ],
)
def test_signs_of_numbers_are_no_signs_of_terms(text, terms, signs):
    ranking = RankSum.parse(text)
    assert ([str(term) for term in ranking.terms], ranking.signs) == (terms, signs)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "unknown score ''"),
        ("params+", "unknown score ''"),
        ("params+-pools", "unknown score ''"),
        ("--params", "unknown score ''"),
        ("params+cond", "takes a kernel"),
        ("params*2", r"unknown score 'params\*2'"),
    ],
)
def test_bad_sums(text, message):
    with pytest.raises(InputError, match=message):
        RankSum.parse(text)


def test_terms_and_signs_belong_together():
    params, pools = ScoreName("params"), ScoreName("pools")
    assert RankSum((params, pools)).signs == (1, 1)
    assert RankSum.of(["params", pools]) == RankSum((params, pools), (1, 1))
    for signs in ((1,), (1, -1, 1), (1, 2), (1, 0)):
        with pytest.raises(InputError, match=r"expected a sign of \+1 or -1 for each score"):
            RankSum((params, pools), signs)
    with pytest.raises(InputError, match="got none"):
        RankSum(())


def test_a_single_score_keeps_its_direction():
    assert RankSum.parse("lambda_min@clean").single == ScoreName.parse("lambda_min@clean")
    assert RankSum.parse("lambda_min@clean").direction == 1
    assert RankSum.parse("cond@clean").direction == -1
    # Ranks are summed, and the best rank is the first.
    for text in ("-lambda_min@clean", "params+flops"):
        assert RankSum.parse(text).single is None
        assert RankSum.parse(text).direction == -1


def test_no_name_of_a_score_can_swallow_a_sign():
    for name in SCORES:
        terms = RankSum.parse(f"{name}-pools" if name in WITHOUT_KERNEL else f"{name}@clean-pools")
        assert [term.score for term in terms.terms] == [name, "pools"]
