"""`merge_runs`: one run from several of the same settings, made by machines that share nothing."""

import os
from collections.abc import Sequence
from pathlib import Path

from ntknas.errors import InputError
from ntknas.runs.registered import bring_scores_up_to_date
from ntknas.runs.run import Run
from ntknas.runs.spec import ScoringSpec
from ntknas.runs.store import Store

__all__ = ["merge_runs"]


def merge_runs(
    runs: Sequence[str | os.PathLike[str]], *, out: str | os.PathLike[str]
) -> tuple[Run, int]:
    """Join runs of the same settings.

    An architecture that several runs hold is taken from the first of them. If `out` holds a run of
    the same settings, the others are added to it. Each run is added in one transaction.

    Args:
        runs: Folders of the runs, at least one.
        out: Folder of the joined run, none of `runs`.

    Returns:
        The joined run, and the number of architectures that were skipped because the joined run
        held them already.

    Raises:
        InputError: If there are no runs, one of them cannot be read, or they differ in their
            settings, images or arithmetic.
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
    if _is_begun(target):
        _check_same(Store.read(target), sources[0])
    skipped = 0
    with Store.write(target) as store:
        if not store.meta():
            store.begin(
                sources[0].meta(),
                [(seed, *texts) for seed, texts in sources[0].batches().items()],
            )
        for source in sources:
            skipped += store.adopt(source)
        bring_scores_up_to_date(store)
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
