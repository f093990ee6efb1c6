"""`load_scores`: scores that another tool computed, read from a file.

Two forms are read:

* a CSV file with a column `architecture` (any name of an architecture, as
  `ntknas.spaces.nasbench201.architecture_named` takes it) and one column per score. An optional
  column `dataset` says which data set a row belongs to;
* the JSON of NAS-Bench-Suite-Zero, `{dataset: {architecture: {score: {"score": number, "time":
  seconds}}}}`, or what it holds for one data set. A plain number in the place of `{"score": ...}`
  is a score as well. The keys `id` are skipped.

A column has the name of a score of `ntknas.scores.SCORES`, such as `synflow` or `cond@clean`, and
its direction; or it has a name of its own, and higher values are better. A minus sign in front of a
name turns it round, as in every ranking. Missing numbers are left out of rankings and correlations.

References:
    Krishnakumar et al., NAS-Bench-Suite-Zero, NeurIPS 2022 (datasets and benchmarks).
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ntknas.errors import InputError, shorten
from ntknas.evaluation.table import ScoreTable, score_table
from ntknas.scores import SCORES, Score, ScoreKind, ScoreName
from ntknas.spaces import NASBENCH201, Architecture
from ntknas.spaces.nasbench201 import architecture_named
from ntknas.truth.files import read_json
from ntknas.truth.names import DATASETS

__all__ = ["load_scores"]

_NOT_SCORES = ("architecture", "id", "dataset")
_FIRST_CHOICE = "cifar10"

# The scores of each architecture, by its name in the file.
_Rows = list[tuple[str, dict[str, float]]]


def load_scores(path: str | os.PathLike[str], *, dataset: str | None = None) -> ScoreTable:
    """Scores of NAS-Bench-201 architectures from a file of another tool.

    The result goes wherever a run goes: `rank`, `correlate`, searches. Counts of the graph and
    sizes are added where the file lacks them.

    Args:
        path: CSV file, or JSON file of NAS-Bench-Suite-Zero.
        dataset: Data set of the scores, for a file that holds several. None means the only one, or
            cifar10. `imagenet16` and `ImageNet16-120` are the same.

    Raises:
        InputError: If the file cannot be read or has another form, an architecture is unknown or
            has scores that disagree, a score is not a number or has no valid name, or the data set
            is missing.

    Example:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp()) / "scores.csv"
        >>> pd.DataFrame({"architecture": [0, 5], "jacov": [1.5, 2.5]}).to_csv(file, index=False)
        >>> from ntknas.evaluation import rank
        >>> rank(load_scores(file), "jacov")["id"].tolist()
        [5, 0]
    """
    path = Path(path)
    of_dataset = _from_csv(path) if path.suffix.lower() == ".csv" else _from_json(path)
    chosen = _choose(of_dataset, dataset, path)
    frame = _frame(of_dataset[chosen], path)
    for column in frame.columns:
        _register(column, path)
    frame.attrs["space"] = NASBENCH201.name
    named = dataset if chosen is None else chosen
    return replace(
        score_table(frame),
        name=str(path),
        dataset=None if named is None else DATASETS.get(named, named),
        of_file=tuple(frame.columns),
    )


def _from_csv(path: Path) -> dict[str | None, _Rows]:
    """The rows of a CSV file by data set; None is the data set of a file without that column."""
    try:
        frame = pd.read_csv(
            path, dtype=str, keep_default_na=False, skipinitialspace=True, index_col=False
        )
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from None
    except ValueError as error:  # also what the parser raises
        raise InputError(f"expected a CSV table in {path}, got: {error}") from None
    label = next((name for name in ("architecture", "id") if name in frame), None)
    scores = [name for name in frame.columns if name not in _NOT_SCORES]
    if label is None or not scores:
        raise InputError(
            f"expected a column architecture and one column per score in {path}, "
            f"got {shorten(', '.join(map(str, frame.columns)))}"
        )
    columns = [_numbers(frame[name], name, path) for name in scores]
    datasets = frame["dataset"].tolist() if "dataset" in frame else [None] * len(frame)
    found: dict[str | None, _Rows] = {}
    for place, name, *values in zip(datasets, frame[label], *columns, strict=True):
        found.setdefault(place, []).append((name, dict(zip(scores, values, strict=True))))
    if not found:
        raise InputError(f"expected one row per architecture in {path}, got none")
    return found


def _numbers(column: "pd.Series[str]", name: str, path: Path) -> list[float]:
    """The numbers of a column; empty fields are NaN."""
    numbers = []
    for line, text in enumerate(column.tolist(), 2):
        try:
            missing = text.strip().lower() in ("", "na", "nan", "none", "null")
            numbers.append(np.nan if missing else float(text))
        except ValueError:
            raise InputError(
                f"expected numbers in column {name} of {path}, got {shorten(text)!r} in line {line}"
            ) from None
    return numbers


def _from_json(path: Path) -> dict[str | None, _Rows]:
    """The rows of the JSON of NAS-Bench-Suite-Zero by data set."""
    content = read_json(path)
    form = "{dataset: {architecture: {score: {'score': number}}}}"
    if not isinstance(content, dict) or not content:
        raise InputError(f"expected {form} in {path}, got {shorten(repr(content))}")
    found: dict[str | None, _Rows] = {}
    first = next(iter(content))
    one = {None: content} if first[:1] in ("(", "[", "|") else content  # without data sets
    for dataset, architectures in one.items():
        if not isinstance(architectures, dict) or not architectures:
            raise InputError(
                f"expected {form} in {path}, got {shorten(repr(architectures))} at {dataset!r}"
            )
        rows: _Rows = []
        for name, scores in architectures.items():
            if not isinstance(scores, dict):
                raise InputError(
                    f"expected {form} in {path}, got {shorten(repr(scores))} for {name!r}"
                )
            rows.append((name, dict(_scores(scores, name, path))))
        found[dataset] = rows
    return found


def _scores(scores: Mapping[str, Any], name: str, path: Path) -> Iterator[tuple[str, float]]:
    """The scores of one architecture."""
    for score, entry in scores.items():
        value = entry.get("score") if isinstance(entry, dict) else entry
        if score == "id":
            continue
        if value is None:
            value = np.nan
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise InputError(
                f"expected a number as {score} of {name} in {path}, got {shorten(repr(entry))}"
            )
        yield score, float(value)


def _choose(found: Mapping[str | None, Any], wanted: str | None, path: Path) -> str | None:
    """The key of the data set to read; None if the file does not say whose its scores are."""
    if None in found or (wanted is None and len(found) == 1):
        return next(iter(found))
    named = wanted or _FIRST_CHOICE
    for key in found:
        if key is not None and DATASETS.get(named, named) == DATASETS.get(key, key):
            return key
    got = "none chosen" if wanted is None else f"got {wanted!r}"
    raise InputError(f"expected a data set of {path}: {', '.join(map(str, found))}; {got}")


def _frame(rows: _Rows, path: Path) -> pd.DataFrame:
    """One row per architecture; equal rows of one architecture are one."""
    values: dict[int, dict[str, float]] = {}
    for name, scores in rows:
        label = _architecture(name, path).id
        known = values.setdefault(label, scores)
        for score in known.keys() | scores.keys():
            pair = [float(each.get(score, np.nan)) for each in (known, scores)]
            if not np.array_equal(pair[:1], pair[1:], equal_nan=True):
                raise InputError(
                    f"expected one {score} per architecture in {path}, got {pair[0]:g} and "
                    f"{pair[1]:g} for {shorten(name, 100)}"
                )
    frame = pd.DataFrame.from_dict(values, orient="index")
    if frame.columns.empty:
        raise InputError(f"expected at least one score per architecture in {path}, got none")
    return frame


def _architecture(name: str, path: Path) -> Architecture:
    """The architecture that a file names."""
    try:
        return architecture_named(name)
    except InputError:
        raise InputError(
            f"expected ids, strings, code:421211 or op indices of NASLib as the architectures of "
            f"{path}, got {shorten(name)!r}"
        ) from None


def _register(column: str, path: Path) -> None:
    """Make a column's name a score, unless it is one."""
    try:
        if "@" in column or column in SCORES:
            ScoreName.parse(column)
        else:
            formula = f"column of {path.name}"
            SCORES.register(column, Score(column, formula, +1, "another tool", ScoreKind.OTHER))
    except InputError as error:
        raise InputError(f"column {column} of {path}: {error}") from None
