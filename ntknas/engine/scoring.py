"""Scoring many architectures into a run folder: resumable, in order, one transaction each."""

import json
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import ntknas
from ntknas.architecture import Architecture, architectures
from ntknas.engine.allocator import reused_memory
from ntknas.engine.presets import PRESETS
from ntknas.engine.program import gram_blocks, live_operations, many_gram_blocks, seed_inputs
from ntknas.engine.run import Run, rescored, score_records
from ntknas.engine.spec import ScoringSpec
from ntknas.engine.store import GramRecord, Store, ZeroCostRecord
from ntknas.errors import InputError
from ntknas.images import ImageSet, ScoringBatch, load_images, scoring_batch
from ntknas.images.dataset import dataset_info
from ntknas.kernel import KernelBlocks, joint_grams
from ntknas.scores import ZERO_COST_SCORES, zero_cost_inputs, zero_cost_scores

__all__ = ["fit_spec", "score"]

Progress = Callable[[int, int], None]


def fit_spec(spec: ScoringSpec, images: ImageSet) -> ScoringSpec:
    """The spec with what the images decide: dataset, classes, image size, mean and std."""
    info = dataset_info(images.dataset)
    network = replace(
        spec.network,
        classes=info.classes,
        image_size=images.pixels.shape[1],
        mean=info.mean,
        std=info.std,
    )
    return replace(spec, dataset=images.dataset, images_sha256=images.sha256, network=network)


def score(
    archs: str | int | Architecture | Iterable,
    *,
    out: str | Path | None = None,
    spec: ScoringSpec | None = None,
    images: ImageSet | None = None,
    on_progress: Progress | None = None,
) -> Run:
    """Score architectures, skipping those that the folder already holds.

    Scoring more architectures into a folder extends its run; the numbers of an architecture do not
    depend on which others are scored, in which order, or in how many attempts.

    Args:
      archs: anything that `ntknas.architectures` takes.
      out: folder of the run; None: a new temporary folder.
      spec: settings; None: the preset "standard". What the images decide (classes, image size,
        mean, std) is taken from them.
      images: where batches are drawn from; None: the embedded CIFAR-10 sample.
      on_progress: called with (finished, total) before the first and after every architecture.

    Returns:
      The run.

    Raises:
      InputError: for bad architectures or settings, or if the folder holds a run with other
        settings, is being written to, or cannot be written.
    """
    chosen = architectures(archs)
    images = load_images() if images is None else images
    spec = fit_spec(spec or PRESETS["standard"], images)
    batches = [
        scoring_batch(images, spec.batch_size, seed=seed, balance=spec.balance)
        for seed in range(spec.seeds)
    ]
    folder = Path(tempfile.mkdtemp(prefix="ntknas-") if out is None else out)
    with reused_memory(), Store.write(folder) as store:
        _describe(store, spec, images, batches)
        finished = store.done()
        todo = [a for a in chosen if a.id not in finished]
        done = len(chosen) - len(todo)
        if on_progress:
            on_progress(done, len(chosen))
        for computed in _compute(spec, batches, todo):
            _save(store, spec, batches, computed)
            done += 1
            if on_progress:
                on_progress(done, len(chosen))
    return Run(folder)


def _describe(
    store: Store, spec: ScoringSpec, images: ImageSet, batches: list[ScoringBatch]
) -> None:
    meta = store.meta()
    dtype = str(jnp.zeros(()).dtype)
    if "spec" in meta:
        differences = ScoringSpec.from_json(meta["spec"]).differences(spec)
        if meta["dtype"] != dtype:
            differences.append(f"dtype: {meta['dtype']} / {dtype}")
        if differences:
            raise InputError(
                f"{store.folder} holds a run with other settings (there / asked for): "
                + "; ".join(differences)
            )
        if not store.has_all_scores():
            store.rewrite_scores(rescored(store))
        return
    store.begin(
        {
            "spec": spec.to_json(),
            "dtype": dtype,
            "images": images.source,
            "ntknas": ntknas.__version__,
            "jax": jax.__version__,
            "device": jax.devices()[0].device_kind,
        },
        [
            (seed, json.dumps(batch.indices.tolist()), json.dumps(batch.labels.tolist()))
            for seed, batch in enumerate(batches)
        ],
    )


