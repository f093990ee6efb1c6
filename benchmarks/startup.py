"""Seconds from a fresh process to the first score, without and with a compilation cache.

    python -m benchmarks.startup --out FILE

There are three cases: no cache; an empty cache, which the process fills; and that cache, read by
another process. JAX's persistent cache is a folder named by the variable JAX_COMPILATION_CACHE_DIR.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import batches_of, command, describe, spread
from ntknas.errors import InputError
from ntknas.kernel import KernelName
from ntknas.layers import Norm

__all__ = ["StartupConfig", "run"]

_SCRIPT = """
import json, sys, time
arch, batches, norm, batch_size, channels, cells, folder = json.loads(sys.argv[1])
start = time.perf_counter()
import ntknas
imported = time.perf_counter()
network = ntknas.NetworkSpec(channels=channels, cells=cells, norm=norm)
spec = ntknas.ScoringSpec(batch_size=batch_size, batches=tuple(batches), network=network)
run = ntknas.score(arch, out=folder, spec=spec)
scored = time.perf_counter()
gram = run.kernels(run.ids[0], rho=spec.rhos[0] if spec.rhos else None).gram
print(json.dumps([imported - start, scored - imported, float(gram.trace())]))
"""


@dataclass(frozen=True)
class StartupConfig:
    """What to score first.

    Attributes:
        arch: One architecture.
        kernels: Kernels to score: clean, robust, twice.
        norm: Normalisation statistics.
        batch_size: Number of images N.
        channels: Channels of the network's first stage.
        cells: Cells per stage.
        repeats: Number of processes per case.

    Raises:
        InputError: If there is no process.
    """

    arch: str = "code:333333"
    kernels: tuple[KernelName, ...] = (KernelName.CLEAN,)
    norm: Norm = Norm.BATCH
    batch_size: int = 16
    channels: int = 16
    cells: int = 5
    repeats: int = 3

    def __post_init__(self) -> None:
        if self.repeats < 1:
            raise InputError(f"repeats must be at least 1, got {self.repeats}")


def run(config: StartupConfig) -> dict[str, Any]:
    """Start processes, the three cases in turns.

    Args:
        config: Settings, see `StartupConfig`.

    Returns:
        The entries of `benchmarks.common.describe`; for each case, median and quartiles of `import`
        (`import ntknas`), `first_score` (all until `ntknas.score` returns, what it imports and
        compiles included) and `process` (from its start to its end); bytes of the filled cache; and
        `trace` of the scored kernel, one per process.

    Raises:
        RuntimeError: If a process fails.
    """
    cases: dict[str, list[dict[str, float]]] = {
        "no_cache": [],
        "empty_cache": [],
        "filled_cache": [],
    }
    for turn in range(config.repeats):
        with tempfile.TemporaryDirectory() as cache:
            for name, found in cases.items():
                found.append(_start(config, None if name == "no_cache" else Path(cache)))
                print(f"turn {turn + 1}: {name} {found[-1]}", flush=True)
            stored = sum(path.stat().st_size for path in Path(cache).rglob("*") if path.is_file())
    return {
        **describe("startup", config),
        "cases": {
            name: {
                part: spread([times[part] for times in found])
                for part in ("import", "first_score", "process")
            }
            for name, found in cases.items()
        },
        "cache_bytes": stored,
        "trace": [times["trace"] for found in cases.values() for times in found],
    }


def _start(config: StartupConfig, cache: Path | None) -> dict[str, float]:
    """Seconds of the parts of one process."""
    environment = dict(os.environ)
    environment.pop("JAX_COMPILATION_CACHE_DIR", None)
    environment["JAX_ENABLE_COMPILATION_CACHE"] = "false" if cache is None else "true"
    if cache:
        environment["JAX_COMPILATION_CACHE_DIR"] = str(cache)
    with tempfile.TemporaryDirectory() as folder:
        settings = [
            *(config.arch, batches_of(config.kernels), config.norm),
            *(config.batch_size, config.channels, config.cells, folder),
        ]
        arguments = [sys.executable, "-c", _SCRIPT, json.dumps(settings)]
        start = time.perf_counter()
        done = subprocess.run(arguments, env=environment, capture_output=True, text=True)
        seconds = time.perf_counter() - start
    if done.returncode:
        raise RuntimeError(f"the process failed:\n{done.stderr}")
    imported, scored, trace = np.array(json.loads(done.stdout.splitlines()[-1])).tolist()
    return {"import": imported, "first_score": scored, "process": seconds, "trace": trace}


if __name__ == "__main__":
    command(run, StartupConfig(), __doc__)
