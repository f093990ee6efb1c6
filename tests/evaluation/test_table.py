"""Tables of scores: where they come from, what is added to them, how names are resolved."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import ntknas
from ntknas.errors import InputError
from ntknas.evaluation import (
    RANKINGS,
    correlate,
    default_ranking,
    rank,
    score_table,
    sweep_medians,
)
from ntknas.runs import Run, load_precomputed
from ntknas.runs.registered import own_score_records
from ntknas.scores import SCORES, RankSum, ScoreKind, score_names
from ntknas.spaces import Architecture, architectures
from tests.evaluation.conftest import MEMBER
from tests.evaluation.made_up import make_run

DEFAULT = RANKINGS["default"].formula

COUNTS = (*score_names(ScoreKind.GRAPH), *score_names(ScoreKind.SIZE))


def test_a_run_brings_its_space(run):
    table = score_table(run)
    pd.testing.assert_frame_equal(table.frame, run.scores())
    assert table.constant == (MEMBER,)
    assert table.strings == {i: Architecture.from_id(i).string for i in run.ids}
    assert list(table.names.values()) == list(run.scores().columns)


def test_the_folder_of_a_run_is_as_good_as_the_run(run, tmp_path):
    pd.testing.assert_frame_equal(rank(str(run.folder)), rank(run))
    pd.testing.assert_frame_equal(score_table(run.folder).frame, run.scores())
    with pytest.raises(InputError, match="no run"):
        score_table(tmp_path / "nothing")


def test_a_frame_of_a_run_is_as_good_as_the_run(run):
    of_run = score_table(run)
    scores = run.scores()
    for frame in (scores, scores.loc[run.ids], scores[list(scores.columns)], scores.head(31)):
        table = score_table(frame)
        assert table.constant == of_run.constant
        assert table.strings == of_run.strings
    half = score_table(scores[["cond@clean"]].tail(5))
    assert list(half.frame.columns) == ["cond@clean", *COUNTS]
    pd.testing.assert_frame_equal(half.frame[list(COUNTS)], scores[list(COUNTS)].tail(5))


def test_a_table_is_not_read_again(run, truth, monkeypatch):
    table = score_table(run)
    expected = rank(run, top=3), correlate(run, truth, names=["cond@clean"], resamples=0)
    monkeypatch.setattr(Run, "scores", None)
    assert score_table(table) is table
    pd.testing.assert_frame_equal(rank(table, top=3), expected[0])
    found = correlate(table, truth, dataset="cifar10", names=["cond@clean"], resamples=0)
    pd.testing.assert_frame_equal(found, expected[1])
    everywhere = correlate(table, truth, names=[], resamples=0)  # the data set of the run
    assert set(everywhere["dataset"]) == {"cifar10"}


def test_the_precomputed_table():
    table = score_table(load_precomputed())
    assert len(table.frame) == 6466
    ids = table.frame.index.tolist()
    assert set(table.constant) == {i for i in ids if Architecture.from_id(i).is_constant}
    assert table.default == DEFAULT


def test_a_frame_of_ones_own_is_left_as_it_is():
    frame = pd.DataFrame({"cond@clean": np.arange(12.0)}, index=range(1, 13))
    table = score_table(frame)
    pd.testing.assert_frame_equal(table.frame, frame)
    assert table.constant == ()
    assert table.strings == {i: str(i) for i in range(1, 13)}


def test_a_frame_can_be_said_to_be_of_nasbench201():
    frame = pd.DataFrame({"cond@clean": np.arange(12.0)}, index=range(1, 13))
    table = score_table(frame, space="nasbench201")
    assert list(table.frame.columns) == ["cond@clean", *COUNTS]
    assert table.constant == tuple(i for i in range(1, 13) if Architecture.from_id(i).is_constant)
    assert 12 in table.constant
    assert table.strings[12] == Architecture.from_id(12).string
    frame.attrs["space"] = "nasbench201"
    assert score_table(frame).constant == table.constant
    assert score_table(frame, space="elsewhere").constant == ()
    with pytest.raises(InputError, match="15624"):
        score_table(pd.DataFrame({"cond@clean": [1.0]}, index=[15625]), space="nasbench201")


def test_labels_of_nasbench201_are_ids():
    frame = pd.DataFrame({"cond@clean": [1.0, 2.0]}, index=["small", "large"])
    assert list(score_table(frame).strings) == ["small", "large"]
    with pytest.raises(InputError, match="ids of NAS-Bench-201 .* got 'small'"):
        score_table(frame, space="nasbench201")


def test_spellings_of_a_name(run):
    table = score_table(run)
    for text in ("cond@robust:8/255", "cond@robust:0.0313725", f"cond@robust:{8 / 255!r}"):
        assert str(table.resolve(text)) == "cond@robust:8/255"
    assert str(table.resolve("cond@mixed_clean:8/255:1/2")) == "cond@mixed_clean:8/255:0.5"
    several = "cond@robust:0.03137 + params - pool_paths"
    assert str(table.resolve(several)) == "cond@robust:8/255+params-pool_paths"
    parsed = RankSum.parse(several)
    assert table.resolve(parsed) == table.resolve(several)
    assert table.resolve("default") == DEFAULT


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("banana", "unknown score 'banana'"),
        ("cond@robust:5/255", "the kernels are clean, .*robust:3/255"),
        ("cond@clean-banana", "unknown score 'banana'"),
        ("cond@clean+", "unknown score ''"),
        ("grad_norm", "made without zero-cost proxies"),
        ("cond@clean-cond@clean", "cond@clean in cond@clean-cond@clean with one sign"),
        ("-cond@robust:8/255+cond@robust:0.0313725", "cond@robust:8/255 in .* with one sign"),
    ],
)
def test_names_that_are_refused(run, name, complaint):
    with pytest.raises(InputError, match=complaint):
        score_table(run).resolve(name)


def test_a_score_that_is_missing_among_ones_own():
    table = score_table(pd.DataFrame({"params": [1.0, 2.0]}, index=["a", "b"]))
    with pytest.raises(InputError, match="no score flops here; there are: params"):
        table.resolve("flops")


def test_values_are_not_turned_and_sums_are_of_ranks(run):
    table, scores = score_table(run), run.scores()
    names = [table.resolve(n) for n in ("cond@clean", "params+flops", "-params")]
    values = table.values(names)
    assert list(values.columns) == ["cond@clean", "params+flops", "-params"]
    pd.testing.assert_series_equal(values["cond@clean"], scores["cond@clean"])
    ranks = (-scores["params"]).rank() + (-scores["flops"]).rank()
    pd.testing.assert_series_equal(values["params+flops"], ranks / 31, check_names=False)
    turned = scores["params"].rank() / 31
    pd.testing.assert_series_equal(values["-params"], turned, check_names=False)
    assert table.raw(names) == ["params+flops", "-params"]


def test_default_ranking_without_a_clean_kernel(run):
    robust = run.scores()
    robust = robust[[name for name in robust if "@" not in name or "@robust" in name]]
    expected = str(DEFAULT).replace("@clean", "@robust:3/255")
    assert default_ranking(robust) == expected
    assert default_ranking(run) == str(DEFAULT)


def test_default_ranking_of_ones_own(texts):
    assert default_ranking(texts) == "layer_cosine_lambda_min@clean+params"
    bare = pd.DataFrame({"sphericity@robust:8/255": [1.0, 2.0]}, index=["a", "b"])
    assert default_ranking(bare) == "sphericity@robust:8/255"
    with pytest.raises(InputError, match="expected a score to rank by; there are: cond@clean"):
        default_ranking(pd.DataFrame({"cond@clean": [1.0]}, index=["a"]))


@pytest.fixture
def gap():
    """A score that is registered for the length of a test."""

    @ntknas.register_score("gap", direction=-1, formula="l_n - l_1", source="these tests")
    def gap(stack):
        return stack.eigenvalues[..., -1] - stack.eigenvalues[..., 0]

    yield gap
    SCORES.remove("gap")


def test_a_registered_score_stands_in_a_run_that_was_made_before(run, truth, gap):
    columns = list(run.scores().columns)
    names = [name for name in columns if name.startswith("gap@")]
    assert names == [f"gap@{n.split('@')[1]}" for n in columns if n.startswith("lambda_min@")]
    assert len(names) == len(run.spec.kernel_rows())
    label = run.ids[4]
    table = run.table()
    scores = run.scores(table)
    values = np.linalg.eigvalsh(run.kernels(label, rho=8 / 255).robust)
    assert scores["gap@robust:8/255"][label] == pytest.approx(values[-1] - values[0])
    (stored,) = table[(table["id"] == label) & (table["kernel"] == "clean")]["gap"]
    assert stored == scores["gap@clean"][label]

    best = scores["gap@clean"].drop(MEMBER).idxmin()
    assert rank(run, "gap@clean", top=1)["id"].tolist() == [best]
    assert rank(run, "gap@clean-params")["id"].iloc[-1] == MEMBER
    found = correlate(run, truth, metrics=["clean"], combine=["gap@clean+params"], resamples=0)
    assert {*names, "gap@clean+params"} <= set(found["score"])
    gaps = scores["gap@clean"].where(scores.index != MEMBER, np.inf)
    accuracy = [round(truth.value(i, "cifar10", "clean"), 6) for i in gaps.index]
    row = found.query("score == 'gap@clean'").iloc[0]
    assert row["spearman"] == pytest.approx(stats.spearmanr(-gaps.rank(), accuracy).statistic)
    assert row["direction"] == -1
    assert set(sweep_medians(run, [0.5], ["gap"])["score"]) == {"gap"}


def test_a_score_that_is_not_registered_is_unknown(run):
    assert "gap@clean" not in run.scores()
    with pytest.raises(InputError, match="unknown score 'gap'"):
        rank(run, "gap@clean")


def test_a_run_made_with_a_registered_score_brings_it_along(tmp_path, gap):
    meta = {"scores": own_score_records()}
    made = make_run(tmp_path / "run", architectures("random:5"), meta=meta)
    expected, ranked = made.scores(), rank(made, "gap@clean")
    SCORES.remove("gap")  # as in a process that never heard of it
    read = Run(tmp_path / "run")
    assert (SCORES["gap"].direction, SCORES["gap"].function) == (-1, None)
    assert SCORES["gap"].source == "these tests"
    pd.testing.assert_frame_equal(read.scores(), expected)
    pd.testing.assert_frame_equal(rank(read, "gap@clean"), ranked)
    assert len(rank(read, "gap@robust:8/255+params")) == 5
    ntknas.register_score("gap", direction=-1, formula="l_n - l_1")(gap)  # and again by hand
    pd.testing.assert_frame_equal(read.scores(), expected)


@pytest.mark.parametrize(
    ("scores", "complaint"),
    [
        (pd.DataFrame({"banana@clean": [1.0]}, index=["a"]), "unknown score 'banana'"),
        (pd.DataFrame({"cond@clean": [1.0]}, index=[0.5]), "got float"),
        (pd.DataFrame({"cond@clean": [1.0, 2.0]}, index=["a", "a"]), "got a more than once"),
        (pd.DataFrame(), "got 0 architectures"),
        ({"cond": [1.0]}, "a run, its folder, .* got dict"),
    ],
)
def test_what_is_no_table(scores, complaint):
    # It is refused by this function itself, not only by the types that tests check.
    function = getattr(score_table, "__wrapped__", score_table)
    with pytest.raises(InputError, match=complaint):
        function(scores)


def test_public_names():
    names = vars(ntknas)["__all__"]
    assert {"rank", "correlate", "register_score", "truth_from_frame"} <= set(names)
    for name in names:
        assert getattr(ntknas, name).__doc__
    assert set(names) <= set(dir(ntknas))
    assert (ntknas.rank, ntknas.correlate) == (rank, correlate)
    assert ntknas.evaluation.score_table is score_table
    with pytest.raises(AttributeError, match="banana"):
        getattr(ntknas, "banana")  # noqa: B009


def test_patterns_of_names(run):
    table = score_table(run)
    held = list(table.names.values())
    of_lambda = [name for name in held if name.startswith("lambda_min@")]
    assert table.matching(["lambda_min@*", "params"]) == [*of_lambda, "params"]
    assert table.matching(["cond@robust:0.0313725"]) == ["cond@robust:0.0313725"]  # no pattern
    assert table.matching(["params", "par?ms"]) == ["params"]
    with pytest.raises(InputError, match=r"a pattern that a score matches, got 'banana\*'"):
        table.matching(["banana*"])
