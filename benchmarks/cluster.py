"""Dask's workers on one machine against the threads of one process, and what a driver can store.

    python -m benchmarks.cluster --out cluster.json

`scaling`: seconds of `Scorer.stream` with the threads of one process, with one worker that has one
core alone, and with workers that share all cores, in turns; the most workers also get as many times
the work.
`ceiling`: results per second that the driver stores when workers compute nothing, and return
matrices and rows that they hold ready. A result belongs to one architecture, seed and radius.
"""

import contextlib
import copy
import os
import pickle
import tempfile
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import ntknas
from benchmarks.common import batches_of, command, describe, memory_mb, spread
from ntknas.engine import Scorer, Workers, open_cluster
from ntknas.engine.tasks import Computed, Host, Message, compute_message, joint_gram, rows_of_seed
from ntknas.errors import InputError
from ntknas.kernel import Grams, KernelName
from ntknas.layers import Norm
from ntknas.network import NetworkSpec
from ntknas.runs import ScoringSpec
from ntknas.spaces.nasbench201 import NASBENCH201, Architecture

__all__ = ["ClusterConfig", "run"]


@dataclass(frozen=True)
class ClusterConfig:
    """What to time.

    Attributes:
        archs: Architectures of the scaling, as `ntknas.architectures` takes them.
        workers: Numbers of workers.
        stored: Architectures that the driver stores under its ceiling.
        seeds: Seeds under which it stores them.
        kernels: Kernels: clean, robust, twice. The scaling has clean ones alone.
        rho: Attack radii in 255ths.
        norm: Normalisation statistics.
        batch_size: Number of images N.
        channels: Channels of the network's first stage.
        cells: Cells per stage.
        repeats: Number of turns.

    Raises:
        InputError: If there is no worker or no turn.
    """

    archs: str = "random:32:0"
    workers: tuple[int, ...] = (1, 2)
    stored: str = "random:500:0"
    seeds: int = 2
    kernels: tuple[KernelName, ...] = (KernelName.CLEAN, KernelName.ROBUST, KernelName.TWICE)
    rho: tuple[float, ...] = (3.0, 8.0)
    norm: Norm = Norm.IMAGE
    batch_size: int = 16
    channels: int = 16
    cells: int = 5
    repeats: int = 5

    def __post_init__(self) -> None:
        if min(self.workers) < 1 or self.repeats < 1:
            raise InputError(
                f"expected at least one worker and one turn, got workers {self.workers} and "
                f"repeats {self.repeats}"
            )


def run(config: ClusterConfig) -> dict[str, Any]:
    """Time both questions.

    Args:
        config: Settings, see `ClusterConfig`.

    Returns:
        The entries of `benchmarks.common.describe`; `scaling`: seconds, seconds that the driver and
        the workers computed, and geometric means of paired ratios of the former; `ceiling`: results
        per second, and microseconds per result, with an executor in this process (`store`) and with
        one worker of Dask (`dask`); `memory`: MB of the driver and of the workers at their peak.
    """
    network = NetworkSpec(channels=config.channels, cells=config.cells, norm=config.norm)
    clean = ScoringSpec(
        batch_size=config.batch_size, network=network, batches=batches_of((KernelName.CLEAN,))
    )
    scaling, workers_mb = _scaling(config, clean)
    settings = {
        "clean": replace(clean, seeds=config.seeds),
        "all": replace(
            clean,
            seeds=config.seeds,
            batches=batches_of(config.kernels),
            rhos=tuple(rho / 255 for rho in config.rho),
        ),
    }
    ceiling = {}
    with open_cluster("local:1") as workers:
        for name, spec in settings.items():
            ceiling[name] = {
                "store": _ceiling(config, spec, Ready(None)),
                "dask": _ceiling(config, spec, Ready(workers)),
            }
    return {
        **describe("cluster", config),
        "scaling": scaling,
        "ceiling": ceiling,
        "memory": {"driver": memory_mb()["peak_rss_mb"], "workers": workers_mb},
    }


