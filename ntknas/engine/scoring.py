"""Scoring many architectures into a run folder: resumable, in order, one transaction for each."""

import json
import tempfile
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import jax

import ntknas
from ntknas.engine.scorer import Scored, Scorer
from ntknas.engine.tasks import arithmetic, gram_record, rows_of_seed
from ntknas.errors import InputError
from ntknas.images import ImageSet, load_images
from ntknas.runs import Run, ScoringSpec, Store
from ntknas.runs.registered import bring_scores_up_to_date, own_score_records
from ntknas.spaces import NetworkTable, Space

__all__ = ["score", "score_networks"]

Progress = Callable[[int, int], None]


def score(
    archs: Any,
    *,
    out: str | Path | None = None,
    spec: ScoringSpec | None = None,
    images: ImageSet | None = None,
    space: Space[Any] | None = None,
    program: str | None = None,
    scorer: Scorer | None = None,
    executor: Any = None,
    on_progress: Progress | None = None,
) -> Run:
    """Score architectures, skipping those that the folder already holds.

    Scoring more architectures into a folder extends its run. The numbers of an architecture do not
    depend on which others are scored, in which order, or in how many attempts.

    Args:
        archs: Anything that the space's `parse` takes (for NAS-Bench-201 `ntknas.architectures`).
        out: Folder of the run; None means a new temporary folder.
        spec: Settings of the run; None means the preset "standard". Classes, image size, mean and
            std are taken from the images.
        images: The images that batches are drawn from; None means the embedded CIFAR-10 sample.
        space: The search space; None means NAS-Bench-201.
        program: Name of a member of `PROGRAMS` (`ntknas.engine`); None means the fastest for the
            space on the back end in use. Programs agree up to rounding.
        scorer: A session to use, in place of `spec`, `images`, `space`, `program` and `executor`.
        executor: Processes that compute, while this one alone writes the run: a Dask client, or an
            executor of futures such as `concurrent.futures.ProcessPoolExecutor`; or the name of a
            member of `EXECUTORS`. None means the threads of this process.
        on_progress: Function that is called with (finished, total) before the first architecture
            and after each one; None calls none.

    Returns:
        The run.

    Raises:
        InputError: For bad architectures or settings, or if the folder holds a run with other
            settings, is being written to by another process, or cannot be written; or if other
            processes have other versions or arithmetic.
        OSError: If other processes cannot compute some architectures, after all others are stored;
            or if they cannot be reached any more. The same call goes on.
    """
    if scorer is None:
        scorer = _session(spec, images, space, program, executor)
    elif not (spec is images is space is program is executor is None):
        raise InputError(
            "expected either a scorer or spec, images, space, program and executor, got both"
        )
    architectures = scorer.space.parse(archs)
    device = scorer.device  # workers that do not fit are refused before anything is written
    folder = Path(tempfile.mkdtemp(prefix="ntknas-") if out is None else out)
    with Store.write(folder) as store:
        _describe(store, scorer, device)
        finished = store.done()
        todo = [a for a in architectures if a.id not in finished]
        done = len(architectures) - len(todo)
        if on_progress:
            on_progress(done, len(architectures))
        for scored in scorer.stream(todo):
            _save(store, scorer, scored)
            done += 1
            if on_progress:
                on_progress(done, len(architectures))
    return Run(folder)


def score_networks(
    networks: Mapping[Any, Any],
    *,
    out: str | Path | None = None,
    spec: ScoringSpec | None = None,
    images: ImageSet | None = None,
    executor: Any = None,
    on_progress: Progress | None = None,
) -> Run:
    """Score user-defined networks by name; each is compiled as a separate program.

    Args:
        networks: Mapping from a label to a Flax module, or to `(apply_fn, params)` with
            `apply_fn(params, images) -> logits`.
        out: Folder of the run; None means a new temporary folder.
        spec: Settings of the run; None means clean kernels of 16 images. `coupled=False` is faster,
            and right where the images of a batch do not interact.
        images: The images that batches are drawn from; None means the embedded CIFAR-10 sample.
        executor: Processes that compute, as for `score`. Networks are pickled.
        on_progress: Function that is called with (finished, total) before the first network and
            after each one; None calls none.

    Returns:
        The run.

    Raises:
        InputError: For bad networks or settings, or a folder that cannot be used.
        OSError: As for `score`.
    """
    return score(
        "all",
        out=out,
        spec=spec,
        images=images,
        space=NetworkTable(networks),
        executor=executor,
        on_progress=on_progress,
    )


def _session(
    spec: ScoringSpec | None,
    images: ImageSet | None,
    space: Space[Any] | None,
    program: str | None,
    executor: Any,
) -> Scorer:
    """A session of these settings; recent sessions of NAS-Bench-201 are kept with their weights."""
    images = load_images() if images is None else images
    if space is not None or executor is not None:
        executor = "threads" if executor is None else executor
        return Scorer(spec, images, space=space, program=program, executor=executor)
    return _recent(spec, _SameImages(images), program, arithmetic())


class _SameImages:
    """Images that compare equal if their digests are equal."""

    def __init__(self, images: ImageSet):
        self.images = images
        self._key = (images.dataset, images.sha256, images.source)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _SameImages) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)


@lru_cache(maxsize=2)
def _recent(
    spec: ScoringSpec | None, images: _SameImages, program: str | None, dtype: str
) -> Scorer:
    """A session of NAS-Bench-201, kept for the next call with the same arguments."""
    return Scorer(spec, images.images, program=program)


def _describe(store: Store, scorer: Scorer, device: str) -> None:
    """Write the settings of a new run, or check that the run in the folder has the same ones."""
    meta, spec = store.meta(), scorer.spec
    dtype = arithmetic()
    if "spec" in meta:
        differences = ScoringSpec.from_json(meta["spec"]).differences(spec)
        if meta["dtype"] != dtype:
            differences.append(f"dtype: {meta['dtype']} / {dtype}")
        if differences:
            raise InputError(
                f"{store.folder} holds a run with other settings (in the folder / asked for): "
                + "; ".join(differences)
            )
        bring_scores_up_to_date(store)
        return
    store.begin(
        {
            "spec": spec.to_json(),
            "dtype": dtype,
            "images": scorer.images.source,
            "ntknas": ntknas.__version__,
            "jax": jax.__version__,
            "device": device,
            "program": scorer.program_name,
            "scores": own_score_records(),
        },
        [
            (seed, json.dumps(batch.indices.tolist()), json.dumps(batch.labels.tolist()))
            for seed, batch in enumerate(scorer.batches)
        ],
    )


def _save(store: Store, scorer: Scorer, scored: Scored) -> None:
    """Store the results of a session, with the scores of the stored matrices."""
    spec, architecture = scorer.spec, scored.architecture
    grams, rows = [], list(scored.rows)
    for seed, batch in enumerate(scorer.batches):
        gram = scored.gram[seed]
        grams += [
            gram_record(seed, rho, gram[position], scored.dtype)
            for position, rho in enumerate(spec.rhos or (0.0,))
        ]
        if not scored.rows:
            constant = architecture.is_constant
            rows.append(rows_of_seed(spec, gram, batch.labels, constant=constant))
    store.add(
        architecture,
        seconds=scored.seconds,
        counts=scored.counts,
        grams=grams,
        scores=list(enumerate(rows)),
        proxies=list(enumerate(scored.proxies)),
    )
