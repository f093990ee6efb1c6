"""`Truth`: the published accuracies of one file or folder, of any format."""

import operator
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, SupportsIndex

import numpy as np
import pandas as pd

from ntknas.errors import InputError
from ntknas.notebook import html_facts
from ntknas.spaces.space import Candidate, Label
from ntknas.truth.anomalies import Anomaly, find_anomalies
from ntknas.truth.names import JUNG, ROBBENCH

__all__ = ["ANY_DATASET", "Columns", "Truth", "tidy"]

ANY_DATASET = "any"
"""The data set of a table of your own that names no data set."""

# The values by architecture id, for each (dataset, metric).
Columns = Mapping[tuple[str, str], Mapping[Any, float]]


def tidy(columns: Columns) -> pd.DataFrame:
    """A table with one row per value: `architecture`, `dataset`, `metric`, `value`.

    Args:
        columns: Values by architecture, for each data set and metric.

    Returns:
        The rows in the order of `columns`; those of one column are sorted by architecture.

    Example:
        >>> tidy({("cifar10", "clean"): {5: 0.25, 0: 0.5}})
           architecture  dataset metric  value
        0             0  cifar10  clean   0.50
        1             5  cifar10  clean   0.25
    """
    lengths = [len(values) for values in columns.values()]
    ids = [np.array(sorted(values)) for values in columns.values() if values]
    numbers = [
        np.fromiter((values[index] for index in sorted(values)), dtype=np.float64)
        for values in columns.values()
    ]
    return pd.DataFrame(
        {
            "architecture": np.concatenate(ids) if ids else np.empty(0, np.int64),
            "dataset": np.repeat([dataset for dataset, _ in columns], lengths),
            "metric": np.repeat([metric for _, metric in columns], lengths),
            "value": np.concatenate([np.empty(0), *numbers]),
        }
    )


