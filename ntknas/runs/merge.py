"""`merge_runs`: one run from several of the same settings, made by machines that share nothing."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ntknas.errors import InputError
from ntknas.runs.registered import (
    bring_scores_up_to_date,
    computable,
    joined_score_records,
    rescored,
)
from ntknas.runs.run import Run
from ntknas.runs.spec import ScoringSpec
from ntknas.runs.store import Store

__all__ = ["merge_runs"]


def merge_runs(
    runs: Sequence[str | os.PathLike[str]], *, out: str | os.PathLike[str]
) -> tuple[Run, int]:
    """Join runs of the same settings.

    An architecture that several runs hold is taken from the first of them. If `out` holds a run of
    the same settings, the others are added to it. All runs are added in one transaction, so that
    none is if one of them cannot be. Registered scores that some run lacks are computed from its
    Gram matrices.

    Args:
        runs: Folders of the runs, at least one.
        out: Folder of the joined run, none of `runs`.

    Returns:
        The joined run, and the number of architectures that were skipped because the joined run
        held them already.

    Raises:
        InputError: If there are no runs, one of them cannot be read or is damaged, they differ in
            their settings, images or arithmetic, or scores of one name that users registered differ
            in their direction. Nothing is written then.
    """
    folders = [Path(folder) for folder in runs]
    if not folders:
        raise InputError("expected at least one run to merge, got none")
    target = Path(out)
    for folder in folders:
        if folder.resolve() == target.resolve():
            raise InputError(f"expected another folder than {folder} to merge into")
    # All runs are read and compared before anything is written.
    sources = [Store.read(folder) for folder in folders]
    for source in sources[1:]:
        _check_same(sources[0], source)
    metas = [source.meta() for source in sources]
    if _is_begun(target):
        _check_same(Store.read(target), sources[0])
        metas.insert(0, Store.read(target).meta())
    scores = joined_score_records(metas)
    for source in sources:
        _check_undamaged(source)
    skipped = 0
    with Store.write(target) as store, store.transaction():
        if store.meta():
            bring_scores_up_to_date(store)
        else:
            store.begin(
                sources[0].meta(),
                [(seed, *texts) for seed, texts in sources[0].batches().items()],
            )
        for source in sources:
            lacking = computable(source, source.score_columns())
            new = source.done() - store.done()
            skipped += store.adopt(source, lacking, rescored(source, new) if lacking else ())
        store.add_meta({"scores": scores})
    return Run(target), skipped


def _is_begun(folder: Path) -> bool:
    """Whether a folder holds a run with settings."""
    try:
        return bool(Store.read(folder).meta())
    except InputError:
        return False


def _check_same(first: Store, other: Store) -> None:
    """Raise InputError if two runs differ in settings, images or arithmetic."""
    ours, theirs = first.meta(), other.meta()
    for store, meta in ((first, ours), (other, theirs)):
        if "spec" not in meta:
            raise InputError(f"the run in {store.folder} is empty: it was stopped before it began")
    differences = ScoringSpec.from_json(ours["spec"]).differences(
        ScoringSpec.from_json(theirs["spec"])
    )
    if ours["dtype"] != theirs["dtype"]:
        differences.append(f"dtype: {ours['dtype']} / {theirs['dtype']}")
    if not differences and first.batches() != other.batches():
        differences = ["the batches of images"]
    if differences:
        raise InputError(
            f"expected runs of the same settings, but {first.folder} and {other.folder} differ: "
            + "; ".join(differences)
        )


def _check_undamaged(source: Store) -> None:
    """Raise InputError if some part of a run cannot be read as it was written."""
    source.done()
    source.descriptions()
    source.proxy_rows()
    for _ in source.score_rows()[1]:
        pass
    for _ in source.grams(None, np.dtype(source.meta()["dtype"])):
        pass
