"""A clock that is set back or forth disturbs nothing: only the stamp of a report reads it."""

import re
import time
from pathlib import Path

import pytest

from ntknas.errors import InputError
from ntknas.report import Progress
from ntknas.runs import Run, Store
from tests.engine.tiny import CLEAN, add_made_up

PACKAGE = Path(__file__).parents[1] / "ntknas"
_WALL = re.compile(r"\btime\.time(_ns)?\(|\bimport time_ns|datetime\.(now|today|utcnow)|localtime")
STAMPED = ["report/page/page.py"]


def test_durations_and_locks_read_a_clock_that_nobody_sets():
    found = [
        file.relative_to(PACKAGE).as_posix()
        for file in sorted(PACKAGE.rglob("*.py"))
        if _WALL.search(file.read_text(encoding="utf-8"))
    ]
    assert found == STAMPED


def test_a_run_under_a_clock_that_jumps(tmp_path, monkeypatch, capsys):
    now = [1e9]

    def jumping():
        now[0] = now[0] + 3600 if int(now[0]) % 7 else now[0] - 7201.5
        return now[0]

    monkeypatch.setattr(time, "time", jumping)
    with Store.write(tmp_path) as store, Progress("architectures", first="begins") as progress:
        store.begin({"spec": CLEAN.to_json(), "dtype": "float32"}, [(0, "[0]", "[0]")])
        for done, index in enumerate((3, 7, 9930)):
            progress(done, 3)
            time.time()
            add_made_up(store, CLEAN, index)
            with pytest.raises(InputError, match="another process is writing"):
                Store.write(tmp_path).__enter__()
        progress(3, 3)
    shown = capsys.readouterr().err
    assert "-" not in shown
    assert shown.splitlines()[-1] == "3 of 3 architectures"
    assert Run(tmp_path).ids == [3, 7, 9930]
