"""Runs of the same settings become one, with the numbers of a run made in one go."""

import contextlib
import json
import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pandas.testing import assert_frame_equal

import ntknas
from ntknas.cli.main import main
from ntknas.errors import InputError
from ntknas.kernel import Batch
from ntknas.layers import Norm
from ntknas.network import NetworkSpec
from ntknas.runs import Run, Store, merge_runs
from ntknas.runs.registered import own_score_records
from ntknas.runs.store import DATABASE
from ntknas.scores import SCORES, Score, ScoreKind
from tests.engine.tiny import CLEAN, add_made_up

OLD = Path(__file__).parents[1] / "golden" / "version_0_1_0" / "image"
SPEC = ntknas.ScoringSpec(
    batch_size=3,
    batches=(Batch.CLEAN,),
    seeds=2,
    network=NetworkSpec(channels=2, cells=1, norm=Norm.IMAGE),
)
IDS = [0, 5, 10, 9930, 15000]


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """Three runs, two of which share an architecture, and all in one."""
    folder = tmp_path_factory.mktemp("parts")
    chosen = {"a": IDS[:2], "b": IDS[1:4], "c": IDS[4:], "whole": IDS}
    for name, ids in chosen.items():
        ntknas.score(ids, out=folder / name, spec=SPEC)
    return folder


def same(first, second):
    times = ["seconds"]
    ours, theirs = (run.table().drop(columns=times, errors="ignore") for run in (first, second))
    assert_frame_equal(ours, theirs)
    for index in first.ids:
        for seed in range(2):
            np.testing.assert_array_equal(
                first.kernels(index, seed=seed).gram, second.kernels(index, seed=seed).gram
            )


def test_the_joined_run_is_the_whole_one(parts, tmp_path):
    run, skipped = merge_runs([parts / "a", parts / "b", parts / "c"], out=tmp_path / "out")
    assert skipped == 1
    assert run.spec == ntknas.Run(parts / "whole").spec
    same(run, ntknas.Run(parts / "whole"))
    # It grows, by merging and by scoring.
    again, skipped = merge_runs([parts / "whole"], out=tmp_path / "out")
    assert skipped == 5
    assert again.ids == run.ids
    assert ntknas.score([*IDS, 20], out=tmp_path / "out", spec=SPEC).ids == sorted([*IDS, 20])


