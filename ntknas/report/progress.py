"""Progress of a long computation: a bar with rate and time left, or lines without a terminal.

The first item may include a compilation, so the rate is computed from the second item on.
"""

import sys
import time
from types import TracebackType

__all__ = ["Progress", "ProgressByName"]

_SECONDS_BETWEEN_LINES = 5.0


class Progress:
    """A context in which `progress(done, total)` shows on stderr how much work is done.

    Args:
        what: Noun for the items that are counted, in the plural.
        first: Description of what happens before the first item is done.
        lines: Whether plain lines are written if stderr is not a terminal; otherwise nothing is
            written in this case.

    Example:
        >>> with Progress("pairs", lines=False) as progress:
        ...     progress(1, 2)
    """

    def __init__(self, what: str, *, first: str = "", lines: bool = True):
        self._what = what
        self._first = first or what
        self._lines = lines
        self._start: tuple[int, float] | None = None  # count and seconds where the rate begins
        self._begun = False
        self._last_line = -_SECONDS_BETWEEN_LINES
        self._bar = _bar() if sys.stderr.isatty() else None

    def __enter__(self) -> "Progress":
        if self._bar:
            self._bar.start()
            self._task = self._bar.add_task(self._first, total=None)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._bar:
            self._bar.stop()

    def __call__(self, done: int, total: int) -> None:
        """Show that `done` of `total` items are done."""
        now = time.monotonic()
        if not self._begun:
            self._begun = True
            if self._lines and not self._bar and done < total:
                sys.stderr.write(f"{self._first}\n")
        elif self._start is None:
            self._start = (done, now)
        if self._bar:
            what = self._first if self._start is None else self._what
            self._bar.update(self._task, completed=done, total=total, description=what)
        elif (
            self._lines
            and self._start
            and (done == total or now - self._last_line >= _SECONDS_BETWEEN_LINES)
        ):
            self._last_line = now
            sys.stderr.write(self._line(done, total, self._start, now))
            sys.stderr.flush()

    def say(self, line: str) -> None:
        """Write a line to stderr, above the bar if there is one.

        Args:
            line: Text without a line break.
        """
        if self._bar:
            self._bar.console.print(line, markup=False, highlight=False, soft_wrap=True)
        else:
            sys.stderr.write(f"{line}\n")
            sys.stderr.flush()

    def _line(self, done: int, total: int, start: tuple[int, float], now: float) -> str:
        """One line with the number of finished items, the rate and the time left."""
        line = f"{done} of {total} {self._what}"
        count, since = done - start[0], now - start[1]
        if done < total and count and since > 0:
            rate = count / since
            line += f", {rate:.3g} per second, {_duration((total - done) / rate)} left"
        return line + "\n"


class ProgressByName:
    """A context in which `progress(name, done, total)` shows one `Progress` after the other.

    Args:
        what: Noun for the items that are counted, in the plural; `{name}` stands for the name.

    Example:
        >>> with ProgressByName("images") as progress:
        ...     progress("first network", 320, 320)
    """

    def __init__(self, what: str):
        self._what = what
        self._name = ""
        self._progress: Progress | None = None

    def __enter__(self) -> "ProgressByName":
        return self

    def __exit__(self, *error: object) -> None:
        if self._progress is not None:
            self._progress.__exit__(None, None, None)
            self._progress = None

    def __call__(self, name: str, done: int, total: int) -> None:
        """Show that `done` of `total` items of `name` are done."""
        if name != self._name or self._progress is None:
            self.__exit__()
            self._name = name
            self._progress = Progress(self._what.format(name=name), first=name).__enter__()
        self._progress(done, total)


def _duration(seconds: float) -> str:
    """A duration as text, such as 2h05m or 3m20s."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02}m" if hours else f"{minutes}m{rest:02}s"


def _bar():
    """A progress bar on stderr."""
    from rich import progress
    from rich.console import Console

    class Rate(progress.ProgressColumn):
        """Column that shows the number of items per second."""

        def render(self, task: progress.Task) -> progress.Text:
            return progress.Text(f"{task.speed:.3g}/s" if task.speed else "")

    return progress.Progress(
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        Rate(),
        progress.TimeElapsedColumn(),
        progress.TextColumn("left"),
        progress.TimeRemainingColumn(),
        console=Console(stderr=True),
        refresh_per_second=4,
        speed_estimate_period=120,
    )
