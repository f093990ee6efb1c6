"""One tiny spec for every test of the engine, so that they share a compiled program."""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np

from ntknas.attack import AttackSpec
from ntknas.kernel import Batch, JointGram
from ntknas.layers import Norm
from ntknas.network import NetworkSpec
from ntknas.runs import GramRecord, Run, ScoringSpec, Store, score_rows
from ntknas.runs.checksums import seal
from ntknas.runs.store import DATABASE
from ntknas.spaces.nasbench201 import NASBENCH201, Architecture

__all__ = [
    "CLEAN",
    "CONSTANT",
    "NOT_REPRESENTATIVE",
    "REPRESENTATIVE",
    "TINY",
    "TWENTY",
    "add_made_up",
    "change_tables",
    "made_up",
    "programs",
    "table_of",
]

TINY = ScoringSpec(
    batch_size=6,
    seeds=2,
    network=NetworkSpec(channels=4, cells=1, norm=Norm.IMAGE),
    attack=AttackSpec(steps=2),
)
CLEAN = ScoringSpec(batch_size=6, batches=(Batch.CLEAN,), network=TINY.network)
CONSTANT = 10
NOT_REPRESENTATIVE, REPRESENTATIVE = 217, 46  # one class, convolutions on different edges
TWENTY = ["random:17", CONSTANT, NOT_REPRESENTATIVE, REPRESENTATIVE]


def made_up(spec: ScoringSpec, index: int) -> dict[str, Any]:
    """Gram matrices and score rows made up from an id, as arguments of `Store.add`."""
    size = len(spec.batches) * spec.batch_size
    rhos = spec.rhos or (0.0,)
    labels = np.arange(spec.batch_size) % 2
    grams, scores = [], []
    for seed in range(spec.seeds):
        rng = np.random.default_rng([index, seed])
        rows = rng.normal(size=(len(rhos), size, 2 * size))
        at_rho = {
            rho: JointGram.from_array((r @ r.T).astype(np.float32), spec.batches)
            for rho, r in zip(rhos, rows, strict=True)
        }
        grams += [GramRecord(seed, r, gram.gram.astype(np.float32)) for r, gram in at_rho.items()]
        scores.append((seed, score_rows(spec.kernel_rows(), at_rho, labels, constant=False)))
    return {"grams": grams, "scores": scores}


def add_made_up(store: Store, spec: ScoringSpec, index: int, **more: Any) -> None:
    """Store an architecture with made-up kernels, without any network.

    Args:
        store: The store, open for writing.
        spec: Settings of the run.
        index: Id of the architecture.
        **more: Arguments of `Store.add` that take the place of made-up ones, or `proxies`.
    """
    architecture = Architecture.from_id(index)
    counts = NASBENCH201.counts(architecture, spec.sizes)
    arguments: dict[str, Any] = {"seconds": 0.5, "counts": counts} | made_up(spec, index) | more
    store.add(architecture, **arguments)


def change_tables(folder: Path, *statements: str) -> None:
    """Change the tables of a run as another version would have written them.

    Args:
        folder: Folder of the run.
        *statements: SQL statements.
    """
    with contextlib.closing(sqlite3.connect(folder / DATABASE)) as connection, connection:
        for statement in statements:
            connection.execute(statement)
        seal(connection)


def table_of(run: Run, ids: list[int]):
    """The rows of some architectures, numbered from 0."""
    table = run.table()
    return table[table["id"].isin(ids)].reset_index(drop=True)


@contextlib.contextmanager
def programs() -> Iterator[list[str]]:
    """Names of the programs that XLA compiles in the meantime."""
    found: list[str] = []

    def listen(event: str, duration_secs: float, **kwargs: str | int) -> None:
        if event == "/jax/core/compile/backend_compile_duration":
            found.append(str(kwargs["fun_name"]))

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        yield found
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)
