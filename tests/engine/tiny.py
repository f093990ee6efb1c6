"""One tiny spec for every test of the engine, so that they share a compiled program."""

import contextlib
from collections.abc import Iterator

import jax
import numpy as np

from ntknas.attack import AttackSpec
from ntknas.kernel import Batch, JointGram
from ntknas.layers import Norm
from ntknas.network import NetworkSpec
from ntknas.runs import Run, ScoringSpec
from ntknas.runs.run import score_records
from ntknas.runs.store import GramRecord, ScoreRecord

__all__ = [
    "CLEAN",
    "CONSTANT",
    "NOT_REPRESENTATIVE",
    "REPRESENTATIVE",
    "TINY",
    "TWENTY",
    "architecture_records",
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


def architecture_records(
    spec: ScoringSpec, index: int
) -> tuple[list[GramRecord], list[ScoreRecord]]:
    """Records of an architecture whose kernels are made up from its id, without any network."""
    size = len(spec.batches) * spec.batch_size
    grams, scores = [], []
    for seed in range(spec.seeds):
        rng = np.random.default_rng([index, seed])
        rows = rng.normal(size=(len(spec.rhos or (0.0,)), size, 2 * size))
        at_rho = {
            rho: (r @ r.T).astype(np.float32)
            for rho, r in zip(spec.rhos or (0.0,), rows, strict=True)
        }
        grams += [GramRecord(seed, rho, gram) for rho, gram in at_rho.items()]
        blocks = {rho: JointGram(gram.astype(float), spec.batches) for rho, gram in at_rho.items()}
        labels = np.arange(spec.batch_size) % 2
        scores += score_records(spec, seed, blocks, labels, constant=False)
    return grams, scores


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
