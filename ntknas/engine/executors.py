"""Executors, which run launches: their Protocol and their registry.

An executor calls a function for each launch and yields the results in order. The first launch is
always run alone, because it compiles.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Any, Protocol, TypeVar, runtime_checkable

import jax

from ntknas.registry import Registry

__all__ = ["EXECUTORS", "Executor", "available_cores", "num_threads", "serial", "threads"]

Launch = TypeVar("Launch")
Result = TypeVar("Result")


@runtime_checkable
class Executor(Protocol):
    """A member of `EXECUTORS`."""

    def __call__(
        self, compute: Callable[[Launch], Result], launches: Sequence[Launch]
    ) -> Iterator[Result]:
        """The results of all launches in order.

        Args:
            compute: Function that is called for each launch, possibly from several threads.
            launches: The launches, in the order of the results.
        """
        ...


def serial(compute: Callable[[Launch], Result], launches: Sequence[Launch]) -> Iterator[Result]:
    """One launch after the other, in the calling thread.

    Args:
        compute: Function that is called for each launch.
        launches: The launches, in the order of the results.

    Example:
        >>> list(serial(abs, [-1, 2]))
        [1, 2]
    """
    yield from map(compute, launches)


def threads(compute: Callable[[Launch], Result], launches: Sequence[Launch]) -> Iterator[Result]:
    """Several launches at a time, each in a thread (`num_threads`).

    Args:
        compute: Function that is called for each launch.
        launches: The launches, in the order of the results.

    Example:
        >>> list(threads(abs, [-1, 2, -3]))
        [1, 2, 3]
    """
    waiting = iter(launches)
    for first in islice(waiting, 1):
        yield compute(first)  # compiles once for all threads
    workers = num_threads()
    with ThreadPoolExecutor(workers) as pool:
        pending: list[Future] = [pool.submit(compute, x) for x in islice(waiting, 2 * workers)]
        try:
            while pending:
                yield pending.pop(0).result()
                pending += [pool.submit(compute, x) for x in islice(waiting, 1)]
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def num_threads() -> int:
    """The number of threads from which this process computes launches.

    On a single CPU device there is one thread per core, at most 8, since each is idle at times.
    Otherwise there are two threads, so that a device does not wait for the host.
    """
    one_cpu = jax.default_backend() == "cpu" and jax.local_device_count() == 1
    return min(len(available_cores()), 8) if one_cpu else 2


def available_cores() -> list[int]:
    """The numbers of the cores that this process may use."""
    try:
        return sorted(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS
        return list(range(os.cpu_count() or 1))


EXECUTORS: Registry[Any] = Registry("executor", {"threads": threads, "serial": serial})
"""Executors by name."""
