"""Workers of Dask: a cluster on this machine, or one whose scheduler has an address.

Dask (`distributed`) is imported when it is needed: it is the extra `cluster` of this package.
"""

import contextlib
import logging
import os
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

from ntknas.engine.executors import available_cores
from ntknas.engine.futures import Workers, WorkersLost
from ntknas.errors import InputError, shorten

__all__ = ["DaskWorkers", "open_cluster", "parse_cluster"]

_SECONDS = 10  # until a scheduler counts as out of reach
_PATIENCE = 5.0  # seconds for which the number of workers is taken as known


class DaskWorkers:
    """The workers of a Dask client; see `ntknas.engine.Workers`.

    If a worker declares the resource GPU, tasks take one unit of it, so that there is one task per
    device at a time.

    Args:
        client: A `distributed.Client`.
    """

    def __init__(self, client: Any):
        self._client = client
        self._known: tuple[float, int, bool] = (-_PATIENCE, 0, False)

    def submit(self, function: Callable[..., Any], /, *args: Any) -> Any:
        """Start `function(*args)` on a worker, and return its future."""
        resources = {"GPU": 1} if self._look()[1] else None
        try:
            return self._client.submit(function, *args, pure=False, resources=resources)
        except Exception:
            self.check()
            raise

    def capacity(self) -> int:
        """The number of GPUs that workers declare, or else of the workers' threads; at least 1."""
        return max(self._look()[0], 1)

    def check(self) -> None:
        """Raise WorkersLost if the scheduler does not answer any more."""
        if self._client.status != "running":
            address = getattr(self._client.scheduler, "address", "")
            raise WorkersLost(f"lost the Dask scheduler {address}".rstrip())

    def _look(self) -> tuple[int, bool]:
        """The number of tasks that are computed at the same time, and whether they need GPUs."""
        now = time.monotonic()
        if now - self._known[0] >= _PATIENCE:
            try:
                workers = list(self._client.scheduler_info(n_workers=-1)["workers"].values())
            except Exception:
                self.check()
                raise
            gpus = sum(int(worker["resources"].get("GPU", 0)) for worker in workers)
            threads = sum(worker["nthreads"] for worker in workers)
            self._known = (now if workers else -_PATIENCE, gpus or threads, gpus > 0)
        return self._known[1:]


def parse_cluster(text: str) -> int | str | None:
    """What the text of a cluster means.

    Args:
        text: Either local, local:WORKERS, or the address of a scheduler: tcp://HOST:PORT or
            tls://HOST:PORT.

    Returns:
        A number of workers, None for the default number, or an address.

    Raises:
        InputError: For any other text.

    Example:
        >>> parse_cluster("local:2"), parse_cluster("local"), parse_cluster("tcp://head:8786")
        (2, None, 'tcp://head:8786')
    """
    match = re.fullmatch(r"local(?::([1-9][0-9]{0,3}))?", text)
    if match:
        return int(match[1]) if match[1] else None
    address = re.fullmatch(r"t(?:cp|ls)://(?:[^\s:/\[\]]+|\[[0-9a-fA-F:]+\]):([0-9]{1,5})", text)
    if address and 0 < int(address[1]) < 2**16:
        return text
    raise InputError(
        "expected cluster as local, local:WORKERS or tcp://HOST:PORT of a Dask scheduler, "
        f"got {shorten(repr(text))}"
    )


@contextlib.contextmanager
def open_cluster(text: str) -> Iterator[Workers]:
    """A context with the workers of a cluster.

    Args:
        text: Text that `parse_cluster` takes.

    Raises:
        InputError: If the text means nothing, Dask is missing, or the scheduler cannot be reached.
    """
    where = parse_cluster(text)
    distributed = _distributed()
    with contextlib.ExitStack() as stack:
        if isinstance(where, str):
            try:
                client = stack.enter_context(distributed.Client(where, timeout=_SECONDS))
            except (OSError, ValueError) as error:
                raise InputError(
                    f"expected a Dask scheduler at {where}, got none within {_SECONDS} seconds "
                    f"({' '.join(str(error).split())[:120]})"
                ) from None
        else:
            client = stack.enter_context(_local(distributed, where))
        yield DaskWorkers(client)


@contextlib.contextmanager
def _local(distributed: Any, count: int | None) -> Iterator[Any]:
    """The client of a cluster of processes on this machine, which share its cores."""
    import dask

    from ntknas.engine.dask_plugin import ShareOfCores

    cores = available_cores()
    # A process has at most 8 launches in work.
    count = max(1, len(cores) // 8) if count is None else count

    # After Ctrl-C this process ends at once, and its tracker of semaphores would complain.
    warned = [os.environ.get("PYTHONWARNINGS", ""), "ignore:resource_tracker"]
    os.environ["PYTHONWARNINGS"] = ",".join(filter(None, warned))
    # The driver itself tries a task again whose worker died.
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        distributed.LocalCluster(
            n_workers=count,
            threads_per_worker=2,  # a chunk begins while another one ends
            processes=True,
            memory_limit=0,
            dashboard_address="127.0.0.1:0",
            silence_logs=logging.CRITICAL,
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        client.register_plugin(ShareOfCores(cores, count))
        yield client


def _distributed() -> Any:
    """The module `distributed`, whose own log is silenced: the driver says what went wrong."""
    try:
        import distributed
    except ImportError:
        raise InputError(
            "a cluster needs Dask, which is not installed: pip install 'ntknas[cluster]'"
        ) from None
    if not os.environ.get("NTKNAS_TRACEBACK"):
        logging.getLogger("distributed").setLevel(logging.CRITICAL)
    return distributed
