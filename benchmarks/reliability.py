"""What a run survives: its writer killed again and again, readers meanwhile, a damaged file.

    python -m benchmarks.reliability --out reliability.json

One run is scored undisturbed. Another of the same settings is scored by processes that get SIGKILL
at random moments, while readers look on. Both must hold the same numbers, bit for bit. Copies of
the file are then damaged at random: each must be read as before or refused in one line.
"""

import json
import multiprocessing
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import numpy as np

import ntknas
from benchmarks.common import command, describe
from ntknas.errors import InputError
from ntknas.kernel import Batch
from ntknas.layers import Norm
from ntknas.network import NetworkSpec
from ntknas.runs import Run, ScoringSpec

__all__ = ["ReliabilityConfig", "content", "damaged", "run"]


@dataclass(frozen=True)
class ReliabilityConfig:
    """What to do to a run.

    Attributes:
        architectures: Number of architectures.
        kills: Number of processes that are killed.
        window: Largest number of seconds that a process lives after it stored its first
            architecture.
        readers: Number of processes that read meanwhile.
        damaged: Number of damaged copies.
        seed: Seed of the architectures, moments and damages.

    Raises:
        InputError: If there is no architecture.
    """

    architectures: int = 2000
    kills: int = 25
    window: float = 6.0
    readers: int = 10
    damaged: int = 3000
    seed: int = 0

    def __post_init__(self) -> None:
        if self.architectures < 1:
            raise InputError(f"architectures must be at least 1, got {self.architectures}")

    @property
    def archs(self) -> str:
        """The architectures, as `ntknas.score` takes them."""
        return f"random:{self.architectures}:{self.seed}"

    @property
    def spec(self) -> ScoringSpec:
        """The settings of the run: few images, a small network, clean and attacked kernels."""
        return ScoringSpec(
            batch_size=4,
            network=NetworkSpec(channels=4, cells=1, norm=Norm.IMAGE),
            attack=ntknas.AttackSpec(steps=1),
            batches=(Batch.CLEAN, Batch.ATTACKED),
            rhos=(8 / 255,),
            betas=(0.5,),
        )


def run(config: ReliabilityConfig) -> dict[str, Any]:
    """Score, kill, read and damage.

    Args:
        config: Settings, see `ReliabilityConfig`.

    Returns:
        The entries of `benchmarks.common.describe`; `seconds` of the undisturbed run; `kills`, and
        how many architectures each left; whether the two runs are `identical`; `reads` by all
        readers, and `faults` that they saw; and the outcomes of `damage`.
    """
    parent = Path(tempfile.mkdtemp(prefix="ntknas-reliability-"))
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(parent / "programs"))
    try:
        start = time.perf_counter()
        writer = _started(_score, config, parent / "undisturbed")
        writer.join()
        seconds = time.perf_counter() - start
        if writer.exitcode:
            raise RuntimeError(f"the undisturbed run ended with exit code {writer.exitcode}")
        pairs = [multiprocessing.get_context("spawn").Pipe() for _ in range(config.readers)]
        readers = [_started(_read, parent / "killed", theirs) for _, theirs in pairs]
        left = _kill_and_resume(config, parent / "killed")
        for mine, _ in pairs:
            mine.send("stop")
        seen = [mine.recv() for mine, _ in pairs]
        for reader in readers:
            reader.join()
        expected, found = (content(parent / name) for name in ("undisturbed", "killed"))
        return {
            **describe("reliability", config),
            "seconds": seconds,
            "kills": len(left),
            "architectures_left": left,
            "identical": found == expected,
            "reads": sum(reads for reads, _ in seen),
            "faults": sorted({fault for _, faults in seen for fault in faults}),
            "damage": _damage(config, parent / "damaged"),
        }
    finally:
        shutil.rmtree(parent, ignore_errors=True)


def _started(function: Any, *arguments: Any) -> BaseProcess:
    """A process of its own that calls a function."""
    process = multiprocessing.get_context("spawn").Process(target=function, args=arguments)
    process.start()
    return process


def _score(config: ReliabilityConfig, folder: Path) -> None:
    """Score the run, or go on with it."""
    ntknas.score(config.archs, out=folder, spec=config.spec)


def _stored(folder: Path) -> int:
    """The number of architectures in a run that may not have begun."""
    try:
        return len(Run(folder).ids)
    except InputError:
        return 0


