"""A finished or growing run, read back: its spec, score table and kernels."""

import json
import math
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, groupby, islice
from pathlib import Path
from typing import SupportsIndex

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from ntknas.architecture import Architecture, flops, num_parameters, structure
from ntknas.engine.spec import ScoringSpec
from ntknas.engine.store import ScoreRecord, Store
from ntknas.errors import InputError
from ntknas.kernel import Kernel, KernelBlocks
from ntknas.scores import (
    KERNEL_SCORES,
    SIZE_SCORES,
    STRUCTURE_SCORES,
    ZERO_COST_SCORES,
    ScoreName,
    kernel_scores,
)

__all__ = ["Run", "rescored", "score_records"]

_COLUMNS = ("id", "seed", "position", "kernel", "rho", "beta", "status", *KERNEL_SCORES)
_CHUNK = 64  # Gram matrices in memory at a time


def score_records(
    spec: ScoringSpec,
    seed: int,
    grams: dict[float, KernelBlocks],
    labels: np.ndarray,
    *,
    constant: bool,
    betas: tuple[float, ...] | None = None,
) -> list[ScoreRecord]:
    """Score rows of one architecture and seed.

    Args:
      spec: of the run.
      seed: of the initialisation.
      grams: joint Gram matrix at each radius.
      labels: classes of the images.
      constant: whether the architecture never connects input to output; its rows say so.
      betas: instead of the spec's.

    Returns:
      One record a (kernel, rho, beta), in table order.
    """
    rows = spec.score_rows(betas)
    any_gram = next(iter(grams.values()))
    kernels = np.stack(
        [
            (any_gram if rho is None else grams[rho]).kernel(kernel, beta)
            for kernel, rho, beta in rows
        ]
    )
    scores, status = kernel_scores(kernels, labels, epsilon=any_gram.epsilon)
    table = np.stack([scores[name] for name in KERNEL_SCORES], axis=1)
    return [
        ScoreRecord(
            seed,
            position,
            str(kernel),
            rho,
            beta,
            "constant" if constant and found != "nonfinite" else str(found),
            tuple(map(float, values)),
        )
        for position, ((kernel, rho, beta), found, values) in enumerate(
            zip(rows, status, table, strict=True)
        )
    ]


def rescored(store: Store) -> list[tuple[int, ScoreRecord]]:
    """The score table from the stored Gram matrices, for a run older than some score.

    Args:
      store: of a run that has begun.

    Returns:
      (id, row) of every row, in table order.
    """
    meta = store.meta()
    spec = ScoringSpec.from_json(meta["spec"])
    dtype = np.dtype(meta["dtype"])
    epsilon = float(np.finfo(dtype).eps)
    labels = {seed: np.array(json.loads(text)) for seed, (_, text) in store.batches().items()}
    records: list[tuple[int, ScoreRecord]] = []
    for (index, seed), group in groupby(store.grams(None, dtype), key=lambda row: row[:2]):
        grams = {rho: KernelBlocks(gram, spec.kernels, epsilon) for _, _, rho, gram in group}
        constant = Architecture.from_id(index).is_constant
        rows = score_records(spec, seed, grams, labels[seed], constant=constant)
        records += [(index, row) for row in rows]
    return records


