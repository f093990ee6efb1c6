"""Tasks on executors of futures: what is in flight, what is tried again, and what ends a run."""

import threading
import time
from collections import Counter
from concurrent.futures import BrokenExecutor, Future, ThreadPoolExecutor
from typing import Any

import pytest

from ntknas.engine.futures import Failure, Pool, Workers, WorkersLost, completed, workers_of
from ntknas.errors import InputError


class Instant:
    """Workers that compute a task while it is submitted, and note it."""

    def __init__(self, capacity: int = 2):
        self.began: list[Any] = []
        self.flying = 0
        self.most = 0
        self._capacity = capacity
        self.lost = False

    def submit(self, function, /, *args):
        self.began.append(args[0])
        future: Future = Future()
        try:
            future.set_result(function(*args))
        except Exception as error:
            future.set_exception(error)
        return future

    def capacity(self):
        return self._capacity

    def check(self):
        if self.lost:
            raise WorkersLost("lost")


def run(workers, function, items, split=lambda item: [item]):
    """All results in order of completion, and the failures."""
    results, stream = (
        [],
        completed(workers, lambda x: workers.submit(function, x), items, split=split),
    )
    while True:
        try:
            results.append(next(stream))
        except StopIteration as end:
            return results, end.value


def test_results_come_as_they_are_ready():
    def work(seconds):
        time.sleep(seconds)
        return 2 * seconds

    with ThreadPoolExecutor(3) as pool:
        results, failures = run(Pool(pool), work, [0.6, 0.3, 0.0])
    assert results == [(0.0, 0.0), (0.3, 0.6), (0.6, 1.2)]
    assert failures == []


def test_few_tasks_are_in_flight():
    """No more than two per worker are submitted before results are taken."""
    began: list[int] = []

    def items():
        for item in range(100):
            began.append(item)
            yield item

    with ThreadPoolExecutor(2) as pool:
        workers = Pool(pool)
        assert workers.capacity() == 2
        stream = completed(workers, lambda x: pool.submit(abs, x), items(), split=lambda x: [x])
        next(stream)
        assert len(began) == 4
        stream.close()
    assert len(began) == 4


def test_a_task_that_fails_once_is_tried_after_all_others():
    workers = Instant(1)
    failed: set[int] = set()

    def work(item):
        if item == 3 and not failed:
            failed.add(item)
            raise ValueError("once")
        return -item

    results, failures = run(workers, work, range(6))
    assert failures == []
    assert sorted(results) == [(i, -i) for i in range(6)]
    assert workers.began == [0, 1, 2, 3, 4, 5, 3]


def test_a_poisonous_task_is_split_and_fails_alone_at_the_end():
    workers = Instant(2)

    def work(items):
        if 7 in items:
            raise ValueError("poison")
        return sum(items)

    pieces = lambda items: [(item,) for item in items]  # noqa: E731
    results, (failure,) = run(workers, work, [(1, 2), (6, 7), (3,), (8,)], pieces)
    assert dict(results) == {(1, 2): 3, (3,): 3, (8,): 8, (6,): 6}
    assert isinstance(failure, Failure)
    assert failure.item == (7,)
    assert str(failure.error) == "poison"
    tries = Counter(workers.began)
    assert tries[6, 7] == 1
    assert tries[7,] == 2  # after the others, and alone
    assert workers.began[-1] == (7,)


def test_the_last_try_is_made_while_nothing_else_is_in_flight():
    flying: set[int] = set()
    seen: list[tuple[int, int]] = []
    lock = threading.Lock()

    def work(item):
        with lock:
            flying.add(item)
        time.sleep(0.05)
        with lock:
            if item < 3:
                seen.append((item, len(flying)))
            flying.discard(item)
        if item < 3:
            raise ValueError

    with ThreadPoolExecutor(4) as pool:
        _, failures = run(Pool(pool), work, range(6))
    assert sorted(failure.item for failure in failures) == [0, 1, 2]
    assert len(seen) == 9
    assert [count for _, count in seen[-3:]] == [1, 1, 1]


def test_input_that_is_refused_is_not_tried_again():
    workers = Instant(1)

    def work(item):
        raise InputError(f"task {item} does not fit")

    with pytest.raises(InputError, match="^task 0 does not fit$"):
        run(workers, work, range(3))
    assert workers.began.count(0) == 1


def test_a_broken_executor_ends_the_work_after_what_is_ready():
    broken = []

    class Breaks(Instant):
        def submit(self, function, /, *args):
            future = super().submit(function, *args)
            if args[0] == 2:
                broken.append(True)
                raise BrokenExecutor("a process died")
            return future

    seen: list[int] = []

    def take():
        for item, _ in completed(
            workers, lambda x: workers.submit(abs, x), range(9), split=lambda x: [x]
        ):
            seen.append(item)

    workers = Breaks(2)
    with pytest.raises(WorkersLost, match="lost its workers .BrokenExecutor: a process died.$"):
        take()
    assert seen == [0, 1]


def test_workers_that_are_gone_end_the_work():
    workers = Instant(1)
    stream = completed(workers, lambda x: workers.submit(abs, x), range(9), split=lambda x: [x])
    next(stream)
    workers.lost = True
    with pytest.raises(WorkersLost, match="^lost$"):
        list(stream)


def test_closing_cancels_what_has_not_begun():
    ready, began = threading.Event(), []

    def work(item):
        began.append(item)
        ready.wait(10)

    with ThreadPoolExecutor(1) as pool:
        workers = Pool(pool)
        quick = pool.submit(abs, 1)
        stream = completed(
            workers,
            lambda x: quick if x == 0 else pool.submit(work, x),
            range(9),
            split=lambda x: [x],
        )
        next(stream)
        stream.close()
        ready.set()
    assert len(began) <= 1


def test_futures_that_do_not_call_back():
    """As those of submitit."""

    class Job:
        def __init__(self, value):
            self._ready, self._value = time.monotonic() + 0.05, value

        def done(self):
            return time.monotonic() > self._ready

        def result(self):
            return self._value

    class Executor:
        def submit(self, function, *args):
            return Job(function(*args))

    workers = workers_of(Executor())
    assert workers.capacity() == 16
    results, failures = run(workers, abs, [-1, -2])
    assert sorted(results) == [(-2, 2), (-1, 1)]
    assert failures == []


def test_what_is_no_executor():
    with pytest.raises(InputError, match="^expected executor as threads, serial, an executor of"):
        workers_of(5)
    workers = Instant()
    assert isinstance(workers, Workers)
    assert workers_of(workers) is workers