def _kill_and_resume(config: ReliabilityConfig, folder: Path) -> list[int]:
    """Score a run whose processes are killed; the architectures that were stored at each kill."""
    rng = np.random.default_rng(config.seed)
    left: list[int] = []
    while len(left) < config.kills:
        before = _stored(folder)
        process = _started(_score, config, folder)
        if rng.random() < 0.8:  # the rest is killed while it starts
            while process.is_alive() and _stored(folder) == before:
                time.sleep(0.02)
        process.join(rng.uniform(0, config.window))
        process.kill()
        process.join()
        if process.exitcode == 0:
            raise RuntimeError(
                f"the run was finished after {len(left)} kills: expected {config.kills}; "
                "choose a smaller --window or more --architectures"
            )
        if process.exitcode != -9:
            raise RuntimeError(f"a process ended by itself, with exit code {process.exitcode}")
        left.append(_stored(folder))
    process = _started(_score, config, folder)
    process.join()
    if process.exitcode:
        raise RuntimeError(f"the resumed run ended with exit code {process.exitcode}")
    return left


_NOT_YET = ("no run in", "was stopped before it began", "holds no finished architecture yet")


def _read(folder: Path, pipe: Any) -> None:
    """Read a growing run until told to stop; send the number of reads and the faults."""
    os.nice(15)  # so that many readers on few cores leave the writer its share
    reads, faults, most = 0, [], 0
    while not pipe.poll(0.2):
        try:
            reader = Run(folder)
            table, rows = reader.table(), len(reader.spec.kernel_rows())
        except InputError as error:
            if not any(text in str(error) for text in _NOT_YET):
                faults.append(str(error).replace(str(folder), "RUN"))
            continue
        sizes = table.groupby("id").size()
        if not (sizes == rows * reader.spec.seeds).all():
            faults.append("an architecture that is not whole")
        if len(sizes) < most:
            faults.append("an architecture that vanished")
        reads, most = reads + 1, len(sizes)
    pipe.send((reads, faults))


def content(folder: Path) -> tuple[Any, ...]:
    """Everything that a run holds but times and places, in a form that can be compared.

    Args:
        folder: Folder of the run.
    """
    opened = Run(folder)
    store = opened._store
    columns, groups = store.score_rows()
    return (
        opened.spec,
        opened.meta,
        store.batches(),
        store.done(),
        {label: described[:3] for label, described in store.descriptions().items()},
        (columns, [(rows.keys, rows.data.tobytes()) for rows in groups]),
        repr(store.proxy_rows()),
        [
            (label, gram.seed, gram.rho, gram.gram.tobytes(), _bytes(gram.layer_cosine))
            + tuple((name, part.tobytes()) for name, part in gram.parts.items())
            for label, gram in store.grams(None, np.dtype(opened.meta["dtype"]))
        ],
    )


def _bytes(matrix: np.ndarray | None) -> bytes:
    return b"" if matrix is None else matrix.tobytes()


def damaged(stored: bytes, rng: np.random.Generator) -> bytes:
    """The bytes of a file, damaged at random: a bit, some bytes, a sector, or the end.

    Args:
        stored: Bytes of the file.
        rng: Source of the place and kind of the damage.
    """
    changed = bytearray(stored)
    start = int(rng.integers(len(changed)))
    sector = slice(start // 512 * 512, start // 512 * 512 + 512)
    kind = rng.integers(5)
    if kind == 0:
        changed[start] ^= 1 << int(rng.integers(8))
    elif kind == 1:
        some = slice(start, start + int(rng.integers(1, 64)))
        changed[some] = rng.bytes(len(changed[some]))
    elif kind == 2:
        changed[sector] = bytes(len(changed[sector]))
    elif kind == 3:
        del changed[start:]
    else:  # what belongs elsewhere
        source = int(rng.integers(len(changed) // 512)) * 512
        changed[sector] = changed[source : source + len(changed[sector])]
    return bytes(changed)


def _damage(config: ReliabilityConfig, folder: Path) -> dict[str, int]:
    """How often damaged copies of a run are read as before, refused, or something else."""
    small = folder / "small"
    ntknas.score(f"random:3:{config.seed}", out=small, spec=config.spec)
    stored, expected = (small / "run.sqlite").read_bytes(), content(small)
    rng = np.random.default_rng(config.seed)
    outcomes: Counter[str] = Counter(same=0, refused=0, wrong=0, traceback=0)
    for _ in range(config.damaged):
        (folder / "run.sqlite").write_bytes(damaged(stored, rng))
        try:
            outcomes["same" if content(folder) == expected else "wrong"] += 1
        except InputError as error:
            outcomes["refused" if "\n" not in str(error) else "traceback"] += 1
        except Exception as error:
            print(json.dumps({"traceback": repr(error)}), file=sys.stderr)
            outcomes["traceback"] += 1
    return dict(outcomes)


if __name__ == "__main__":
    command(run, ReliabilityConfig(), __doc__)
