"""Work that a user can stop at once, even while XLA compiles."""

import signal
import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from types import FrameType
from typing import Any, TypeVar

__all__ = ["Stopped", "interruptible"]

T = TypeVar("T")

_MOMENT = 0.1  # seconds


class Stopped(Exception):
    """The user or the system asked the program to stop.

    Args:
        status: Exit status of the program, which is 128 + number of the signal.
    """

    def __init__(self, status: int):
        super().__init__(status)
        self.status = status


def interruptible(work: Callable[[], T]) -> T:
    """The value of `work()`, computed in another thread; to be called from the main thread.

    Python handles a signal only between its own instructions on the main thread, so the main thread
    only waits. It waits for a tenth of a second at a time, because the system may deliver a signal
    to another thread, and such a signal does not end the wait. The other thread keeps running: the
    code that catches `Stopped` has to end the process.

    Args:
        work: Function to call.

    Raises:
        Stopped: If Ctrl-C or SIGTERM stops the program; raised within about a tenth of a second.

    Example:
        >>> interruptible(lambda: 6 * 7)
        42
    """
    result: Future[T] = Future()

    def target() -> None:
        """Do the work in the other thread and hand over its result or error."""
        try:
            result.set_result(work())
        except BaseException as error:
            result.set_exception(error)

    def stop(number: int, frame: FrameType | None) -> Any:
        """Handle a signal."""
        raise Stopped(128 + number)

    before = {s: signal.signal(s, stop) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        threading.Thread(target=target, daemon=True).start()
        while not result.done():
            wait([result], timeout=_MOMENT)
        return result.result()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
