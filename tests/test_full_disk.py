"""A full disk at any write: one line, nothing lost that was stored, and it goes on with room."""

import contextlib
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchmarks.reliability import content
from ntknas.attack.state import AttackState, StateFile
from ntknas.cli.torch_code import write_torch_code
from ntknas.errors import InputError
from ntknas.files import write_whole
from ntknas.network import NetworkSpec
from ntknas.report import output_file
from ntknas.runs import Run, Store
from ntknas.search import Evaluation, append_history, read_history
from ntknas.spaces.nasbench201 import NASBENCH201, Architecture
from tests.engine.tiny import CLEAN, made_up

IDS = (3, 7, 9930)
META = {"spec": CLEAN.to_json(), "dtype": "float32"}
BATCHES = [(0, "[0, 1, 2, 3, 4, 5]", "[0, 1, 0, 1, 0, 1]")]


@contextlib.contextmanager
def largest_file(size: int) -> Iterator[None]:
    """No file can grow beyond this number of bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def fill(folder: Path, records: dict[Any, Any]) -> None:
    """Store what a run lacks."""
    with Store.write(folder) as store:
        if not store.meta():
            store.begin(META, BATCHES)
        for index in IDS:
            if index not in store.done():
                architecture = Architecture.from_id(index)
                store.add(architecture, seconds=1.0, counts={}, **records[index])


def test_a_run_survives_a_full_disk_at_any_write(tmp_path):
    """The file system refuses the write that goes beyond a size, for many sizes."""
    records: dict[Any, Any] = {index: made_up(CLEAN, index) for index in IDS}
    fill(tmp_path / "whole", records)
    expected = content(tmp_path / "whole")
    messages = []
    for number, size in enumerate(range(0, 300_000, 7_500)):
        folder = tmp_path / str(number)
        try:
            with largest_file(size):
                fill(folder, records)
        except (OSError, InputError) as error:
            messages.append(str(error).replace(str(folder), "RUN"))
        with contextlib.suppress(InputError):  # it may not have begun
            left = Run(folder)
            for index in left.ids:
                stored = next(gram for _, gram in left._store.grams(index, np.dtype("f4")))
                np.testing.assert_array_equal(stored.gram, records[index]["grams"][0].gram)
        fill(folder, records)
        assert content(folder) == expected
    assert len(messages) > 5
    for message in messages:
        assert message.startswith("cannot write to RUN: ")
        assert message.endswith("; the run can be resumed")


HISTORY = [Evaluation(Architecture.from_id(index), index / 7) for index in (5, 7, 9930)]


def write_history(path: Path) -> None:
    append_history(path, HISTORY)


def write_state(path: Path) -> None:
    StateFile(path, {}, np.zeros((9, 9), np.float32)).write([AttackState.start(np.zeros((9, 99)))])


def write_csv(path: Path) -> None:
    with output_file(path) as temporary:
        pd.DataFrame({"number": range(1000)}).to_csv(temporary)


def write_parquet(path: Path) -> None:
    with output_file(path) as temporary:
        pd.DataFrame({"number": np.random.default_rng(0).random(1000)}).to_parquet(temporary)


def write_text(path: Path) -> None:
    write_whole(path, "text " * 1000)


def write_code(path: Path) -> None:
    write_torch_code(str(path), Architecture.from_id(9930), NetworkSpec())


@pytest.mark.parametrize(
    "write", [write_history, write_state, write_csv, write_parquet, write_text, write_code]
)
def test_a_file_stays_as_it_was(write, tmp_path):
    path = tmp_path / "file.py"
    path.write_text("before")
    with pytest.raises((OSError, InputError)), largest_file(100):
        write(path)
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]
    write(path)
    assert path.stat().st_size > 100


def test_a_history_loses_at_most_the_line_that_did_not_fit(tmp_path):
    path = tmp_path / "history.csv"
    append_history(path, HISTORY[:2])
    with pytest.raises(OSError, match="too large"), largest_file(path.stat().st_size + 9):
        append_history(path, HISTORY, stored=2)
    assert read_history(path, NASBENCH201) == HISTORY[:2]
    append_history(path, read_history(path, NASBENCH201))  # as a search does that goes on
    append_history(path, HISTORY, stored=2)
    assert read_history(path, NASBENCH201) == HISTORY


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="needs the right to mount a file system")
def test_a_file_system_that_is_full(tmp_path):
    """A real one, of a few hundred kilobytes, which then gets larger."""
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(place)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("needs the right to mount a file system")
    words = "score --archs random:60 --preset fast --channels 4 --cells 1 --batch-size 6 --out"
    command = [sys.executable, "-m", "ntknas", *words.split(), str(place / "run")]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert "Traceback" not in done.stderr
        assert done.stderr.splitlines()[-1].endswith("; the run can be resumed")
        left = Run(place / "run").ids
        assert 0 < len(left) < 60
        subprocess.run(["mount", "-o", "remount,size=9m", str(place)], check=True)
        subprocess.run(command, capture_output=True, check=True)
        assert set(left) < set(Run(place / "run").ids)
        assert len(Run(place / "run").ids) == 60
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)
