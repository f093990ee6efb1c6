"""Runs of the same settings become one, with the numbers of a run made in one go."""

from dataclasses import replace

import numpy as np
import pytest
from pandas.testing import assert_frame_equal

import ntknas
from ntknas.cli.main import main
from ntknas.errors import InputError
from ntknas.kernel import Batch
from ntknas.layers import Norm
from ntknas.network import NetworkSpec
from ntknas.runs import merge_runs

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