def test_runs_of_other_settings_are_refused(parts, tmp_path):
    other = replace(SPEC, batch_size=4)
    ntknas.score([20], out=tmp_path / "other", spec=other)
    for runs in ([parts / "a", tmp_path / "other"], [tmp_path / "other", parts / "a"]):
        with pytest.raises(InputError, match=r"expected runs of the same settings.*batch_size: "):
            merge_runs(runs, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with pytest.raises(InputError, match="batch_size"):
        merge_runs([parts / "a"], out=tmp_path / "other")
    assert ntknas.Run(tmp_path / "other").ids == [20]


def test_what_cannot_be_merged_is_one_line(parts, tmp_path):
    with pytest.raises(InputError, match="expected at least one run to merge, got none"):
        merge_runs([], out=tmp_path)
    with pytest.raises(InputError, match="expected another folder than"):
        merge_runs([parts / "a", parts / "b"], out=parts / "a")
    with pytest.raises(InputError, match="no run in"):
        merge_runs([parts / "a", tmp_path / "nothing"], out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_shards_and_merge_on_the_command_line(parts, tmp_path, capsys):
    tiny = "--preset fast --channels 2 --cells 1 --batch-size 3 --seeds 2"
    for part in (1, 2):
        argv = f"score --archs {','.join(map(str, IDS))} {tiny} --shard {part}/2 --out"
        assert main([*argv.split(), str(tmp_path / str(part))]) == 0
    assert ntknas.Run(tmp_path / "1").ids == IDS[::2]
    assert ntknas.Run(tmp_path / "2").ids == IDS[1::2]
    capsys.readouterr()
    assert (
        main(["merge", str(tmp_path / "1"), str(tmp_path / "2"), "--out", str(tmp_path / "m")]) == 0
    )
    output = capsys.readouterr()
    assert output.out == f"run: {tmp_path / 'm'} (5 architectures)\n"
    same(ntknas.Run(tmp_path / "m"), ntknas.Run(parts / "whole"))


@pytest.mark.parametrize(
    ("shard", "message"),
    [
        ("0/2", "expected I/N with 1 <= I <= N, got '0/2'"),
        ("3/2", "expected I/N"),
        ("half", "expected I/N"),
        ("1/9", "--shard 1/9 of 5 architectures leaves none"),
    ],
)
def test_bad_shards(shard, message, capsys, tmp_path):
    argv = f"score --archs {','.join(map(str, IDS))} --preset fast --shard {shard} --out"
    assert main([*argv.split(), str(tmp_path / "run")]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.fixture
def gap():
    """A function that registers a score of a user; the score goes when the test ends."""

    def register(direction=-1):
        @ntknas.register_score("gap", direction=direction, formula="l_n - l_1")
        def largest_minus_smallest(stack):
            return stack.eigenvalues[..., -1] - stack.eigenvalues[..., 0]

    yield register
    SCORES.remove("gap")


@pytest.fixture
def old_run(tmp_path):
    """A copy of a run of version 0.1.0, which has neither checksums nor records of scores."""
    return Path(shutil.copytree(OLD, tmp_path / "old"))


def make_run(folder, ids):
    """A run with made-up kernels and the scores that are registered now."""
    labels = json.dumps([0, 1] * (CLEAN.batch_size // 2))
    meta = {"spec": CLEAN.to_json(), "dtype": "float32", "scores": own_score_records()}
    with Store.write(folder) as store:
        store.begin(meta, [(0, json.dumps(list(range(CLEAN.batch_size))), labels)])
        for index in ids:
            add_made_up(store, CLEAN, index)
    return folder


def changed(folder, statement):
    """A run that another program has changed."""
    with contextlib.closing(sqlite3.connect(folder / DATABASE)) as connection, connection:
        connection.execute(statement)
    return folder


def content(folder):
    """All that is stored in a run, as SQL."""
    with contextlib.closing(sqlite3.connect(folder / DATABASE)) as connection:
        return list(connection.iterdump())


def assert_gap_is_complete(folder):
    table = Run(folder).table()
    np.testing.assert_allclose(table["gap"], table["lambda_max"] - table["lambda_min"])


@pytest.mark.parametrize("has_target", [False, True])
def test_a_registered_score_of_a_later_run_keeps_its_record(has_target, tmp_path, gap):
    first = make_run(tmp_path / "first", [3, 5])
    gap()
    second = make_run(tmp_path / "second", [5, 7])
    SCORES.remove("gap")
    out = tmp_path / "out"
    if has_target:
        merge_runs([first], out=out)
    run, _ = merge_runs([first, second], out=out)
    expected = {"formula": "l_n - l_1", "direction": -1, "source": "registered by the user"}
    assert json.loads(run.meta["scores"]) == {"gap": expected}
    assert (SCORES["gap"].direction, SCORES["gap"].function) == (-1, None)
    known = run.scores()["gap@clean"].dropna()
    assert known.to_dict() == {7: Run(second).scores().loc[7, "gap@clean"]}
    assert ntknas.rank(run, "gap@clean", top=1)["id"].tolist() == [7]


def test_an_older_run_gets_the_scores_that_are_registered_now(old_run, tmp_path, gap):
    gap()
    run, _ = merge_runs([old_run], out=tmp_path / "out")
    assert_frame_equal(run.table(), Run(old_run).table(), check_exact=True)
    assert_gap_is_complete(run.folder)
    ranked = ntknas.rank(run, "gap@clean")
    SCORES.remove("gap")  # as in a process that never heard of it
    assert_frame_equal(ntknas.rank(Run(run.folder), "gap@clean"), ranked)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_scores_that_some_runs_lack_are_computed(order, tmp_path, gap):
    without = make_run(tmp_path / "without", [3, 5])
    gap()
    sources = [without, make_run(tmp_path / "with", [5, 7])]
    run, skipped = merge_runs([sources[place] for place in order], out=tmp_path / "out")
    assert (run.ids, skipped) == ([3, 5, 7], 1)
    assert_gap_is_complete(run.folder)


def test_scores_that_the_target_lacks_are_computed(tmp_path, gap):
    target = make_run(tmp_path / "out", [3])
    gap()
    source = make_run(tmp_path / "source", [5])
    merge_runs([source], out=target)
    assert_gap_is_complete(target)


def test_architectures_that_are_skipped_keep_their_scores(tmp_path, gap):
    source = make_run(tmp_path / "source", [3, 5])
    gap()
    target = make_run(tmp_path / "out", [3])
    SCORES.remove("gap")
    ntknas.register_score("gap", direction=-1, formula="0")(lambda stack: 0 * stack.lambda_min)
    scores = merge_runs([source], out=target)[0].scores()["gap@clean"]
    assert scores[3] > 0
    assert scores[5] == 0


def test_scores_of_one_name_and_two_directions_are_refused(tmp_path, gap):
    gap(1)
    ascending = make_run(tmp_path / "ascending", [3])
    SCORES.remove("gap")
    gap(-1)
    descending = make_run(tmp_path / "descending", [5])
    before = content(descending)
    message = "expected one meaning of score gap, but .* direction .1 .* direction .1 "
    with pytest.raises(InputError, match=message):
        merge_runs([ascending], out=tmp_path / "out")  # the score is registered otherwise
    SCORES.remove("gap")
    with pytest.raises(InputError, match=message):
        merge_runs([descending, ascending], out=tmp_path / "out")
    with pytest.raises(InputError, match=message):
        merge_runs([ascending], out=descending)
    assert not (tmp_path / "out").exists()
    assert content(descending) == before


def test_a_score_of_another_kind_is_refused(tmp_path, gap):
    gap()
    source = make_run(tmp_path / "source", [3])
    SCORES.remove("gap")
    SCORES.register("gap", Score("gap", "a count", -1, "these tests", ScoreKind.GRAPH))
    with pytest.raises(InputError, match="there are a graph score .* and a kernel score"):
        merge_runs([source], out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE gram SET upper = zeroblob(length(upper)) WHERE id = 7",
        "UPDATE score SET cond = 1.0 WHERE id = 7",
        "UPDATE architecture SET string = '' WHERE id = 7",
        "DELETE FROM score WHERE id = 7",
        "DELETE FROM architecture WHERE id = 7",
    ],
)
def test_of_a_damaged_run_nothing_is_left(statement, tmp_path):
    first, target = make_run(tmp_path / "first", [3]), make_run(tmp_path / "target", [10])
    second = changed(make_run(tmp_path / "second", [5, 7]), statement)
    before = content(target)
    for out in (tmp_path / "out", target):
        with pytest.raises(InputError, match=f"{second}.* is damaged"):
            merge_runs([first, second], out=out)
    assert not (tmp_path / "out").exists()
    assert content(target) == before


def test_of_a_damaged_run_without_checksums_nothing_is_left(old_run, tmp_path):
    other = Path(shutil.copytree(OLD, tmp_path / "other"))
    changed(old_run, "UPDATE gram SET upper = x'00' WHERE id = 3842")
    with pytest.raises(InputError, match="is damaged: a matrix is incomplete"):
        merge_runs([other, old_run], out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_runs_are_added_together_or_not_at_all(tmp_path):
    """A score that cannot be computed for the last run ends the merge when others are added."""
    sources = [make_run(tmp_path / str(index), [index]) for index in (5, 7)]
    target = make_run(tmp_path / "out", [3])
    before = content(target)
    calls = iter(range(2))  # for the target and the first source

    @ntknas.register_score("gap", direction=-1, formula="l_n - l_1")
    def gap(stack):
        if next(calls, None) is None:
            raise ArithmeticError
        return stack.lambda_max - stack.lambda_min

    try:
        with pytest.raises(ArithmeticError):
            merge_runs(sources, out=target)
    finally:
        SCORES.remove("gap")
    assert content(target) == before
    assert merge_runs(sources, out=target)[0].ids == [3, 5, 7]
