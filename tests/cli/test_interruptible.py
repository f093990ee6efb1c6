"""Work that can be stopped at once."""

import os
import signal
import threading
import time

import pytest

from ntknas.cli.interruptible import Stopped, interruptible


def test_value_and_exception_pass_through():
    assert interruptible(lambda: 42) == 42
    with pytest.raises(ZeroDivisionError):
        interruptible(lambda: 1 / 0)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("thread", ["any", "of the work"])
def test_signal_is_answered_while_the_work_goes_on(number, status, thread):
    before = signal.getsignal(number)
    working, release = threading.Event(), threading.Event()
    workers: list[int] = []

    def work():
        workers.append(threading.get_ident())
        working.set()
        release.wait(30)

    def send():
        working.wait()
        if thread == "any":
            os.kill(os.getpid(), number)
        else:  # the main thread's wait goes on
            signal.pthread_kill(workers[0], number)

    threading.Timer(0.3, send).start()
    start = time.monotonic()
    with pytest.raises(Stopped) as stop:
        interruptible(work)
    release.set()
    assert stop.value.status == status
    assert time.monotonic() - start < 10
    assert signal.getsignal(number) is before
