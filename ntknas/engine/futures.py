"""Tasks on any executor of futures: a bounded number in flight, three tries, as they are ready.

An executor is anything with a method `submit(function, *args)` whose futures have `done`, `result`
and `cancel`: those of `concurrent.futures`, `mpi4py.futures`, `submitit` and Dask.
"""

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import BrokenExecutor
from typing import Any, NamedTuple, Protocol, TypeVar, runtime_checkable

from ntknas.errors import InputError, shorten

__all__ = ["TRIES", "Failure", "Pool", "Workers", "WorkersLost", "completed", "workers_of"]

Item = TypeVar("Item")

TRIES = 3
"""The number of times that a task is tried: at once, after all others, and alone."""

_MOMENT = 0.2  # seconds between looks at futures that do not call back
_UNKNOWN = 16  # number of workers of an executor that does not tell


class WorkersLost(OSError):
    """Workers cannot be reached any more, so that nothing else can be computed."""


class Failure(NamedTuple):
    """A task that failed every time.

    Attributes:
        item: The task.
        error: Error of the last try.
    """

    item: Any
    error: Exception


@runtime_checkable
class Workers(Protocol):
    """Processes that compute tasks."""

    def submit(self, function: Callable[..., Any], /, *args: Any) -> Any:
        """Start `function(*args)` in one of the processes, and return its future."""
        ...

    def capacity(self) -> int:
        """The number of tasks that are computed at the same time."""
        ...

    def check(self) -> None:
        """Raise WorkersLost if the processes cannot be reached any more."""
        ...


class Pool:
    """The workers of an executor of `concurrent.futures`, or of another one with such futures.

    Args:
        executor: The executor.
    """

    def __init__(self, executor: Any):
        self._executor = executor

    def submit(self, function: Callable[..., Any], /, *args: Any) -> Any:
        """Start `function(*args)` in one of the processes, and return its future."""
        return self._executor.submit(function, *args)

    def capacity(self) -> int:
        """The number of workers; 16 if the executor does not tell."""
        for name in ("num_workers", "_max_workers"):  # mpi4py, the standard library
            count = getattr(self._executor, name, None)
            if isinstance(count, int) and count > 0:
                return count
        return _UNKNOWN

    def check(self) -> None:
        """Nothing: a broken executor of `concurrent.futures` breaks all of its futures."""


def workers_of(executor: Any) -> Workers:
    """The workers of an executor.

    Args:
        executor: `Workers`, an executor of futures, or a Dask client.

    Raises:
        InputError: If it is something else.
    """
    if isinstance(executor, Workers):
        return executor
    if not callable(getattr(executor, "submit", None)):
        raise InputError(
            "expected executor as threads, serial, an executor of futures or a Dask client, "
            f"got {shorten(repr(executor))}"
        )
    if type(executor).__module__.partition(".")[0] == "distributed":
        from ntknas.engine.cluster import DaskWorkers

        return DaskWorkers(executor)
    return Pool(executor)


def completed(
    workers: Workers,
    submit: Callable[[Item], Any],
    items: Iterable[Item],
    *,
    split: Callable[[Item], list[Item]],
) -> Generator[tuple[Item, Any], None, list[Failure]]:
    """Compute tasks, and give each result as soon as it is there.

    About twice as many tasks are in flight as workers compute at the same time. A task that fails
    is split and tried again after all other tasks, then a last time while nothing else is in
    flight: a task that kills its worker then takes no other down with it.

    Args:
        workers: Processes that compute.
        submit: Function that starts a task and returns its future.
        items: The tasks.
        split: Function from a task that failed to the smaller tasks to try in its place.

    Yields:
        A task and its result, in order of completion.

    Returns:
        The tasks that failed every time.

    Raises:
        InputError: If a task refuses its input; it is not tried again.
        WorkersLost: If no worker can be reached any more.
    """
    fresh = iter(items)
    again: deque[Item] = deque()
    alone: deque[Item] = deque()
    flying: dict[Any, tuple[Item, int]] = {}
    failures: list[Failure] = []
    lost: Exception | None = None
    wake = threading.Event()

    def begin() -> bool:
        """Start the next task, if there is one that may start now."""
        item, tries = next(fresh, None), 1
        if item is None and again:
            item, tries = again.popleft(), 2
        elif item is None and alone and not flying:
            item, tries = alone.popleft(), 3
        if item is None:
            return False
        future = submit(item)
        flying[future] = (item, tries)
        if hasattr(future, "add_done_callback"):
            future.add_done_callback(lambda _: wake.set())
        return True

    try:
        while True:
            try:
                most = 2 * workers.capacity()
                while lost is None and len(flying) < most and begin():
                    pass
            except BrokenExecutor as error:
                lost = error
            if not flying:
                break
            wake.wait(_MOMENT)
            wake.clear()
            workers.check()
            for future in [future for future in flying if future.done()]:
                item, tries = flying.pop(future)
                try:
                    result = future.result()
                except InputError:
                    raise
                except BrokenExecutor as error:
                    lost = error
                except Exception as error:
                    workers.check()
                    if tries == 1:
                        again.extend(split(item))
                    elif tries < TRIES:
                        alone.append(item)
                    else:
                        failures.append(Failure(item, error))
                else:
                    yield item, result
    finally:
        for future in flying:
            future.cancel()
    if lost is not None:
        raise WorkersLost(f"the executor lost its workers ({type(lost).__name__}: {lost})")
    return failures
