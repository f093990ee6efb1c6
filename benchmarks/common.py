"""What all benchmarks share: flags, one JSON format, a process to measure in, ratios."""

import argparse
import datetime
import importlib.metadata
import json
import multiprocessing
import os
import platform
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ntknas.errors import InputError
from ntknas.kernel import Batch, KernelName
from ntknas.report import check_output, output_file

__all__ = [
    "Answer",
    "Worker",
    "batches_of",
    "command",
    "describe",
    "foreign_load",
    "machine",
    "memory_mb",
    "ratio",
    "spread",
    "summary",
]

_PACKAGES = ("ntknas", "jax", "jaxlib", "flax", "numpy", "torch", "neural-tangents")


def machine() -> dict[str, Any]:
    """What the figures depend on: system, processor, cores that may be used, memory."""
    fields = _fields(Path("/proc/cpuinfo"))
    total_kb = _fields(Path("/proc/meminfo")).get("MemTotal", "0 kB").split()[0]
    return {
        "system": f"{platform.system()} {platform.release()}",
        "processor": fields.get("model name") or platform.processor() or platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(int(total_kb) / 2**20, 1),
        "omp_num_threads": os.environ.get("OMP_NUM_THREADS"),
        "jax_platforms": os.environ.get("JAX_PLATFORMS"),
        "xla_flags": os.environ.get("XLA_FLAGS"),
        "compilation_cache": "JAX_COMPILATION_CACHE_DIR" in os.environ,
    }


def _fields(path: Path) -> dict[str, str]:
    """The `name: value` lines of a file of the kernel; the first of a name counts."""
    if not path.is_file():
        return {}
    lines = (line.partition(":") for line in path.read_text().splitlines())
    found: dict[str, str] = {}
    for name, _, value in lines:
        found.setdefault(name.strip(), value.strip())
    return found


def memory_mb() -> dict[str, float]:
    """Resident memory of this process in MB of 10^6 bytes: `rss_mb` now, `peak_rss_mb` so far."""
    fields = _fields(Path("/proc/self/status"))
    names = {"rss_mb": "VmRSS", "peak_rss_mb": "VmHWM"}
    return {name: int(fields[field].split()[0]) * 1024 / 1e6 for name, field in names.items()}


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def describe(name: str, config: Any) -> dict[str, Any]:
    """The head of a result: what was measured, with which settings, where, when, on what.

    Args:
        name: Name of the benchmark.
        config: Its settings, a dataclass.
    """
    return {
        "benchmark": name,
        "config": asdict(config),
        "machine": machine(),
        "versions": {
            "python": platform.python_version(),
            **{package: _version(package) for package in _PACKAGES},
        },
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


def batches_of(kernels: tuple[KernelName, ...]) -> tuple[Batch, ...]:
    """The batches of images of kernels that are not mixed.

    Args:
        kernels: Names of kernels: clean, robust, twice.

    Raises:
        InputError: If one of them is a mixed kernel.
    """
    pure = [kernel for kernel in KernelName if not kernel.mixed]
    if not set(kernels) <= set(pure):
        raise InputError(f"expected kernels of {', '.join(pure)}, got {', '.join(kernels)}")
    return tuple(kernel.batches[0] for kernel in kernels)


def spread(seconds: list[float]) -> dict[str, Any]:
    """Median and quartiles of repeated times."""
    low, median, high = np.quantile(seconds, [0.25, 0.5, 0.75]).tolist()
    return {"median_seconds": median, "quartiles": [low, high], "repeats": len(seconds)}


def summary(medians: list[float]) -> dict[str, float]:
    """Median and mean over architectures of their median seconds."""
    return {"median_seconds": float(np.median(medians)), "mean_seconds": float(np.mean(medians))}


def ratio(ours: list[float], theirs: list[float]) -> dict[str, Any]:
    """Geometric mean of paired ratios.

    Args:
        ours: Seconds of each architecture.
        theirs: Seconds of the same architectures.

    Returns:
        `ratio`, below 1 where ours is faster, and its 95% bootstrap `interval` (10,000 resamples of
        the pairs, seed 0).
    """
    logs = np.log(ours) - np.log(theirs)
    means = np.random.default_rng(0).choice(logs, (10_000, len(logs))).mean(1)
    interval = np.exp(np.quantile(means, [0.025, 0.975])).tolist()
    return {"ratio": float(np.exp(logs.mean())), "interval": interval}


class Answer(NamedTuple):
    """What a worker computed and how long it took, preparation apart.

    `foreign_seconds` are those that the machine's cores worked for other processes meanwhile, and
    `cpu_seconds` those that all threads of the worker worked.
    """

    seconds: float
    value: Any
    foreign_seconds: float = 0.0
    cpu_seconds: float = 0.0


def foreign_load(answers: list[Answer]) -> float:
    """The share of the machine's cores that other processes used while the answers were computed.

    Other load slows competitors unequally, even in turns: threads that wait for each other at
    barriers, as PyTorch's do, suffer most. A comparison wants a load near 0.
    """
    seconds = sum(answer.seconds for answer in answers) * (os.cpu_count() or 1)
    return max(0.0, sum(answer.foreign_seconds for answer in answers)) / seconds


def _foreign_cpu() -> float:
    """Seconds that all cores have worked since start-up, apart from those for this process."""
    ticks = [int(text) for text in _first_line(Path("/proc/stat")).split()[1:9]]
    idle = sum(ticks[3:5])  # idle, waiting for input and output
    return (sum(ticks) - idle) / os.sysconf("SC_CLK_TCK") - time.process_time()


def _first_line(path: Path) -> str:
    return path.read_text().partition("\n")[0] if path.is_file() else "cpu 0 0 0 0"


class Worker:
    """A process of its own, so that competitors share neither thread pools nor allocators.

    It waits on a pipe while the others work.

    Args:
        make: Importable function. `make(*args)` runs in the process and returns a function from a
            request to the callable to be timed. That callable is made once per request and kept;
            making it is not in the times.
        args: Arguments of `make`, which are pickled.
    """

    def __init__(self, make: Callable[..., Callable[[Any], Callable[[], Any]]], *args: Any):
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, make, args), daemon=True)
        self._process.start()
        theirs.close()
        self._receive()  # ready

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *_: object) -> None:
        self._pipe.close()
        self._process.join(30)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    def __call__(self, request: Any) -> Answer:
        """The answer to a request.

        Args:
            request: Request, which is hashable and is pickled.

        Raises:
            RuntimeError: If the process fails; the message has its traceback.
        """
        self._pipe.send(request)
        return self._receive()

    def _receive(self) -> Answer:
        try:
            answer, failure = self._pipe.recv()
        except EOFError:
            self._process.join(30)
            message = f"worker ended with exit code {self._process.exitcode}"
            raise RuntimeError(message) from None
        if failure:
            raise RuntimeError(f"worker failed:\n{failure}")
        return answer


