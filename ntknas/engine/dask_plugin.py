"""A plugin of Dask that divides the cores of a machine among its workers; needs Dask."""

import contextlib
import os
from typing import Any

from distributed import WorkerPlugin

__all__ = ["ShareOfCores"]


class ShareOfCores(WorkerPlugin):
    """Gives each worker its share of the cores, before JAX starts there.

    Args:
        cores: Numbers of the cores.
        count: Number of workers, whose names are 0, 1 and so on.
    """

    def __init__(self, cores: list[int], count: int):
        self._cores = cores
        self._count = count

    def setup(self, worker: Any) -> None:
        """Bind the process of a worker, also of one that takes the place of a dead one."""
        first, last = (len(self._cores) * (worker.name + i) // self._count for i in (0, 1))
        with contextlib.suppress(AttributeError):  # not on macOS
            os.sched_setaffinity(0, self._cores[first : max(last, first + 1)])
