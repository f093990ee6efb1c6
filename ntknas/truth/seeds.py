"""Accuracies of several seeds as one value per architecture, and notes on seeds that are missing.

The value is the mean over the seeds that are there and finite. The released files also have a
"seed" of the name `threeseed`, the mean of the others as its authors computed it. Where that is
there and finite, it is the value. A mean over fewer seeds is less exact than the others, so nothing
is left out without a note.
"""

import copy
import math
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from ntknas.errors import InputError
from ntknas.truth.table import ANY_DATASET, Columns

__all__ = ["MEAN", "SeededColumns", "mean_of_seeds", "one_seed"]

MEAN = "threeseed"
"""The name under which a file holds the mean of the seeds."""

# For each (dataset, metric): the values by seed, or one value for every seed, by architecture.
SeededColumns = Mapping[tuple[str, str], Mapping[Any, Mapping[str, float] | float]]

# For each (dataset, metric): what a note lists about each architecture.
_Remarks = Mapping[tuple[str, str], Mapping[Any, str]]

_TOLERANCE = 1e-3
_LISTED = 3


def mean_of_seeds(columns: SeededColumns) -> tuple[Columns, tuple[str, ...]]:
    """The mean over the seeds that are there and finite, and notes on those that are not.

    Args:
        columns: Values by seed.

    Returns:
        The values, and the notes. An architecture without any seed has no value. One whose seeds
        are all NaN has the value NaN. The notes list architectures that lack seeds which others of
        the file have, those with NaN beside good seeds, and those whose `threeseed` differs from
        the mean of their seeds by more than 0.001.

    Example:
        >>> values, notes = mean_of_seeds(
        ...     {("cifar10", "clean"): {5: {"0": 0.25, "1": 0.75}, 7: {"0": 0.5}}}
        ... )
        >>> values
        {('cifar10', 'clean'): {5: 0.5, 7: 0.5}}
        >>> notes
        ('cifar10 clean: 1 of 2 architectures lack seeds (7 has 1 of 2)',)
    """
    expected = [seed for seed in _seeds(columns) if seed != MEAN]
    means: dict[tuple[str, str], dict[Any, float]] = {place: {} for place in columns}
    fewer: dict[tuple[str, str], dict[Any, str]] = {place: {} for place in _seeded(columns)}
    unknown, different = copy.deepcopy(fewer), copy.deepcopy(fewer)
    for place, entries in columns.items():
        for label, entry in entries.items():
            if not isinstance(entry, Mapping):
                means[place][label] = entry
                continue
            seeds = {seed: value for seed, value in entry.items() if seed != MEAN}
            mean = _mean(seeds.values())
            published = entry.get(MEAN, math.nan)
            has_published = math.isfinite(published)
            if entry:
                means[place][label] = published if has_published else mean
            # Where the published mean stands alone, it is not known to lack a seed.
            if len(seeds) < len(expected) and (seeds or not has_published):
                fewer[place][label] = f"{label} has {len(seeds)} of {len(expected)}"
            finite = [math.isfinite(value) for value in entry.values()]
            if any(finite) and not all(finite):
                unknown[place][label] = str(label)
            if has_published and abs(published - mean) > _TOLERANCE:
                different[place][label] = str(label)
    differ = f"have a {MEAN} that differs from the mean of their seeds by more than {_TOLERANCE:g}"
    return _without_empty(means), (
        *_notes(columns, fewer, "lack seeds"),
        *_notes(columns, unknown, "have seeds without a number beside good ones"),
        *_notes(columns, different, differ),
    )


def one_seed(columns: SeededColumns, seed: str, path: Path) -> tuple[Columns, tuple[str, ...]]:
    """The values of one seed, and notes on the architectures that have none.

    Args:
        columns: Values by seed.
        seed: Name of the seed; `threeseed` is one where the file has it.
        path: File to name in error messages.

    Returns:
        The values, and the notes. An architecture without the seed has no value.

    Raises:
        InputError: If no architecture has the seed.

    Example:
        >>> columns = {("cifar10", "clean"): {5: {"0": 0.25, "1": 0.75}, 7: {"0": 0.5}}}
        >>> one_seed(columns, "1", Path("ours.csv"))[1]
        ('cifar10 clean: 1 of 2 architectures have no value for seed 1 (7)',)
    """
    known = _seeds(columns)
    if seed not in known:
        raise InputError(f"expected a seed of {path}: {', '.join(known) or 'none'}; got {seed!r}")
    values: dict[tuple[str, str], dict[Any, float]] = {place: {} for place in columns}
    for place, entries in columns.items():
        for label, entry in entries.items():
            if not isinstance(entry, Mapping):
                values[place][label] = entry
            elif seed in entry:
                values[place][label] = entry[seed]
    absent = {
        (dataset, metric): {
            label: str(label)
            for label in _labels(columns, dataset)
            if not math.isfinite(values[dataset, metric].get(label, math.nan))
        }
        for dataset, metric in _seeded(columns)
    }
    return _without_empty(values), _notes(columns, absent, f"have no value for seed {seed}")


def _mean(values: Collection[float]) -> float:
    """The mean of the finite values; NaN if there are none."""
    finite = [value for value in values if math.isfinite(value)]
    return sum(finite) / len(finite) if finite else math.nan


def _seeds(columns: SeededColumns) -> list[str]:
    """The seeds that any architecture has, in the order of the file."""
    return list(
        dict.fromkeys(
            seed
            for entries in columns.values()
            for entry in entries.values()
            if isinstance(entry, Mapping)
            for seed in entry
        )
    )


def _seeded(columns: SeededColumns) -> list[tuple[str, str]]:
    """The data sets and metrics that have seeds."""
    return [
        place
        for place, entries in columns.items()
        if any(isinstance(entry, Mapping) for entry in entries.values())
    ]


def _labels(columns: SeededColumns, dataset: str) -> list[Any]:
    """The architectures of a data set, in order."""
    return sorted({label for place in columns if place[0] == dataset for label in columns[place]})


def _without_empty(columns: Columns) -> Columns:
    """The columns that hold values."""
    return {place: values for place, values in columns.items() if values}


def _notes(columns: SeededColumns, remarks: _Remarks, problem: str) -> tuple[str, ...]:
    """One note per data set for all metrics that have the same remarks."""
    notes: list[str] = []
    for dataset in dict.fromkeys(dataset for dataset, _ in remarks):
        of_metric = {metric: texts for (name, metric), texts in remarks.items() if name == dataset}
        same: dict[tuple[tuple[Any, str], ...], list[str]] = {}
        for metric, texts in of_metric.items():
            same.setdefault(tuple(sorted(texts.items())), []).append(metric)
        for listed, metrics in same.items():
            if listed:
                place = [] if dataset == ANY_DATASET else [dataset]
                place += [] if len(metrics) == len(of_metric) > 1 else [", ".join(metrics)]
                head = f"{' '.join(place)}: " if place else ""
                some = [text for _, text in listed[:_LISTED]]
                some += ["..."] if len(listed) > _LISTED else []
                total = len(_labels(columns, dataset))
                notes.append(
                    f"{head}{len(listed)} of {total} architectures {problem} ({', '.join(some)})"
                )
    return tuple(notes)