class _Computed(NamedTuple):
    """An architecture, seconds spent, and of every seed the Gram blocks and proxies (or none)."""

    architecture: Architecture
    seconds: float
    blocks: list[np.ndarray]
    zero_cost: list[dict[str, float]]


def _compute(
    spec: ScoringSpec, batches: Sequence[ScoringBatch], todo: list[Architecture]
) -> Iterator[_Computed]:
    """Architectures in order. Every local device takes one of a launch."""
    if not todo:
        return
    inputs = [seed_inputs(spec, batch, seed) for seed, batch in enumerate(batches)]
    rhos = jnp.array(spec.rhos, inputs[0].images.dtype)
    devices = tuple(jax.local_devices())

    proxy_inputs = [
        zero_cost_inputs(spec.network, i.variables, i.images, i.labels, seed)
        for seed, i in enumerate(inputs)
        if spec.zero_cost
    ]

    def compute(launch: list[Architecture]) -> list[_Computed]:
        start = time.perf_counter()
        ops = np.zeros((len(devices), 6), np.int32)  # devices without an architecture idle
        ops[: len(launch)] = [live_operations(architecture) for architecture in launch]
        grams = [
            np.asarray(
                gram_blocks(jnp.asarray(ops[0]), seed, rhos, spec=spec.compiled)[None]
                if len(devices) == 1
                else many_gram_blocks(
                    jnp.asarray(ops), seed, rhos, spec=spec.compiled, devices=devices
                )
            )
            for seed in inputs
        ]
        proxies = [
            [zero_cost_scores(spec.network, jnp.asarray(own), seed) for seed in proxy_inputs]
            for own in ops[: len(launch)]
        ]
        seconds = (time.perf_counter() - start) / len(launch)
        return [
            _Computed(a, seconds, [gram[i] for gram in grams], proxies[i])
            for i, a in enumerate(launch)
        ]

    starts = range(0, len(todo), len(devices))
    launches = iter([todo[start : start + len(devices)] for start in starts])
    yield from compute(next(launches))  # compiles, once for all threads
    workers = _num_workers()
    with ThreadPoolExecutor(workers) as pool:
        pending: list[Future] = [pool.submit(compute, x) for x in islice(launches, 2 * workers)]
        try:
            while pending:
                yield from pending.pop(0).result()
                pending += [pool.submit(compute, x) for x in islice(launches, 1)]
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _num_workers() -> int:
    """Launches in flight: on one CPU device as many as cores, each of which is idle at times."""
    one_cpu = jax.default_backend() == "cpu" and jax.local_device_count() == 1
    return min(os.cpu_count() or 1, 8) if one_cpu else 2


def _save(
    store: Store,
    spec: ScoringSpec,
    batches: Sequence[ScoringBatch],
    computed: _Computed,
) -> None:
    grams, records = [], []
    for seed, (batch, block) in enumerate(zip(batches, computed.blocks, strict=True)):
        # Scores are those of the stored matrix, rounding included.
        stored = joint_grams(block, spec.kernels).astype(block.dtype)
        epsilon = float(np.finfo(block.dtype).eps)
        at_rho = dict(zip(spec.rhos or (0.0,), stored, strict=True))
        grams += [GramRecord(seed, rho, gram) for rho, gram in at_rho.items()]
        records += score_records(
            spec,
            seed,
            {
                rho: KernelBlocks(gram.astype(np.float64), spec.kernels, epsilon)
                for rho, gram in at_rho.items()
            },
            batch.labels,
            constant=computed.architecture.is_constant,
        )
    proxies = [
        ZeroCostRecord(seed, tuple(found[name] for name in ZERO_COST_SCORES))
        for seed, found in enumerate(computed.zero_cost)
    ]
    store.add(computed.architecture.id, computed.seconds, grams, records, proxies)
