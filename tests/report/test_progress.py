"""Progress without and with a terminal."""

import io
import sys

from ntknas.report import Progress, ProgressByName, progress


class Terminal(io.StringIO):
    """A stderr that says it is a terminal."""

    def isatty(self):
        """Yes."""
        return True


def test_lines_are_few_and_rates_leave_the_first_item_out(capsys, monkeypatch):
    clock = iter([0.0, 100.0, 101.0, 106.0, 110.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    with Progress("architectures", first="compiling") as show:
        for done in (2, 3, 4, 9, 13):
            show(done, 13)
    assert capsys.readouterr().err.splitlines() == [
        "compiling",
        "3 of 13 architectures",
        "9 of 13 architectures, 1 per second, 0m04s left",
        "13 of 13 architectures",
    ]


def test_one_thing_after_the_other(capsys):
    with ProgressByName("images of {name}") as show:
        for name, done in (("first", 1), ("first", 2), ("first", 3), ("second", 1), ("second", 3)):
            show(name, done, 3)
    assert capsys.readouterr().err.splitlines() == [
        *("first", "2 of 3 images of first", "3 of 3 images of first"),
        *("second", "3 of 3 images of second"),
    ]


def test_nothing_left_to_do(capsys):
    with Progress("architectures", first="compiling") as show:
        show(5, 5)
    assert capsys.readouterr().err == ""


def test_no_lines_where_none_are_wanted(capsys):
    with Progress("pairs", lines=False) as show:
        for done in range(4):
            show(done, 3)
    assert capsys.readouterr().err == ""


def test_bar_on_a_terminal(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with Progress("architectures", first="compiling") as show:
        for done in range(4):
            show(done, 3)
    shown = terminal.getvalue()
    assert "architectures" in shown
    assert "3/3" in shown


def test_durations():
    assert progress._duration(59.6) == "1m00s"
    assert progress._duration(7260.0) == "2h01m"
