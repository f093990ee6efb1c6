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
def test_signal_is_answered_while_the_work_goes_on(number, status):
    before = signal.getsignal(number)
    release = threading.Event()
    threading.Timer(0.2, os.kill, (os.getpid(), number)).start()
    start = time.monotonic()
    with pytest.raises(Stopped) as stop:
        interruptible(lambda: release.wait(30))
    release.set()
    assert stop.value.status == status
    assert time.monotonic() - start < 10
    assert signal.getsignal(number) is before