@dataclass(frozen=True, eq=False, repr=False)
class Truth:
    """Published accuracies, one value for each trained architecture, data set and metric.

    Attributes:
        benchmark: Name of the benchmark, such as "NAS-RobBench-201" or "Jung et al. 2023".
        path: File or folder that was read.
        table: Accuracies, one row per value; columns `architecture` (id of the trained cell of a
            class), `dataset`, `metric` (`ntknas.truth.names` lists them) and `value` (a fraction).
            A value that the file lacks has no row. A value that the file holds as null or NaN is
            NaN.
        representative_of: Id that has the values of each id that the file knows.
        notes: Remarks for the reader on how the file was read.
        seed_notes: Those of the `notes` that say which seeds are missing or not numbers.

    Raises:
        InputError: If the table is empty.

    Example:
        >>> from ntknas.truth.table import tidy
        >>> table = tidy({("cifar10", "clean"): {0: 0.5, 10: 0.1}})
        >>> truth = Truth("NAS-RobBench-201", Path("acc.json"), table, {0: 0, 10: 10, 1651: 10})
        >>> truth.value(1651, "cifar10", "clean")
        0.1
    """

    benchmark: str
    path: Path
    table: pd.DataFrame = field(repr=False)
    representative_of: Mapping[Any, Label] = field(repr=False)
    notes: tuple[str, ...] = ()
    seed_notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.table.empty:
            raise InputError(f"expected accuracies in {self.path}, got none")

    def __repr__(self) -> str:
        held = "; ".join(f"{d}: {', '.join(map(str, self.metrics(d)))}" for d in self.datasets)
        trained = self.table["architecture"].nunique()
        return f"Truth({self.benchmark!r}, {str(self.path)!r}, {trained} architectures; {held})"

    def _repr_html_(self) -> str:
        """What a notebook shows: count, range and best architecture of every metric."""
        facts: list[tuple[str, object]] = [
            ("file", self.path),
            ("architectures with values", f"{self.table['architecture'].nunique():,}"),
            *(("note", note) for note in self.notes),
        ]
        for dataset in self.datasets:
            for metric, column in self.wide(dataset).items():
                known = column.dropna()
                text = "no numbers"
                if len(known):
                    text = f"{known.min():.4f} to {known.max():.4f}, mean {known.mean():.4f}; "
                    text += f"best: {known.idxmax()}; n = {len(known):,}"
                facts.append((f"{dataset} {metric}", text))
        return html_facts(self.benchmark, facts)

    @cached_property
    def datasets(self) -> tuple[str, ...]:
        """The data sets, in the order of the file."""
        return tuple(self.table["dataset"].unique())

    def metrics(self, dataset: str) -> tuple[str, ...]:
        """The metrics of one data set, in the order of the file.

        Args:
            dataset: Name of the data set, one of `datasets`.

        Raises:
            InputError: If the file does not hold the data set.
        """
        return tuple(self.wide(dataset).columns)

    @cached_property
    def _by_dataset(self) -> dict[str, pd.DataFrame]:
        """The accuracies of each data set, one row per architecture and one column per metric."""
        frames = {}
        for dataset in self.datasets:
            rows = self.table[self.table["dataset"] == dataset]
            frame = rows.pivot(index="architecture", columns="metric", values="value")
            frames[dataset] = frame[list(rows["metric"].unique())]
        return frames

    def wide(self, dataset: str) -> pd.DataFrame:
        """The accuracies of one data set as a table; missing values are NaN.

        The table has one row per architecture, ascending, and one column per metric.

        Args:
            dataset: Name of the data set, one of `datasets`; a table of your own without data sets
                accepts any name.

        Raises:
            InputError: If the file does not hold the data set.
        """
        if self.datasets == (ANY_DATASET,):
            dataset = ANY_DATASET
        if dataset not in self._by_dataset:
            raise InputError(
                f"expected a data set of {self.path}: {', '.join(self.datasets)}; got {dataset!r}"
            )
        return self._by_dataset[dataset]

    def value(
        self, architecture: Candidate | Label | SupportsIndex, dataset: str, metric: str
    ) -> float:
        """The accuracy of one architecture; all architectures of a class have the same value.

        Args:
            architecture: Architecture or its label.
            dataset: Name of the data set, one of `datasets`.
            metric: Name of the metric, one of `metrics(dataset)`.

        Returns:
            A fraction, or NaN if the file has no value.

        Raises:
            InputError: If the file does not know the architecture, data set or metric.
        """
        frame = self.wide(dataset)
        if metric not in frame:
            raise InputError(
                f"expected a metric of {dataset}: {', '.join(frame.columns)}; got {metric!r}"
            )
        label = architecture.id if isinstance(architecture, Candidate) else architecture
        label = label if isinstance(label, str) else operator.index(label)
        representative = self.representative_of.get(label)
        if representative is None:
            raise InputError(f"architecture {label} is not in {self.path}")
        return float(frame[metric].get(representative, np.nan))

    def anomalies(self) -> list[Anomaly]:
        """The anomalies of the values (`find_anomalies`)."""
        published = self.benchmark in (ROBBENCH, JUNG)
        return find_anomalies(self.table, self.representative_of, of_nasbench201=published)

    def summary(self) -> str:
        """Benchmark, counts, range of every column and anomalies, as lines of text.

        `distinct` counts values that differ by more than float32 rounding (1e-6). A ranking has
        more ties if there are fewer distinct values.
        """
        trained = self.table["architecture"].nunique()
        lines = [
            f"{self.benchmark}: {self.path}",
            f"{trained} architectures with values; {len(self.representative_of)} ids known",
            *(f"note: {note}" for note in self.notes),
            "",
            f"{'dataset':<11}{'metric':<15}{'values':>7}{'distinct':>9}"
            f"{'min':>9}{'mean':>9}{'max':>9}{'best id':>9}",
        ]
        for dataset in self.datasets:
            for metric, column in self.wide(dataset).items():
                known = column.dropna()
                lines.append(
                    f"{dataset:<11}{metric!s:<15}{len(known):>7}{known.round(6).nunique():>9}"
                    + (
                        f"{known.min():>9.4f}{known.mean():>9.4f}{known.max():>9.4f}"
                        f" {known.idxmax():>8}"
                        if len(known)
                        else "  no numbers"
                    )
                )
        anomalies = self.anomalies()
        lines += ["", "anomalies:" if anomalies else "anomalies: none"]
        lines += [f"  {anomaly}" for anomaly in anomalies]
        return "\n".join(lines)
