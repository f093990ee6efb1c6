"""Resident memory of a process while `ntknas.score` scores many architectures.

    python -m benchmarks.memory --archs random:300:0 --batch-size 32 --out FILE

Memory that grows with the number of architectures done would be a leak.
"""

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import ntknas
from benchmarks.common import Worker, batches_of, command, describe, memory_mb
from ntknas.errors import InputError
from ntknas.kernel import KernelName
from ntknas.layers import Norm
from ntknas.network import NetworkSpec
from ntknas.runs import ScoringSpec

__all__ = ["MemoryConfig", "run"]


@dataclass(frozen=True)
class MemoryConfig:
    """What to score, and when to look.

    Attributes:
        archs: Architectures, as `ntknas.architectures` takes them.
        kernels: Kernels to score: clean, robust, twice.
        norm: Normalisation statistics.
        batch_size: Number of images N.
        channels: Channels of the network's first stage.
        cells: Cells per stage.
        every: Number of architectures from one look to the next.
        early: Number of architectures after which memory should have settled, a multiple of
            `every`.
        late: Number of architectures after which it is compared, a multiple of `every`.

    Raises:
        InputError: If there is no look at one of these moments.
    """

    archs: str = "random:300:0"
    kernels: tuple[KernelName, ...] = (KernelName.CLEAN,)
    norm: Norm = Norm.BATCH
    batch_size: int = 32
    channels: int = 16
    cells: int = 5
    every: int = 20
    early: int = 20
    late: int = 200

    def __post_init__(self) -> None:
        if self.every < 1:
            raise InputError(f"every must be at least 1, got {self.every}")
        for name in ("early", "late"):
            moment = getattr(self, name)
            if moment < 1 or moment % self.every:
                raise InputError(f"{name} must be a multiple of {self.every}, got {moment}")


def run(config: MemoryConfig) -> dict[str, Any]:
    """Score in a fresh process and look at its memory.

    Args:
        config: Settings, see `MemoryConfig`.

    Returns:
        The entries of `benchmarks.common.describe`, seconds in all, the peak, memory at the early
        and the late moment with their ratios (`rss_ratio` of what was resident at those moments,
        `peak_ratio` of the largest until then), and `rows`, one per look. MB are 10^6 bytes.

    Raises:
        InputError: If there are fewer architectures than `late`.
    """
    total = len(ntknas.architectures(config.archs))
    if total < max(config.early, config.late):
        raise InputError(f"expected at least {config.late} architectures, got {total}")
    with Worker(_scorer, config) as worker:
        seconds, rows, *_ = worker(config.archs)
    looks = {row["architectures"]: row for row in rows}
    early, late = looks[config.early], looks[config.late]
    return {
        **describe("memory", config),
        "seconds": seconds,
        "peak_rss_mb": rows[-1]["peak_rss_mb"],
        "early": early,
        "late": late,
        "rss_ratio": late["rss_mb"] / early["rss_mb"],
        "peak_ratio": late["peak_rss_mb"] / early["peak_rss_mb"],
        "rows": rows,
    }


def _scorer(config: MemoryConfig) -> Callable[[str], Callable[[], list[dict[str, Any]]]]:
    network = NetworkSpec(channels=config.channels, cells=config.cells, norm=config.norm)
    spec = ScoringSpec(
        batch_size=config.batch_size, batches=batches_of(config.kernels), network=network
    )

    def prepare(archs: str) -> Callable[[], list[dict[str, Any]]]:
        def score() -> list[dict[str, Any]]:
            rows: list[dict[str, Any]] = []
            start = time.perf_counter()

            def look(done: int, total: int) -> None:
                if done % config.every == 0 or done == total:
                    seconds = time.perf_counter() - start
                    rows.append({"architectures": done, "after_seconds": seconds, **memory_mb()})
                    print(rows[-1], flush=True)

            with tempfile.TemporaryDirectory() as folder:
                ntknas.score(archs, out=folder, spec=spec, on_progress=look)
            return rows

        return score

    return prepare


if __name__ == "__main__":
    command(run, MemoryConfig(), __doc__)