def _scaling(
    config: ClusterConfig, spec: ScoringSpec
) -> tuple[dict[str, Any], dict[str, list[float]]]:
    """Seconds of each kind of workers, in turns, and the memory of the workers in MB."""
    chosen = ntknas.architectures(config.archs)
    with contextlib.ExitStack() as stack:
        clusters: dict[str, Any] = {"1 core": stack.enter_context(_one_core())}
        for n in config.workers:
            clusters[f"local:{n}"] = stack.enter_context(open_cluster(f"local:{n}"))
        sessions = {"threads": Scorer(spec)}
        sessions |= {name: Scorer(spec, executor=one) for name, one in clusters.items()}
        for scorer in sessions.values():  # compiles, on every worker
            list(scorer.stream(chosen))
        # Seconds that processes computed tell of waste, whatever else the machine does meanwhile.
        wall: dict[str, list[float]] = {}
        computed: dict[str, list[float]] = {}
        for _ in range(config.repeats):
            for name, scorer in sessions.items():
                times = {name: 1}
                if name == f"local:{config.workers[-1]}":
                    times[f"{name}, {config.workers[-1]} times the work"] = config.workers[-1]
                for label, count in times.items():
                    start, before = time.perf_counter(), _cpu(clusters.get(name))
                    for _ in range(count):
                        list(scorer.stream(chosen))
                    wall.setdefault(label, []).append(time.perf_counter() - start)
                    computed.setdefault(label, []).append(_cpu(clusters.get(name)) - before)
        megabytes = {
            name: sorted(mb["peak_rss_mb"] for mb in one._client.run(memory_mb).values())
            for name, one in clusters.items()
        }
    result: dict[str, Any] = {
        label: {
            **spread(seconds),
            "cpu_seconds": float(np.median(computed[label])),
            "ratio_to_threads": _mean_ratio(seconds, wall["threads"]),
            "ratio_to_1_core": _mean_ratio(seconds, wall["1 core"]),
        }
        for label, seconds in wall.items()
    }
    return result, megabytes


def _mean_ratio(ours: list[float], theirs: list[float]) -> float:
    """Geometric mean of paired ratios."""
    return float(np.exp(np.mean(np.log(np.array(ours) / theirs))))


@contextlib.contextmanager
def _one_core() -> Iterator[Any]:
    """A cluster of one worker that has one core alone."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        with open_cluster("local:1") as workers:
            os.sched_setaffinity(0, cores)
            yield workers
    finally:
        os.sched_setaffinity(0, cores)


def _cpu(workers: Any) -> float:
    """Seconds that this process and the workers have computed."""
    theirs = workers._client.run(time.process_time).values() if workers else ()
    return time.process_time() + sum(theirs)


class Ready:
    """Workers that return what they hold ready.

    Args:
        workers: Workers that are to return it; None means this process.
    """

    def __init__(self, workers: Workers | None):
        self._workers = workers

    def submit(self, function: Callable[..., Any], /, *args: Any) -> Any:
        """The future of a result that is ready."""
        ready = ready_results if function is compute_message else ready_host
        if self._workers is not None:
            return self._workers.submit(ready, *args)
        future: Future = Future()
        future.set_result(ready(*args))
        return future

    def capacity(self) -> int:
        """One task at a time, or that of the workers."""
        return 1 if self._workers is None else self._workers.capacity()

    def check(self) -> None:
        """Raise WorkersLost if the workers are gone."""
        if self._workers is not None:
            self._workers.check()


def ready_host(message: Message) -> Host:
    """A host of the program with branches, with eight architectures per task."""
    return Host("ready", "branches", 8, 1)


def ready_results(message: Message) -> list[Computed]:
    """Results of a task that cost nothing: the same matrices for all architectures."""
    session, architectures, _ = pickle.loads(message.body)
    return _made_up(session.spec, tuple(session.images.labels.tolist()))[: len(architectures)]


@cache
def _made_up(spec: ScoringSpec, labels: tuple[int, ...]) -> list[Computed]:
    """Made-up matrices of one seed and their rows, as often as a task has architectures."""
    size = spec.batch_size * len(spec.batches)
    rows = np.random.default_rng(0).normal(size=(1, max(len(spec.rhos), 1), size, 2 * size))
    matrices = (rows @ rows.swapaxes(-1, -2)).astype(np.float32)
    kernels = Grams(matrices, matrices, OrderedDict())
    gram = joint_gram(spec, kernels)[0]
    table = rows_of_seed(spec, gram, np.array(labels), constant=False)
    counts = NASBENCH201.counts(Architecture.from_id(9930), spec.sizes)
    # Copies, since what is the same object would travel once.
    return [copy.deepcopy(Computed(kernels, [], counts, 0.0, (table,))) for _ in range(32)]


def _ceiling(config: ClusterConfig, spec: ScoringSpec, workers: Ready) -> dict[str, float]:
    """Results per second of a run whose workers compute nothing; the best of the turns."""
    chosen = ntknas.architectures(config.stored)
    results = len(chosen) * spec.seeds * max(len(spec.rhos), 1)
    seconds = []
    for _ in range(config.repeats):
        with tempfile.TemporaryDirectory() as folder:
            scorer = Scorer(spec, executor=workers)
            start = time.perf_counter()
            ntknas.score(chosen, out=Path(folder), scorer=scorer)
            seconds.append(time.perf_counter() - start)
    return {
        "results": results,
        "seconds": min(seconds),
        "results_per_second": results / min(seconds),
        "microseconds_per_result": 1e6 * min(seconds) / results,
    }


if __name__ == "__main__":
    command(run, ClusterConfig(), __doc__)
