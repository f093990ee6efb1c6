"""Seconds of the scores of mixed kernels at many betas, from stored Gram matrices.

    python -m benchmarks.beta_sweep --out FILE

The stored matrices are random and positive definite. No network is built, and no device is used.
"""

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import ntknas
from benchmarks.common import command, describe, spread
from ntknas.errors import InputError
from ntknas.kernel import KernelName
from ntknas.runs import GramRecord, Run, ScoringSpec, Store
from ntknas.spaces.nasbench201 import NASBENCH201

__all__ = ["SweepConfig", "run", "write_run"]


@dataclass(frozen=True)
class SweepConfig:
    """What to store and sweep.

    Attributes:
        archs: Architectures, as `ntknas.architectures` takes them.
        betas: Number of values of beta, evenly spaced in [0, 1].
        batch_size: Number of images N; joint matrices are [3 N, 3 N].
        repeats: Number of sweeps.

    Raises:
        InputError: If there are fewer than two betas, or no sweep.
    """

    archs: str = "random:1000:0"
    betas: int = 101
    batch_size: int = 32
    repeats: int = 3

    def __post_init__(self) -> None:
        for name, least in (("betas", 2), ("repeats", 1)):
            if getattr(self, name) < least:
                raise InputError(f"{name} must be at least {least}, got {getattr(self, name)}")


def write_run(folder: Path, config: SweepConfig) -> Run:
    """A run of made-up joint matrices at one radius and seed, without a score table.

    Args:
        folder: Folder of the run.
        config: Settings, see `SweepConfig`.
    """
    spec = ScoringSpec(batch_size=config.batch_size, rhos=(8 / 255,))
    labels = [i % 10 for i in range(config.batch_size)]
    size = len(spec.batches) * config.batch_size
    rng = np.random.default_rng(0)
    with Store.write(folder) as store:
        indices = list(range(config.batch_size))
        store.begin({"spec": spec.to_json(), "dtype": "float32"}, [(0, str(indices), str(labels))])
        for architecture in ntknas.architectures(config.archs):
            rows = rng.normal(size=(size, 2 * size))
            gram = (rows @ rows.T).astype(np.float32)
            counts = NASBENCH201.counts(architecture, spec.sizes)
            grams = [GramRecord(0, spec.rhos[0], gram)]
            store.add(architecture, seconds=0.0, counts=counts, grams=grams, scores=[])
    return Run(folder)


def run(config: SweepConfig) -> dict[str, Any]:
    """Sweep a made-up run.

    Args:
        config: Settings, see `SweepConfig`.

    Returns:
        The entries of `benchmarks.common.describe`, median and quartiles of the seconds per sweep,
        and the numbers of architectures and of rows of the table.
    """
    betas = np.linspace(0, 1, config.betas).tolist()
    seconds = []
    with tempfile.TemporaryDirectory() as folder:
        stored = write_run(Path(folder), config)
        for _ in range(config.repeats):
            start = time.perf_counter()
            table = stored.sweep(betas)
            seconds.append(time.perf_counter() - start)
        architectures = len(stored.ids)
    expected = architectures * sum(kernel.mixed for kernel in KernelName) * len(betas)
    if len(table) != expected:
        raise RuntimeError(f"expected {expected} rows, got {len(table)}")
    return {
        **describe("beta_sweep", config),
        "sweep": spread(seconds),
        "architectures": architectures,
        "table_rows": len(table),
    }


if __name__ == "__main__":
    command(run, SweepConfig(), __doc__)
