"""Scores that users registered: runs bring their records, and get those that they lack."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
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
    "joined_score_records",
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


def rescored(
    store: Store, only: Collection[Label] | None = None
) -> Iterator[tuple[Label, int, list[ScoreRow]]]:
    """Label, seed and rows of architectures and seeds, computed from the Gram matrices.

    Args:
        store: Store of a run that has begun.
        only: Labels of the architectures; None means all.
    """
    meta = store.meta()
    spec = ScoringSpec.from_json(meta["spec"])
    dtype = np.dtype(meta["dtype"])
    labels = {seed: np.array(json.loads(text)) for seed, (_, text) in store.batches().items()}
    constant = {label: described.constant for label, described in store.descriptions().items()}
    stored = store.grams(None, dtype)
    for (label, seed), group in groupby(stored, key=lambda row: (row[0], row[1].seed)):
        if only is not None and label not in only:
            continue
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
        with store.transaction():
            store.add_meta({"scores": json.dumps(records)})
            store.add_scores(missing, rows)


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
    return _as_json(
        {
            name: score
            for name, score in SCORES.items()
            if score.kind is ScoreKind.KERNEL
            and score.function is not None
            and not score.function.__module__.startswith("ntknas.")
        }
    )


def joined_score_records(metas: Iterable[Mapping[str, str]]) -> str:
    """The scores that users registered for runs or in this process, as JSON for a joined run.

    Where the formulas or sources of a score differ, the first are kept.

    Args:
        metas: Metadata of each run.

    Raises:
        InputError: If a list of scores is damaged, or two scores of one name differ in their kind
            or direction.
    """
    joined: dict[str, Score] = {}
    for meta in (*metas, {"scores": own_score_records()}):
        for name, score in _recorded_scores(meta).items():
            _check_one_meaning(joined.setdefault(name, score), score)
            registered = SCORES.get(name, score)
            if registered.kind is not ScoreKind.KERNEL or registered.function is not None:
                _check_one_meaning(registered, score)
    return _as_json(joined)


def adopt_scores(meta: Mapping[str, str]) -> None:
    """Register the scores that a run was made with and that are unknown, without functions.

    Args:
        meta: Metadata of the run.

    Raises:
        InputError: If the list of scores is damaged.
    """
    for name, score in _recorded_scores(meta).items():
        if name not in SCORES:
            SCORES.register(name, score)


def _recorded_scores(meta: Mapping[str, str]) -> dict[str, Score]:
    """The scores that a run's metadata lists, by name, without functions."""
    try:
        records = json.loads(meta.get("scores", "{}"))
        return {name: Score(name, **record) for name, record in records.items()}
    except (AttributeError, TypeError, json.JSONDecodeError):  # of a run that has no checksums
        raise InputError("the run is damaged: the list of its own scores is none") from None


def _as_json(scores: Mapping[str, Score]) -> str:
    """The records of scores, as JSON for the metadata of a run."""
    return json.dumps(
        {
            name: {
                "formula": score.formula,
                "direction": score.direction,
                "source": score.source,
            }
            for name, score in scores.items()
        }
    )


def _check_one_meaning(first: Score, second: Score) -> None:
    """Raise InputError if two scores of one name differ in kind or direction."""
    if (first.kind, first.direction) != (second.kind, second.direction):
        raise InputError(
            f"expected one meaning of score {first.name}, but there are a {first.kind} score of "
            f"direction {first.direction:+d} ({first.formula}) and a {second.kind} score of "
            f"direction {second.direction:+d} ({second.formula})"
        )
