"""Scoring many architectures into a run folder: resumable, in order, one transaction for each."""

import json
import tempfile
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import ntknas
from ntknas.engine.scorer import Scored, Scorer
from ntknas.errors import InputError
from ntknas.images import ImageSet, load_images
from ntknas.kernel import JointGram
from ntknas.runs import GramRecord, Run, ScoringSpec, Store, score_rows
from ntknas.runs.run import bring_scores_up_to_date, own_score_records
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
        scorer: A session to use, in place of `spec`, `images`, `space` and `program`.
        on_progress: Function that is called with (finished, total) before the first architecture
            and after each one; None calls none.

    Returns:
        The run.

    Raises:
        InputError: For bad architectures or settings, or if the folder holds a run with other
            settings, is being written to by another process, or cannot be written.
    """
    if scorer is None:
        scorer = _session(spec, images, space, program)
    elif not (spec is images is space is program is None):
        raise InputError("expected either a scorer or spec, images, space and program, got both")
    architectures = scorer.space.parse(archs)
    folder = Path(tempfile.mkdtemp(prefix="ntknas-") if out is None else out)
    with Store.write(folder) as store:
        _describe(store, scorer)
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
        on_progress: Function that is called with (finished, total) before the first network and
            after each one; None calls none.

    Returns:
        The run.

    Raises:
        InputError: For bad networks or settings, or a folder that cannot be used.
    """
    space = NetworkTable(networks)
    return score("all", out=out, spec=spec, images=images, space=space, on_progress=on_progress)


def _session(
    spec: ScoringSpec | None,
    images: ImageSet | None,
    space: Space[Any] | None,
    program: str | None,
) -> Scorer:
    """A session of these settings; recent sessions of NAS-Bench-201 are kept with their weights."""
    images = load_images() if images is None else images
    if space is not None:
        return Scorer(spec, images, space=space, program=program)
    return _recent(spec, _SameImages(images), program, jnp.zeros(()).dtype.name)


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


def _describe(store: Store, scorer: Scorer) -> None:
    """Write the settings of a new run, or check that the run in the folder has the same ones."""
    meta, spec = store.meta(), scorer.spec
    dtype = str(jnp.zeros(()).dtype)
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
            "device": jax.devices()[0].device_kind,
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
    rhos = spec.rhos or (0.0,)
    grams, rows = [], []
    for seed, batch in enumerate(scorer.batches):
        at_rho: dict[float, JointGram] = {
            rho: scored.gram[seed, position] for position, rho in enumerate(rhos)
        }
        grams += [_record(seed, rho, gram, scored.dtype) for rho, gram in at_rho.items()]
        seed_rows = score_rows(
            spec.kernel_rows(), at_rho, batch.labels, constant=architecture.is_constant
        )
        rows.append((seed, seed_rows))
    store.add(
        architecture,
        seconds=scored.seconds,
        counts=scored.counts,
        grams=grams,
        scores=rows,
        proxies=list(enumerate(scored.proxies)),
    )


def _record(seed: int, rho: float, gram: JointGram, dtype: np.dtype) -> GramRecord:
    """The matrices as a run stores them, in the type of the arithmetic."""
    with np.errstate(over="ignore"):
        stored = gram.map(lambda matrices: matrices.astype(dtype))
    return GramRecord(seed, rho, stored.gram, stored.layer_cosine, stored.parts)
