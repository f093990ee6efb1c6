"""Runs whose Gram matrices are random, of any search space; no network is ever built."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ntknas.kernel import Batch, JointGram
from ntknas.runs import GramRecord, Run, ScoringSpec, Store, score_rows
from ntknas.spaces import NASBENCH201, Candidate, NetworkTable

__all__ = ["IMAGES", "SPEC", "make_run", "make_texts"]

IMAGES = 6
SPEC = ScoringSpec(batch_size=IMAGES, rhos=(3 / 255, 8 / 255))


def make_run(
    folder: Path,
    chosen: Sequence[Candidate],
    spec: ScoringSpec = SPEC,
    *,
    counts: Mapping[Any, dict[str, float]] | None = None,
    meta: Mapping[str, str] | None = None,
) -> Run:
    """Store random kernels of some architectures.

    Args:
        folder: Folder of the run.
        chosen: The architectures.
        spec: Settings of the run. With parts "groups", the kernels have the parts stem and head.
        counts: Scores without a network by label; None asks NAS-Bench-201.
        meta: What else the run says of itself.
    """
    rng = np.random.default_rng(0)
    labels = np.arange(spec.batch_size) % 3
    numbers = json.dumps(labels.tolist())
    with Store.write(folder) as store:
        store.begin(
            {"spec": spec.to_json(), "dtype": "float32", **(meta or {})},
            [(seed, numbers, numbers) for seed in range(spec.seeds)],
        )
        for architecture in chosen:
            grams, rows = [], []
            for seed in range(spec.seeds):
                at_rho = {}
                clean = rng.normal(size=(spec.batch_size, 40))  # the same at every radius
                for rho in spec.rhos or (0.0,):
                    jacobians = [
                        clean if batch is Batch.CLEAN else rng.normal(size=clean.shape)
                        for batch in spec.batches
                    ]
                    factor = np.concatenate(jacobians)
                    gram = (factor @ factor.T).astype(np.float32)
                    noisy = factor + rng.normal(size=factor.shape)
                    cosine = np.asarray(np.corrcoef(noisy), np.float32)
                    halves = {"stem": factor[:, :20], "head": factor[:, 20:]}
                    parts = {
                        name: (half @ half.T).astype(np.float32) for name, half in halves.items()
                    }
                    parts = parts if spec.parts == "groups" else {}
                    at_rho[rho] = replace(
                        JointGram.from_array(gram, spec.batches),
                        layer_cosine=cosine.astype(np.float64),
                        parts={name: part.astype(np.float64) for name, part in parts.items()},
                    )
                    grams.append(GramRecord(seed, rho, gram, cosine, parts))
                constant = architecture.is_constant
                of_seed = score_rows(spec.kernel_rows(), at_rho, labels, constant=constant)
                rows.append((seed, of_seed))
            if counts is None:
                described = NASBENCH201.counts(architecture, spec.sizes)  # type: ignore[arg-type]
            else:
                described = counts[architecture.id]
            store.add(architecture, seconds=0.1, counts=described, grams=grams, scores=rows)
    return Run(folder)


def make_texts(folder: Path, count: int = 12) -> Run:
    """A run of networks of one's own, named net_00, net_01, ..., with their sizes."""
    names = [f"net_{i:02}" for i in range(count)]
    space = NetworkTable(dict.fromkeys(names, (lambda params, images: images, None)))
    spec = ScoringSpec(
        space="networks",
        network=None,
        coupled=False,
        batch_size=IMAGES,
        batches=(Batch.CLEAN, Batch.ATTACKED),
        rhos=(8 / 255,),
    )
    sizes = {name: {"params": float(100 * (i % 5) + i)} for i, name in enumerate(names)}
    return make_run(folder, space.parse("all"), spec, counts=sizes)
