"""`try_lock`: one process at a time, on Linux, macOS and Windows."""

import contextlib
import os
from collections.abc import Iterator

__all__ = ["try_lock"]


@contextlib.contextmanager
def try_lock(path: str | os.PathLike[str]) -> Iterator[bool]:
    """Hold a lock for the length of the context, if nobody holds it.

    The operating system gives the lock up when the process ends. The file stays.

    Args:
        path: File of the lock, which is made if necessary, with its folder.

    Yields:
        Whether this process has the lock.

    Raises:
        OSError: If the file cannot be made or locked.

    Example:
        >>> import tempfile
        >>> path = tempfile.mkdtemp() + "/lock"
        >>> with try_lock(path) as first, try_lock(path) as second:
        ...     print(first, second)
        True False
    """
    from filelock import FileLock, Timeout

    lock = FileLock(path, thread_local=False)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()
