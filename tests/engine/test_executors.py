"""Executors yield in order, run the first launch alone, pass errors on and start nothing more."""

import threading
import time

import pytest

from ntknas.engine import EXECUTORS, Scorer, executors
from ntknas.errors import InputError
from tests.engine.tiny import CLEAN

each = pytest.mark.parametrize("name", ["threads", "serial"])


@pytest.fixture
def four_workers(monkeypatch):
    """As many threads as on a machine of four cores."""
    monkeypatch.setattr(executors, "num_threads", lambda: 4)


class Launches:
    """A function of launches that records when each begins and ends."""

    def __init__(self, seconds=lambda launch: 0.0):
        self.events: list[tuple[str, int]] = []
        self.threads: set[int] = set()
        self._seconds = seconds
        self._lock = threading.Lock()

    def __call__(self, launch):
        """Ten times the launch, after a while."""
        with self._lock:
            self.events.append(("begin", launch))
            self.threads.add(threading.get_ident())
        time.sleep(self._seconds(launch))
        with self._lock:
            self.events.append(("end", launch))
        return 10 * launch

    def begun(self):
        """The launches that were begun, in order."""
        return [launch for event, launch in self.events if event == "begin"]


def test_the_registry_lists_the_executors():
    assert list(EXECUTORS) == ["threads", "serial"]
    with pytest.raises(InputError, match="expected executor to be one of threads, serial, got 'x'"):
        Scorer(CLEAN, executor="x")


@each
@pytest.mark.usefixtures("four_workers")
def test_results_come_in_order_whatever_finishes_first(name):
    compute = Launches(lambda launch: 0.02 * (5 - launch % 5))
    assert list(EXECUTORS[name](compute, range(15))) == [10 * launch for launch in range(15)]
    assert sorted(compute.begun()) == list(range(15))


@each
@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_launches(name, count):
    assert list(EXECUTORS[name](abs, [-1, -2][:count])) == [1, 2][:count]


@each
@pytest.mark.usefixtures("four_workers")
def test_the_first_launch_is_alone(name):
    compute = Launches(lambda launch: 0.05)
    list(EXECUTORS[name](compute, range(9)))
    assert compute.events[:2] == [("begin", 0), ("end", 0)]


@pytest.mark.usefixtures("four_workers")
def test_threads_keep_several_in_flight():
    together = threading.Barrier(4, timeout=30)

    def compute(launch):
        if launch:
            together.wait()  # passes when four launches have begun
        return launch

    assert list(EXECUTORS["threads"](compute, range(9))) == list(range(9))


def test_serial_stays_in_the_thread_that_asks():
    compute = Launches()
    list(EXECUTORS["serial"](compute, range(5)))
    assert compute.threads == {threading.get_ident()}
    assert compute.begun() == list(range(5))


@each
@pytest.mark.usefixtures("four_workers")
def test_nothing_is_computed_before_it_is_asked_for(name):
    compute = Launches()
    results = EXECUTORS[name](compute, range(100))
    assert compute.events == []
    assert next(results) == 0
    assert compute.begun() == [0]
    assert next(results) == 10
    time.sleep(0.1)
    assert len(compute.begun()) <= 9  # two launches per worker are submitted ahead
    results.close()


@each
@pytest.mark.parametrize("bad", [0, 3])
@pytest.mark.usefixtures("four_workers")
def test_an_error_comes_through_after_what_was_before_it(name, bad):
    begun = []

    def compute(launch):
        begun.append(launch)
        if launch == bad:
            raise InputError(f"launch {launch} fails")
        time.sleep(0.01)
        return launch

    results, seen = EXECUTORS[name](compute, range(100)), []

    def take():
        for result in results:
            seen.append(result)

    with pytest.raises(InputError, match=f"^launch {bad} fails$"):
        take()
    assert seen == list(range(bad))
    assert len(begun) < 20
    after = len(begun)
    time.sleep(0.05)
    assert len(begun) == after  # nothing goes on behind the caller's back


@pytest.mark.usefixtures("four_workers")
def test_stopping_early_waits_for_what_is_in_flight_and_starts_no_more():
    compute = Launches(lambda launch: 0.05)
    results = EXECUTORS["threads"](compute, range(100))
    assert [next(results), next(results)] == [0, 10]
    results.close()
    begun = compute.begun()
    assert len(begun) < 12
    assert sorted(launch for event, launch in compute.events if event == "end") == sorted(begun)
