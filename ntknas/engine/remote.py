"""A session whose kernels other processes compute: cuts work into tasks and joins the results.

A task is a chunk of architectures under one seed. The tasks of a chunk's seeds follow each other,
so that architectures are complete, and can be stored, long before the end.
"""

import os
import sys
from collections.abc import Generator, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from ntknas.engine.futures import TRIES, Failure, Workers, completed
from ntknas.engine.program import OF_CELLS
from ntknas.engine.tasks import (
    Computed,
    Host,
    Message,
    Session,
    TaskFailed,
    compute_message,
    message,
    open_session,
)
from ntknas.errors import InputError, shorten
from ntknas.images import ImageSet, ScoringBatch
from ntknas.runs import ScoringSpec
from ntknas.runs.registered import own_score_records
from ntknas.spaces import NASBENCH201, Candidate, NamedNetwork, Space

__all__ = ["Remote", "WorkFailed"]

_MOST_FILLS = 4  # of a worker, by one chunk
_SHARE = 8  # chunks per worker, at least


class WorkFailed(OSError):
    """Some architectures could not be computed; all others were."""


class _Task(NamedTuple):
    """Positions of the architectures of a task, and its seed."""

    positions: tuple[int, ...]
    seed: int


class Remote:
    """A session on other processes.

    Args:
        workers: The processes.
        spec: Settings of the run.
        images: The images that the batches were drawn from.
        batches: Images of each seed.
        space: The search space.
        program: Name of a member of `PROGRAMS`; None means the fastest on the workers.
        chunk: Number of architectures of a task; None means enough to keep a worker busy, and not
            so many that others would be idle at the end.
    """

    def __init__(
        self,
        workers: Workers,
        spec: ScoringSpec,
        images: ImageSet,
        batches: Sequence[ScoringBatch],
        space: Space[Any],
        *,
        program: str | None = None,
        chunk: int | None = None,
    ):
        if chunk is not None and chunk < 1:
            raise InputError(f"chunk must be at least 1, got {chunk}")
        self._workers = workers
        self._spec = spec
        self._space = space
        self._chunk = chunk
        # Workers lack scores that users registered here, and know an own space by networks alone.
        self._with_rows = self._of_cells(program) and own_score_records() == "{}"
        # Of all images, those of a seed's batch alone travel.
        self._sessions = [
            Session(spec, seed, _subset(images, batch), program, self._with_rows)
            for seed, batch in enumerate(batches)
        ]
        self._host: Host | None = None

    def host(self, architecture: Candidate) -> Host:
        """What the first worker that answers says of itself; waits for one.

        Args:
            architecture: Some architecture, which is not computed.

        Raises:
            InputError: If a worker has other versions or arithmetic, or none of this package.
            WorkersLost: If no worker can be reached any more.
        """
        if self._host is None:
            try:
                self._host = self._ask(self._message([architecture], 0))
            except (ImportError, AttributeError) as error:
                raise InputError(f"a worker cannot load ntknas: {error}") from None
        return self._host

    def _ask(self, task: Message) -> Host:
        """What a worker says of itself; asks another one if the first is lost."""
        asking = completed(
            self._workers,
            lambda one: self._workers.submit(open_session, one),
            [task],
            split=lambda one: [one],
        )
        try:
            return next(asking)[1]
        except StopIteration as end:
            raise end.value[0].error from None

    def stream(
        self, architectures: Sequence[Candidate]
    ) -> Generator[tuple[Candidate, Computed], None, None]:
        """Architectures in order of completion.

        Args:
            architectures: Architectures of the space, at least one.

        Yields:
            An architecture and what was computed for it under all seeds.

        Raises:
            WorkFailed: If some architectures failed on each of three tries, after all others.
            WorkersLost: If no worker can be reached any more.
        """
        size = self._chunk or self._chunk_size(architectures)
        tasks = (
            _Task(tuple(range(start, min(start + size, len(architectures)))), seed)
            for start in range(0, len(architectures), size)
            for seed in range(len(self._sessions))
        )

        def submit(task: _Task) -> Any:
            chosen = [architectures[position] for position in task.positions]
            return self._workers.submit(compute_message, self._message(chosen, task.seed))

        def split(task: _Task) -> list[_Task]:
            return [_Task((position,), task.seed) for position in task.positions]

        parts: dict[int, dict[int, Computed]] = {}
        results = completed(self._workers, submit, tasks, split=split)
        try:
            while True:
                try:
                    task, computed = next(results)
                except StopIteration as end:
                    failures: list[Failure] = end.value
                    break
                for position, one in zip(task.positions, computed, strict=True):
                    of_seeds = parts.setdefault(position, {})
                    of_seeds[task.seed] = one
                    if len(of_seeds) == len(self._sessions):
                        del parts[position]
                        yield architectures[position], self._join(architectures[position], of_seeds)
        finally:
            results.close()
        if failures:
            raise WorkFailed(_complaint(failures, architectures))

    def _message(self, architectures: Sequence[Candidate], seed: int) -> Message:
        """The message of a task."""
        session = self._sessions[seed]
        if self._of_cells(session.program):
            return message(session, architectures)
        networks = {a.id: self._space.build(a, self._spec.network) for a in architectures}
        return message(session, [NamedNetwork(label) for label in networks], networks)

    def _of_cells(self, program: str | None) -> bool:
        """Whether workers make the networks themselves, as cells of NAS-Bench-201."""
        return self._space.name == NASBENCH201.name and program in (None, *OF_CELLS)

    def _chunk_size(self, architectures: Sequence[Candidate]) -> int:
        """The number of architectures of a task."""
        host = self.host(architectures[0])
        fill = host.launch_size * host.launches
        wanted = len(architectures) * len(self._sessions) // (_SHARE * self._workers.capacity())
        return fill * min(max(wanted // fill, 1), _MOST_FILLS)

    def _join(self, architecture: Candidate, of_seeds: dict[int, Computed]) -> Computed:
        """What was computed under each seed, as a program of all seeds gives it."""
        every = [of_seeds[seed] for seed in range(len(self._sessions))]
        kernels = jax.tree.map(lambda *a: np.concatenate(a), *(one.kernels for one in every))
        proxies = [scores for one in every for scores in one.proxies]
        counts = every[0].counts
        if not self._of_cells(self._sessions[0].program):
            known = self._space.counts(architecture, self._spec.sizes)
            counts = known | {name: n for name, n in counts.items() if name not in known}
        rows = tuple(of_seed for one in every for of_seed in one.rows)
        return Computed(kernels, proxies, counts, sum(one.seconds for one in every), rows)


def _subset(images: ImageSet, batch: ScoringBatch) -> ImageSet:
    """The images of a batch, in its order."""
    order = np.argsort(images.indices)
    chosen = order[np.searchsorted(images.indices, batch.indices, sorter=order)]
    return images.subset(chosen)


def _complaint(failures: Sequence[Failure], architectures: Sequence[Candidate]) -> str:
    """Which architectures failed and why, in one line."""
    names = sorted({str(architectures[f.item.positions[0]].id) for f in failures})
    error = failures[0].error
    if os.environ.get("NTKNAS_TRACEBACK") and isinstance(error, TaskFailed):
        sys.stderr.write(error.args[1])
    text = str(error) if isinstance(error, TaskFailed) else f"{type(error).__name__}: {error}"
    shown = ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")
    what = "architecture" if len(names) == 1 else f"{len(names)} architectures"
    return (
        f"{what} {shown} failed in each of {TRIES} tries, all others were computed "
        f"({shorten(' '.join(text.split()), 300)})"
    )
