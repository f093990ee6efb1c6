"""Scores that users registered: runs bring their records, and get those that they lack."""

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

import numpy as np

from ntknas.errors import InputError
from ntknas.kernel.joint import JointGram
from ntknas.runs.rows import ScoreRow, score_rows
from ntknas.runs.spec import ScoringSpec
from ntknas.runs.store import GramRecord, Store
from ntknas.scores import SCORES, Score, ScoreKind, score_names
from ntknas.spaces.space import Label

__all__ = [
    "adopt_scores",
    "bring_scores_up_to_date",
    "computable",
    "joint_gram",
    "own_score_records",
    "rescored",
]


def joint_gram(record: GramRecord, spec: ScoringSpec, dtype: np.dtype) -> JointGram:
    """A stored matrix with its parts as a joint Gram matrix.

    Args:
        record: What the store holds of an architecture, seed and radius.
        spec: Settings of the run.
        dtype: Type of the arithmetic that computed it.
    """
    return JointGram(
        record.gram,
        spec.batches,
        float(np.finfo(dtype).eps),
        layer_cosine=record.layer_cosine,
        parts=record.parts,
    )


def rescored(store: Store) -> Iterator[tuple[Label, int, list[ScoreRow]]]:
    """Label, seed and rows of every architecture and seed, computed from the Gram matrices.

    Args:
        store: Store of a run that has begun.
    """
    meta = store.meta()
    spec = ScoringSpec.from_json(meta["spec"])
    dtype = np.dtype(meta["dtype"])
    labels = {seed: np.array(json.loads(text)) for seed, (_, text) in store.batches().items()}
    constant = {label: described.constant for label, described in store.descriptions().items()}
    stored = store.grams(None, dtype)
    for (label, seed), group in groupby(stored, key=lambda row: (row[0], row[1].seed)):
        grams = {record.rho: joint_gram(record, spec, dtype) for _, record in group}
        yield (
            label,
            seed,
            # Nobody reads the rows of an architecture that was stored since.
            score_rows(
                spec.kernel_rows(), grams, labels[seed], constant=constant.get(label, False)
            ),
        )


def bring_scores_up_to_date(store: Store) -> None:
    """Add kernel scores that were registered after the run was made, from its Gram matrices.

    Args:
        store: Store of a run that has begun, open for writing.
    """
    columns = store.score_columns()
    missing = [name for name in score_names(ScoreKind.KERNEL) if name not in columns]
    if missing:
        records = json.loads(store.meta().get("scores", "{}")) | json.loads(own_score_records())
        rows = list(rescored(store)) if computable(store, columns) else []
        store.add_scores(missing, rows, meta={"scores": json.dumps(records)})


def computable(store: Store, columns: Sequence[str]) -> list[str]:
    """Kernel scores that the table of a run lacks, and that its Gram matrices have.

    Args:
        store: Store of the run.
        columns: Columns of its table.
    """
    missing = [name for name in score_names(ScoreKind.KERNEL) if name not in columns]
    if any(SCORES[name].of_layers for name in missing) and not store.has_layer_cosine():
        missing = [name for name in missing if not SCORES[name].of_layers]
    return missing


def own_score_records() -> str:
    """The scores that users registered, as JSON for the metadata of a run."""
    return json.dumps(
        {
            name: {"formula": s.formula, "direction": s.direction, "source": s.source}
            for name, s in SCORES.items()
            if s.kind is ScoreKind.KERNEL
            and s.function is not None
            and not s.function.__module__.startswith("ntknas.")
        }
    )


def adopt_scores(meta: Mapping[str, str]) -> None:
    """Register the scores that a run was made with and that are unknown, without functions.

    Args:
        meta: Metadata of the run.

    Raises:
        InputError: If the list of scores is damaged.
    """
    try:
        for name, record in json.loads(meta.get("scores", "{}")).items():
            if name not in SCORES:
                SCORES.register(name, Score(name, **record))
    except (AttributeError, TypeError, json.JSONDecodeError):  # of a run that has no checksums
        raise InputError("the run is damaged: the list of its own scores is none") from None