class Run:
    """A run in a folder. Reading it never touches a device.

    Args:
      folder: where `ntknas.score` or `ntknas score` wrote it.

    Raises:
      InputError: if there is no run in the folder.
    """

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)
        self._store = Store.read(self.folder)
        self.meta = self._store.meta()
        if "spec" not in self.meta:
            raise InputError(f"the run in {folder} is empty: it was stopped before it began")
        self.spec = ScoringSpec.from_json(self.meta["spec"])

    @property
    def name(self) -> str:
        """The folder, to name the run in a sentence."""
        return str(self.folder)

    def __repr__(self) -> str:
        return f"Run({str(self.folder)!r}, {len(self.ids)} architectures)"

    @property
    def ids(self) -> list[int]:
        """Ids of the finished architectures, ascending."""
        return sorted(self._store.done())

    @property
    def seconds(self) -> pd.Series:
        """Wall-clock seconds that each architecture took, all seeds together."""
        return pd.Series(self._store.seconds(), name="seconds", dtype=float).sort_index()

    def indices(self, seed: int = 0) -> np.ndarray:
        """Positions, in the image source, of the images of a seed's batch."""
        return np.array(json.loads(self._batch(seed)[0]))

    def labels(self, seed: int = 0) -> np.ndarray:
        """Classes of the images of a seed's batch."""
        return np.array(json.loads(self._batch(seed)[1]))

    def _batch(self, seed: int) -> tuple[str, str]:
        batches = self._store.batches()
        if seed not in batches:
            raise InputError(f"the run has seeds 0..{len(batches) - 1}, got {seed}")
        return batches[seed]

    def kernels(
        self,
        architecture: Architecture | SupportsIndex | str,
        *,
        rho: float | None = None,
        seed: int = 0,
    ) -> KernelBlocks:
        """The joint Gram matrix of an architecture.

        Args:
          architecture: one of the run's; its id, or its string.
          rho: attack radius in pixel units; may be left out if the run has at most one.
          seed: of the initialisation.

        Raises:
          InputError: if the run does not hold it.
        """
        if isinstance(architecture, str):
            architecture = Architecture.from_string(architecture)
        index = architecture.id if isinstance(architecture, Architecture) else int(architecture)
        self._batch(seed)
        if rho is None and len(self.spec.rhos) > 1:
            raise InputError(f"the run has several radii, choose one of {self.spec.rhos}")
        grams = {(s, r): gram for _, s, r, gram in self._store.grams(index, self._dtype)}
        if not grams:
            raise InputError(f"the run in {self.folder} does not hold architecture {index}")
        chosen = [r for s, r in grams if s == seed and (rho is None or math.isclose(r, rho))]
        if not chosen:
            raise InputError(f"the run has radii {self.spec.rhos}, got {rho}")
        return self._blocks(grams[seed, chosen[0]])

    @property
    def _dtype(self) -> np.dtype:
        return np.dtype(self.meta["dtype"])

    def _blocks(self, gram: np.ndarray) -> KernelBlocks:
        return KernelBlocks(gram, self.spec.kernels, float(np.finfo(self._dtype).eps))

    def table(self) -> pd.DataFrame:
        """One row an architecture, seed, kernel, rho and beta.

        Returns:
          Columns id, architecture, seed, kernel, rho, beta, status, and one a score, in the order
          of `ntknas.scores.SCORES`; zero-cost proxies, if the run has them, are the same for all
          kernels of a seed. Status: ok; singular (lambda_min within rounding of 0);
          constant (the architecture never connects input to output); nonfinite (float overflow:
          scores are missing).

        Raises:
          InputError: if no architecture is finished yet.
        """
        if self._store.has_all_scores():
            rows = self._store.score_rows()
        else:
            rows = [(index, *row[:-1], *row.scores) for index, row in rescored(self._store)]
        if not rows:
            raise InputError(f"the run in {self.folder} holds no finished architecture yet")
        frame = self._frame(rows)
        if self.spec.zero_cost:
            proxies = pd.DataFrame(
                self._store.zero_cost_rows(), columns=["id", "seed", *ZERO_COST_SCORES]
            ).astype(dict.fromkeys(ZERO_COST_SCORES, float))
            frame = frame.merge(proxies, on=["id", "seed"], how="left", validate="many_to_one")
            last = [*STRUCTURE_SCORES, *SIZE_SCORES]
            frame = frame[[*frame.columns.drop(last), *last]]
        return frame

    def _frame(self, rows: list[tuple]) -> pd.DataFrame:
        frame = pd.DataFrame(rows, columns=_COLUMNS).drop(columns="position")
        frame = frame.astype(dict.fromkeys(("rho", "beta", *KERNEL_SCORES), float))
        network = self.spec.network
        size = {"channels": network.channels, "cells": network.cells, "classes": network.classes}
        unique = {i: Architecture.from_id(i) for i in frame["id"].unique()}
        frame.insert(1, "architecture", frame["id"].map({i: a.string for i, a in unique.items()}))
        without_kernel = {
            i: structure(a)
            | {
                "params": num_parameters(a, **size),
                "flops": flops(a, **size, image_size=network.image_size),
            }
            for i, a in unique.items()
        }
        return frame.join(pd.DataFrame.from_dict(without_kernel, orient="index"), on="id")

    def sweep(self, betas: Sequence[float]) -> pd.DataFrame:
        """The table of the mixed kernels at other betas, from the stored Gram matrices alone.

        Args:
          betas: weights of the robust loss, each in [0, 1].

        Returns:
          A table like `table()`, mixed kernels only.

        Raises:
          InputError: for no beta or one outside [0, 1], or a run without two neighbouring kernels.
        """
        betas = tuple(map(float, betas))
        if not betas:
            raise InputError("expected at least one beta, got none")
        for beta in betas:
            if not 0 <= beta <= 1:
                raise InputError(f"beta must lie in [0, 1], got {beta:g}")
        mixed = [k for k in Kernel if k.mixed and set(k.batches) <= set(self.spec.kernels)]
        wanted = [(kernel, beta) for kernel in mixed for beta in betas]
        if not mixed:
            raise InputError(
                "mixed kernels need clean and robust, or robust and twice kernels; the run has "
                + ", ".join(self.spec.kernels)
            )
        labels = {seed: self.labels(seed) for seed in range(self.spec.seeds)}

        def score(record: tuple[int, int, float, np.ndarray]) -> list[tuple]:
            index, seed, rho, gram = record
            blocks = self._blocks(gram)
            stack = np.concatenate([blocks.kernel(kernel, np.array(betas)) for kernel in mixed])
            scores, status = kernel_scores(stack, labels[seed], epsilon=blocks.epsilon)
            if Architecture.from_id(index).is_constant:
                status = np.where(status == "nonfinite", status, "constant")
            values = np.stack([scores[name] for name in KERNEL_SCORES], axis=1)
            return [
                (
                    index,
                    seed,
                    position,
                    str(kernel),
                    rho,
                    beta,
                    str(status[position]),
                    *values[position],
                )
                for position, (kernel, beta) in enumerate(wanted)
            ]

        rows: list[tuple] = []
        grams = iter(self._store.grams(None, self._dtype))
        # A kernel is too small for the threads of a BLAS, which would only wait for each other.
        with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(os.cpu_count()) as pool:
            while chunk := list(islice(grams, _CHUNK)):
                rows += chain.from_iterable(pool.map(score, chunk))
        if not rows:
            raise InputError(f"the run in {self.folder} holds no finished architecture yet")
        return self._frame(rows)

    def scores(self, table: pd.DataFrame | None = None) -> pd.DataFrame:
        """One row an architecture, one column a score name; seeds are averaged.

        Args:
          table: a table as `table()` or `sweep()` returns; None: the run's own.

        Returns:
          Index `architecture` (ids, ascending); columns named `SCORE@KERNEL[:RHO[:BETA]]`, then
          the zero-cost proxies if the run has them, counts of the graph, params and flops.
        """
        table = self.table() if table is None else table
        columns: dict[str, pd.Series] = {}
        where = ["kernel", "rho", "beta"]
        for _, group in table.groupby(where, dropna=False, sort=False):
            kernel, rho, beta = group[where].replace(math.nan, None).iloc[0]
            means = group.groupby("id")[list(KERNEL_SCORES)].mean()
            for score in KERNEL_SCORES:
                columns[str(ScoreName(score, Kernel(kernel), rho, beta))] = means[score]
        size = table.groupby("id")[[*STRUCTURE_SCORES, *SIZE_SCORES]].first()
        frame = pd.DataFrame(columns)
        if self.spec.zero_cost:
            of_seeds = table.groupby(["id", "seed"])[list(ZERO_COST_SCORES)].first()
            frame = frame.join(of_seeds.groupby("id").mean())
        frame = frame.join(size).sort_index()
        frame.index.name = "architecture"
        return frame

    def constant_ids(self) -> list[int]:
        """Ids of the run's architectures that never connect input to output."""
        return [i for i in self.ids if Architecture.from_id(i).is_constant]
