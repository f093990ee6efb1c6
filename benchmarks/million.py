"""A run of a million results: filled, opened, resumed, read, correlated and exported.

    python -m benchmarks.million --truth NAS-RobBench-201_html.json --out million.json

A result belongs to one architecture, seed and radius. The matrices are real ones of a few
architectures, of one cell per stage and few channels, which stand in for all architectures and
seeds. Each step has a process of its own; its memory is the largest until its end.
"""

import itertools
import json
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ntknas
from benchmarks.common import Worker, command, describe, memory_mb
from ntknas.cli.main import main
from ntknas.engine import Scorer
from ntknas.engine.tasks import gram_record, rows_of_seed
from ntknas.errors import InputError
from ntknas.kernel import Batch
from ntknas.layers import Norm
from ntknas.network import NetworkSpec
from ntknas.runs import Run, ScoringSpec, Store
from ntknas.scores import format_fraction
from ntknas.spaces.nasbench201 import NASBENCH201

__all__ = ["MillionConfig", "run"]


@dataclass(frozen=True)
class MillionConfig:
    """What to store.

    Attributes:
        archs: Architectures, as `ntknas.architectures` takes them.
        real: Architectures whose matrices stand in for all, as `ntknas.architectures` takes them.
        seeds: Number of seeds.
        rho: Attack radii in 255ths.
        batch_size: Number of images N; joint matrices are [2 N, 2 N].
        truth: File of published accuracies; without one nothing is correlated.
        resamples: Resamples of each bootstrap interval of the correlation.
        folder: Folder of the run, which is removed afterwards; by default a temporary one.

    Raises:
        InputError: If there is no seed or no image.
    """

    archs: str = "all"
    real: str = "random:16:0"
    seeds: int = 31
    rho: tuple[float, ...] = (1.0, 2.0, 4.0, 8.0, 16.0)
    batch_size: int = 8
    truth: str = ""
    resamples: int = 200
    folder: str = ""

    def __post_init__(self) -> None:
        for name in ("seeds", "batch_size"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1, got {getattr(self, name)}")

    def spec(self, seeds: int) -> ScoringSpec:
        """The settings of the run, for a number of seeds."""
        return ScoringSpec(
            batch_size=self.batch_size,
            seeds=seeds,
            network=NetworkSpec(channels=4, cells=1, norm=Norm.IMAGE),
            attack=ntknas.AttackSpec(steps=1),
            batches=(Batch.CLEAN, Batch.ATTACKED),
            rhos=tuple(rho / 255 for rho in self.rho),
            betas=(),
        )


def run(config: MillionConfig) -> dict[str, Any]:
    """Fill a run and time what is done with it.

    Args:
        config: Settings, see `MillionConfig`.

    Returns:
        The entries of `benchmarks.common.describe`, the number of results, the rows of the table
        and the size of the file, and for each step its seconds and the peak memory of its process
        in MB of 10^6 bytes.
    """
    parent = Path(config.folder or tempfile.mkdtemp(prefix="ntknas-million-"))
    folder = parent / "run"
    steps: dict[str, Callable[[MillionConfig, Path], Any]] = {
        "fill": fill,
        "open": opened,
        "resume": resumed,
        "table": tabled,
        "scores": averaged,
        "export": exported,
    }
    if config.truth:
        steps["correlate"] = correlated
    result: dict[str, Any] = {}
    try:
        for name, step in steps.items():
            with Worker(_serve, step, config, folder) as worker:
                seconds, megabytes, value = worker(name).value
            result[name] = {"seconds": seconds, "peak_rss_mb": megabytes, "value": value}
        size = (folder / "run.sqlite").stat().st_size / 1e6
    finally:
        shutil.rmtree(parent, ignore_errors=True)
    count = len(ntknas.architectures(config.archs))
    return {
        **describe("million", config),
        "results": count * config.seeds * len(config.rho),
        "table_rows": result["table"]["value"],
        "file_mb": size,
        "steps": result,
    }


def _serve(step: Callable, config: MillionConfig, folder: Path) -> Callable[[str], Callable]:
    """A function that times a step and looks at the memory of its process."""

    def call() -> tuple[float, float, Any]:
        start = time.perf_counter()
        value = step(config, folder)
        return time.perf_counter() - start, memory_mb()["peak_rss_mb"], value

    return lambda _: call


def fill(config: MillionConfig, folder: Path) -> int:
    """Store every architecture; the number of results."""
    spec = config.spec(1)
    scorer = Scorer(spec)
    real = []
    for scored in scorer.stream(ntknas.architectures(config.real)):
        gram = scored.gram[0]
        rows = rows_of_seed(scorer.spec, gram, scorer.batches[0].labels, constant=False)
        records = [
            gram_record(0, rho, gram[position], scored.dtype)
            for position, rho in enumerate(spec.rhos)
        ]
        real.append((records, rows))
    whole = Scorer(config.spec(config.seeds))
    chosen = ntknas.architectures(config.archs)
    with Store.write(folder) as store:
        store.begin(
            {"spec": whole.spec.to_json(), "dtype": "float32", "images": whole.images.source}
            | {"ntknas": ntknas.__version__, "scores": "{}"},
            [
                (seed, json.dumps(batch.indices.tolist()), json.dumps(batch.labels.tolist()))
                for seed, batch in enumerate(whole.batches)
            ],
        )
        places = itertools.cycle(range(len(real)))
        for architecture in chosen:
            of_seeds = [real[next(places)] for _ in range(config.seeds)]
            store.add(
                architecture,
                seconds=1.0,
                counts=NASBENCH201.counts(architecture, spec.sizes),
                grams=[
                    record._replace(seed=seed)
                    for seed, (records, _) in enumerate(of_seeds)
                    for record in records
                ],
                scores=[(seed, rows) for seed, (_, rows) in enumerate(of_seeds)],
            )
    return len(chosen) * config.seeds * len(spec.rhos)


def opened(config: MillionConfig, folder: Path) -> int:
    """Open the run; the number of its architectures."""
    return len(Run(folder).ids)


def resumed(config: MillionConfig, folder: Path) -> int:
    """Score the same architectures again: there is nothing to do."""
    done: list[int] = []
    ntknas.score(
        config.archs,
        out=folder,
        spec=config.spec(config.seeds),
        on_progress=lambda count, total: done.append(count),
    )
    return done[-1]


def tabled(config: MillionConfig, folder: Path) -> int:
    """Read the table; the number of its rows."""
    return len(Run(folder).table())


def averaged(config: MillionConfig, folder: Path) -> int:
    """The scores averaged over seeds; the number of architectures."""
    return len(Run(folder).scores())


def exported(config: MillionConfig, folder: Path) -> float:
    """Write the table as Parquet; the size of the file in MB."""
    path = folder.parent / "scores.parquet"
    status = main(["export", str(folder), "--format", "parquet", "--out", str(path)])
    if status:
        raise RuntimeError(f"export ended with status {status}")
    return path.stat().st_size / 1e6


def correlated(config: MillionConfig, folder: Path) -> int:
    """Correlate two scores and the sizes with PGD-8 accuracy; the number of architectures."""
    truth = ntknas.load_truth(config.truth)
    names = ("sphericity@clean", f"cond@robust:{format_fraction(config.rho[-1] / 255)}")
    found = ntknas.correlate(
        Run(folder),
        truth,
        dataset="cifar10",
        metrics=["pgd_8"],
        names=names,
        resamples=config.resamples,
    )
    return int(found["n"].max())


if __name__ == "__main__":
    command(run, MillionConfig(), __doc__)