def _serve(pipe: Any, make: Callable, args: tuple) -> None:
    try:
        prepare = make(*args)
        prepared: dict[Any, Callable[[], Any]] = {}
        pipe.send((None, None))
        while True:
            try:
                request = pipe.recv()
            except EOFError:
                return
            if request not in prepared:
                prepared[request] = prepare(request)
            foreign, cpu, start = _foreign_cpu(), time.process_time(), time.perf_counter()
            value = prepared[request]()
            seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu
            pipe.send((Answer(seconds, value, _foreign_cpu() - foreign, cpu_seconds), None))
    except Exception:
        pipe.send((None, traceback.format_exc()))


def command(run: Callable[[Any], dict[str, Any]], defaults: Any, description: str | None) -> None:
    """The command line of a benchmark: flags in, summary printed, JSON written if asked for.

    Exit status 2, after one line, for input that cannot be used.

    Args:
        run: The benchmark.
        defaults: Its settings, a frozen dataclass. Each field is a flag; tuples are written with
            commas.
        description: Docstring of the module, whose first line is shown.
    """
    parser = argparse.ArgumentParser(description=(description or "").partition("\n")[0])
    for name, value in vars(defaults).items():
        flag = f"--{name.replace('_', '-')}"
        shown = ",".join(map(str, value)) if isinstance(value, tuple) else value
        parser.add_argument(flag, type=_reader(value), default=value, help=f"default: {shown}")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    flags = vars(parser.parse_args())
    out: Path | None = flags.pop("out")
    try:
        if out:
            check_output(out)
        result = run(type(defaults)(**flags))
    except InputError as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    print(json.dumps({k: v for k, v in result.items() if k != "rows"}, indent=1, default=str))
    if out:
        with output_file(out) as temporary:
            temporary.write_text(json.dumps(result, indent=1, default=str) + "\n")


def _reader(value: Any) -> Callable[[str], Any]:
    """What turns a flag's text into a value of the default's type."""
    kind: Any = type(value)
    if not isinstance(value, tuple):
        return kind
    item: Any = type(value[0])

    def read(text: str) -> tuple:
        return tuple(item(part) for part in text.split(","))

    read.__name__ = f"list of {item.__name__}"
    return read
