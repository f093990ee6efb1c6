"""Ratios to a baseline, by name; bad files are one line and exit status 2."""

import json
import math
import re

import pytest

from benchmarks.compare import compare, figures, main
from ntknas.errors import InputError

BASELINE = {
    "benchmark": "speed",
    "config": {"cells": 5},
    "machine": {"cores": 2, "memory_gib": 8},
    "mean_seconds": 2.0,
    "peak_mb": 100,
    "gone_seconds": 1.0,
    "quartiles": [1.0, 3.0],
    "rows": [{"id": 7, "torch": {"seconds": 4.0}}, {"id": 9, "torch": {"seconds": 8.0}}],
    "parts": [{"cache_bytes": 10}, {"cache_bytes": 0}],
}
NEW = {
    "benchmark": "speed",
    "config": {"cells": 5},
    "machine": {"cores": 4, "memory_gib": 8},
    "mean_seconds": 1.0,
    "peak_mb": 150.0,
    "new_ratio": 0.5,
    "quartiles": [2.0, 6.0],
    "rows": [{"id": 9, "torch": {"seconds": 2.0}}, {"id": 7, "torch": {"seconds": 5.0}}],
    "parts": [{"cache_bytes": 30}, {"cache_bytes": 0}],
}
RATIOS = {
    "mean_seconds": 0.5,
    "peak_mb": 1.5,
    "rows.9.torch.seconds": 0.25,
    "rows.7.torch.seconds": 1.25,
    "parts.0.cache_bytes": 3.0,
    "parts.1.cache_bytes": 1.0,
}


def test_ratios_of_what_both_hold():
    assert compare(NEW, BASELINE) == RATIOS


def test_a_baseline_of_zero():
    assert compare({"a_mb": 1.0}, {"a_mb": 0}) == {"a_mb": math.inf}


def test_numbers_only():
    assert list(figures({"a_seconds": None, "b_seconds": True, "ratio": "1", "mb": 2})) == [
        ("mb", 2.0)
    ]


@pytest.mark.parametrize(
    ("new", "message"),
    [
        ({**NEW, "benchmark": "memory"}, "of one benchmark, got memory and speed"),
        ({"benchmark": "speed", "cores": 2}, "share no figure"),
    ],
)
def test_results_that_cannot_be_compared(new, message):
    with pytest.raises(InputError, match=message):
        compare(new, BASELINE)


def call(monkeypatch, *files):
    monkeypatch.setattr("sys.argv", ["compare", *map(str, files)])
    main()


def test_printed_table(monkeypatch, tmp_path, capsys):
    files = [tmp_path / "new.json", tmp_path / "baseline.json"]
    for file, result in zip(files, (NEW, BASELINE), strict=True):
        file.write_text(json.dumps(result))
    call(monkeypatch, *files)
    first, header, *rows = capsys.readouterr().out.splitlines()
    assert first == "differs: machine.cores: 2 -> 4"
    assert header.split() == ["figure", "new", "baseline", "ratio"]
    assert {name: float(value) for name, *_, value in map(str.split, rows)} == RATIOS
    assert rows[0].split() == ["mean_seconds", "1", "2", "0.500"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot read .*: No such file or directory"),
        (b"{", "is not JSON"),
        (b"\xff\xfe\x00", "is not JSON"),
        (b"[1]", "expected a JSON object, got list"),
        (b'{"benchmark": "memory"}', "of one benchmark, got memory and speed"),
    ],
)
def test_bad_files_are_one_line(content, message, monkeypatch, tmp_path, capsys):
    new, baseline = tmp_path / "new.json", tmp_path / "baseline.json"
    baseline.write_text(json.dumps(BASELINE))
    if content is not None:
        new.write_bytes(content)
    with pytest.raises(SystemExit) as stop:
        call(monkeypatch, new, baseline)
    assert stop.value.code == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert re.search(message, captured.err)
