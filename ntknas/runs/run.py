"""`Run`: reads the settings, the score table and the kernels of a finished or growing run."""

import json
import math
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, islice
from pathlib import Path
from typing import Any, SupportsIndex

import numpy as np
import pandas as pd

from ntknas.errors import InputError
from ntknas.kernel.joint import JointGram
from ntknas.kernel.names import KernelName, check_beta
from ntknas.notebook import html_facts
from ntknas.runs.checksums import Rows
from ntknas.runs.registered import adopt_scores, computable, joint_gram, rescored
from ntknas.runs.rows import score_rows
from ntknas.runs.spec import ScoringSpec
from ntknas.runs.store import SCORE_KEYS, Description, GramRecord, Store
from ntknas.scores import (
    SCORES,
    ScoreKind,
    ScoreName,
    format_fraction,
    score_names,
)
from ntknas.spaces.nasbench201 import Architecture
from ntknas.spaces.space import Candidate, Label

__all__ = ["Run"]

_CHUNK = 64  # Gram matrices in memory at a time
_ROWS = 50_000  # of a table, as Python objects


class Run:
    """A run in a folder. Reading it uses no accelerator and does not need JAX.

    Args:
        folder: Folder that `ntknas.score` or `ntknas score` wrote the run to.

    Raises:
        InputError: If there is no run in the folder.
    """

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)
        self._store = Store.read(self.folder)
        self.meta = self._store.meta()
        if "spec" not in self.meta:
            raise InputError(f"the run in {folder} is empty: it was stopped before it began")
        self.spec = ScoringSpec.from_json(self.meta["spec"])
        adopt_scores(self.meta)

    @property
    def name(self) -> str:
        """The folder of the run, as a name for messages."""
        return str(self.folder)

    @property
    def space(self) -> str:
        """The name of the search space."""
        return self.spec.space

    def __repr__(self) -> str:
        return f"Run({str(self.folder)!r}, {len(self.ids)} architectures)"

    def _repr_html_(self) -> str:
        """What a notebook shows: what was run, where and for how long, and what to call next."""
        spec, meta, seconds = self.spec, self.meta, self.seconds
        radii = f" at rho {', '.join(map(format_fraction, spec.rhos))}" if spec.rhos else ""
        facts: list[tuple[str, object]] = [
            ("architectures", f"{len(seconds):,} of {spec.space}"),
            ("images", f"{spec.dataset}, N = {spec.batch_size} ({meta.get('images', '?')})"),
            ("draws", spec.seeds),
            ("kernels", ", ".join(map(str, spec.kernels)) + radii),
            ("device", f"{meta.get('device', 'unknown')}, {meta['dtype']}"),
            ("time", f"{seconds.sum():,.1f} s, median {seconds.median():.3g} s per architecture"),
            ("next", "ntknas.rank(run), run.scores(), run.table(), run.kernels(label, rho=...)"),
        ]
        return html_facts(f"run {self.folder}", facts)

    @property
    def ids(self) -> list[Label]:
        """The labels of the finished architectures, ascending."""
        return sorted(self._store.done(), key=_order)

    @property
    def seconds(self) -> pd.Series:
        """The wall-clock seconds that each architecture took, over all seeds."""
        descriptions = self._descriptions
        seconds = {label: descriptions[label].seconds for label in sorted(descriptions, key=_order)}
        return pd.Series(seconds, name="seconds", dtype=float)

    @property
    def _descriptions(self) -> dict[Label, Description]:
        """The stored description of each finished architecture, by label."""
        return self._store.descriptions()

    @property
    def strings(self) -> dict[Label, str]:
        """The finished architectures as text, by label."""
        return {label: described.string for label, described in self._descriptions.items()}

    def constant_ids(self) -> list[Label]:
        """The labels of the architectures whose output never depends on the input."""
        descriptions = self._descriptions
        return [label for label in sorted(descriptions, key=_order) if descriptions[label].constant]

    def indices(self, seed: int = 0) -> np.ndarray:
        """The positions in the image source of the images of one seed's batch.

        Args:
            seed: Seed of the initialisation and the batch.
        """
        return np.array(json.loads(self._batch(seed)[0]))

    def labels(self, seed: int = 0) -> np.ndarray:
        """The classes of the images of one seed's batch.

        Args:
            seed: Seed of the initialisation and the batch.
        """
        return np.array(json.loads(self._batch(seed)[1]))

    def _batch(self, seed: int) -> tuple[str, str]:
        """The stored indices and labels of one seed's batch."""
        batches = self._store.batches()
        if seed not in batches:
            raise InputError(f"the run has seeds 0..{len(batches) - 1}, got {seed}")
        return batches[seed]

    def kernels(
        self,
        architecture: Candidate | Label | SupportsIndex,
        *,
        rho: float | None = None,
        seed: int = 0,
    ) -> JointGram:
        """The joint Gram matrix of an architecture.

        Args:
            architecture: Architecture of the run, its label, or for NAS-Bench-201 its string.
            rho: Attack radius in pixel units; may be left out if the run has at most one radius.
            seed: Seed of the initialisation and the batch.

        Raises:
            InputError: If the run lacks the architecture, radius or seed.
        """
        label = self._label(architecture)
        self._batch(seed)
        if rho is None and len(self.spec.rhos) > 1:
            raise InputError(f"the run has several radii, choose one of {self.spec.rhos}")
        grams = {(g.seed, g.rho): g for _, g in self._store.grams(label, self._dtype)}
        if not grams:
            raise InputError(f"the run in {self.folder} does not hold architecture {label}")
        chosen = [r for s, r in grams if s == seed and (rho is None or math.isclose(r, rho))]
        if not chosen:
            raise InputError(f"the run has radii {self.spec.rhos}, got {rho}")
        return self._joint(grams[seed, chosen[0]])

    def _label(self, architecture: Candidate | Label | SupportsIndex) -> Label:
        """The label of an architecture of the run."""
        if isinstance(architecture, str) and self.space == "nasbench201":
            return Architecture.from_string(architecture).id
        if isinstance(architecture, Candidate):
            return architecture.id
        return architecture if isinstance(architecture, str) else int(architecture)

    @property
    def _dtype(self) -> np.dtype:
        """The type of the arithmetic that computed the Gram matrices."""
        try:
            return np.dtype(self.meta["dtype"])
        except (KeyError, TypeError):  # of a run that has no checksums
            raise InputError(f"the run in {self.folder} is damaged: its type of numbers") from None

    def _joint(self, record: GramRecord) -> JointGram:
        """A stored matrix with its parts as a joint Gram matrix of the run's batches."""
        return joint_gram(record, self.spec, self._dtype)

    def table(self) -> pd.DataFrame:
        """The score table, with one row per architecture, seed, kernel, rho and beta.

        Returns:
            A table with the columns id, architecture, seed, kernel, part (if the run keeps parts;
            empty for the whole kernel), rho, beta, status, and one column per score, in the order
            of `ntknas.scores.SCORES`. Zero-cost proxies that the run has are the same for all
            kernels of a seed. The status is "ok", "singular" (lambda_min is within rounding of 0),
            "constant" (the architecture never connects input to output) or "nonfinite" (float
            overflow; scores are missing).

        Raises:
            InputError: If no architecture is finished yet.
        """
        frame = self._frame(*self._stored_scores())
        if self.spec.zero_cost:
            columns, rows = self._store.proxy_rows()
            proxies = [name for name in columns if name in self.spec.proxies]
            values = pd.DataFrame(rows, columns=columns)[["id", "seed", *proxies]]
            values = values.astype(dict.fromkeys(proxies, float))
            counts = self._count_names(frame)
            frame = frame.merge(values, on=["id", "seed"], how="left", validate="many_to_one")
            frame = frame[[*frame.columns.drop(counts), *counts]]
        return frame

    def _stored_scores(self) -> tuple[list[str], Iterable[Rows]]:
        """Columns and rows of the score table, with scores that were registered after the run."""
        columns, rows = self._store.score_rows()
        missing = computable(self._store, columns)
        if not missing:
            return columns, rows
        stored = list(rows)  # before others are stored, whose scores would be missing
        computed = {
            (label, seed): rows_of_seed for label, seed, rows_of_seed in rescored(self._store)
        }
        return [*columns, *missing], [
            of_label._replace(
                data=np.hstack(
                    [
                        of_label.data,
                        [
                            # Keys begin with label, seed and position.
                            [computed[key[:2]][key[2]].scores.get(name, np.nan) for name in missing]
                            for key in of_label.keys
                        ],
                    ]
                )
            )
            for of_label in stored
        ]

    def _frame(self, columns: Sequence[str], rows: Iterable[Rows]) -> pd.DataFrame:
        """A table of these rows, with the text and the counts of each architecture."""
        keys = ("id", "seed", "kernel", "part", "rho", "beta", "status")
        types = {"seed": int, "rho": float, "beta": float}
        stored = list(columns[len(SCORE_KEYS) :])
        scores = [name for name in SCORES if name in stored]
        scores += [name for name in stored if name not in scores]
        parts = []
        for part in _in_parts(rows):
            values = np.concatenate([of_label.data for of_label in part])
            texts = list(chain.from_iterable(of_label.keys for of_label in part))
            parts.append(
                pd.concat(
                    [
                        pd.DataFrame(texts, columns=list(SCORE_KEYS)).astype(types),
                        pd.DataFrame(values, columns=stored),
                    ],
                    axis=1,
                )
            )
        if not parts:
            raise InputError(f"the run in {self.folder} holds no finished architecture yet")
        frame = pd.concat(parts, ignore_index=True)[[*keys, *scores]]
        del parts
        descriptions = self._descriptions
        unique = frame["id"].unique().tolist()
        strings = {label: descriptions[label].string for label in unique}
        frame.insert(1, "architecture", frame["id"].map(strings))
        if self.spec.parts == "none":
            frame = frame.drop(columns="part")
        missing = [
            n for n in scores if n in SCORES and SCORES[n].of_layers and frame[n].isna().all()
        ]
        frame = frame.drop(columns=missing)  # runs of version 0.1 have no layer cosine kernel
        counts = pd.DataFrame.from_dict(
            {label: descriptions[label].counts for label in unique}, orient="index"
        )
        return frame.join(counts, on="id")

    def _count_names(self, frame: pd.DataFrame) -> list[str]:
        """The names of the scores that need no network."""
        (label,) = frame["id"].head(1).tolist()
        return list(self._store.descriptions(label)[label].counts)

    def sweep(self, betas: Sequence[float]) -> pd.DataFrame:
        """The table of the mixed kernels at other betas, computed from the stored Gram matrices.

        Args:
            betas: Weights of the robust loss, each in [0, 1].

        Returns:
            A table like `table()`, with mixed kernels only.

        Raises:
            InputError: If there is no beta, a beta lies outside [0, 1], or the run has no mixed
                kernels.
        """
        betas = tuple(map(check_beta, betas))
        if not betas:
            raise InputError("expected at least one beta, got none")
        mixed = [kernel for kernel in self.spec.kernels if kernel.mixed]
        if not mixed:
            raise InputError(
                "mixed kernels need clean and robust, or robust and twice kernels; the run has "
                + ", ".join(kernel for kernel in self.spec.kernels)
            )
        names = score_names(ScoreKind.KERNEL)
        labels = {seed: self.labels(seed) for seed in range(self.spec.seeds)}
        constant = set(self.constant_ids())

        def score(stored: tuple[Label, GramRecord]) -> Rows:
            label, record = stored
            seed, rho = record.seed, record.rho
            wanted = [(kernel, rho, beta) for kernel in mixed for beta in betas]
            rows = score_rows(
                wanted, {rho: self._joint(record)}, labels[seed], constant=label in constant
            )
            keys = [(label, seed, position, *row[:-1]) for position, row in enumerate(rows)]
            values = [[row.scores.get(name, np.nan) for name in names] for row in rows]
            return Rows(label, keys, np.array(values))

        return self._frame(
            (*SCORE_KEYS, *names),
            list(_in_parallel(score, self._store.grams(None, self._dtype))),
        )

    def scores(self, table: pd.DataFrame | None = None) -> pd.DataFrame:
        """The scores averaged over seeds, one row per architecture and one column per score name.

        Args:
            table: Table that `table()` or `sweep()` returned; None means the table of the run.

        Returns:
            A table with the index `architecture` (labels, ascending). Its columns are kernel scores
            named `SCORE@KERNEL[.PART][:RHO[:BETA]]`, the zero-cost proxies of the run, counts of
            the graph, params and flops.
        """
        table = self.table() if table is None else table
        counts = self._count_names(table)
        proxies = [name for name in score_names(ScoreKind.PROXY) if name in table]
        if "part" not in table:
            table = table.assign(part="")
        place = ["kernel", "part", "rho", "beta"]
        others = ("id", "architecture", "seed", "status", *place, *counts, *proxies)
        of_kernels = [str(name) for name in table if name not in others]
        columns: dict[str, pd.Series] = {}
        for _, group in table.groupby(place, dropna=False, sort=False):
            kernel, part, rho, beta = group[place].replace(math.nan, None).iloc[0]
            means = group.groupby("id")[of_kernels].mean()
            for score in of_kernels:
                if part and score in SCORES and SCORES[score].of_layers:
                    continue
                name = ScoreName(score, KernelName(kernel), rho, beta, part)
                columns[str(name)] = means[score]
        frame = pd.DataFrame(columns)
        if proxies:
            of_seeds = table.groupby(["id", "seed"])[proxies].first()
            frame = frame.join(of_seeds.groupby("id").mean())
        frame = frame.join(table.groupby("id")[counts].first())
        frame = frame.loc[sorted(frame.index, key=_order)]
        frame.index.name = "architecture"
        frame.attrs["space"] = self.space
        return frame

    def scores_by_draw(self, table: pd.DataFrame | None = None) -> list[pd.DataFrame]:
        """The scores of each draw of weights and images alone, in the order of the seeds.

        Args:
            table: Table that `table()` or `sweep()` returned; None means the table of the run.

        Returns:
            Tables as those of `scores`, one per seed.
        """
        table = self.table() if table is None else table
        return [self.scores(rows) for _, rows in table.groupby("seed")]


def _in_parts(rows: Iterable[Rows]) -> Iterator[list[Rows]]:
    """Rows of several architectures at a time: as Python objects they need much memory."""
    part: list[Rows] = []
    count = 0
    for of_label in rows:
        part.append(of_label)
        count += len(of_label.keys)
        if count >= _ROWS:
            yield part
            part, count = [], 0
    if part:
        yield part


def _in_parallel(score: Any, records: Iterator[Any]) -> Iterator[Rows]:
    """Rows of all records in order; each core scores one record at a time."""
    from threadpoolctl import threadpool_limits

    # A kernel is too small to be split over the threads of BLAS, which would wait for each other.
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(os.cpu_count()) as pool:
        records = iter(records)
        while chunk := list(islice(records, _CHUNK)):
            yield from pool.map(score, chunk)


def _order(label: Label) -> tuple[bool, Label]:
    """Sort key that puts numbers before texts, as SQLite does."""
    return isinstance(label, str), label
