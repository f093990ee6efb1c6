"""A table of accuracies of your own, from a DataFrame or a CSV file.

The table has one row per architecture, with its label in the column `architecture` (or as the index
of a frame), and one column per metric. Higher values must mean better networks. An optional column
`dataset` says which data set a row belongs to; without it, the table is used for every data set.

With an optional column `seed` the table has one row per architecture and seed. The value of an
architecture is the mean over its seeds, or that of one seed. The mean leaves out values that are
missing or not finite; `Truth.notes` says for which architectures (`ntknas.truth.seeds`).

The table that `ntknas train` writes has its recipe beside it, in FILE.recipe.json. `Truth.notes`
then says how the networks were trained.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from ntknas.errors import InputError
from ntknas.truth.seeds import mean_of_seeds, one_seed
from ntknas.truth.table import ANY_DATASET, Truth, tidy

__all__ = ["read_csv", "recipe_file", "truth_from_frame"]


def truth_from_frame(
    frame: pd.DataFrame,
    *,
    name: str = "a table of your own",
    path: str | Path = "the frame",
    seed: int | str | None = None,
) -> Truth:
    """Accuracies of your own as a `Truth`.

    Args:
        frame: Table with one row per architecture (data set and seed) and one column per metric;
            labels are in the column `architecture` or in the index.
        name: Name of the table in titles.
        path: Name for the origin of the table in error messages.
        seed: Seed to read, one of the column `seed`; None means the mean over the seeds.

    Returns:
        The accuracies; every architecture represents itself.

    Raises:
        InputError: If there are no rows or no metrics, a metric is repeated, a value is not a
            number, a label is missing, repeated (for the same seed), or neither a whole number nor
            a text, or the chosen seed is missing.

    Example:
        >>> frame = pd.DataFrame({"accuracy": [0.7, 0.9]}, index=["small", "large"])
        >>> truth_from_frame(frame).value("large", "cifar10", "accuracy")
        0.9
        >>> seeds = pd.concat([frame.assign(seed=0), frame.assign(seed=1, accuracy=[0.8, 1.0])])
        >>> truth_from_frame(seeds).value("small", "cifar10", "accuracy")
        0.75
    """
    path = Path(path)
    if "architecture" in frame:
        frame = frame.set_index("architecture")
    if frame.columns.has_duplicates:
        twice = frame.columns[frame.columns.duplicated()][0]
        raise InputError(f"expected each metric once in {path}, got {twice} more than once")
    datasets = frame["dataset"].astype(str) if "dataset" in frame else ANY_DATASET
    seeds = _seeds(frame, path) if "seed" in frame else None
    if seeds is None and seed is not None:
        raise InputError(f"expected a column seed in {path}, which has none, got seed {seed!r}")
    metrics = frame.drop(columns=["dataset", "seed"], errors="ignore")
    if frame.empty and len(metrics.columns):
        raise InputError(f"expected one row per architecture in {path}, got none")
    if metrics.empty:
        raise InputError(
            f"expected a column architecture and one column per metric in {path}, "
            f"got {', '.join(map(str, frame.columns)) or 'none'}"
        )
    for metric, values in metrics.items():
        if not pd.api.types.is_numeric_dtype(values.dtype):
            raise InputError(f"expected numbers in column {metric} of {path}, got {values.dtype}")
    if frame.index.isna().any():
        raise InputError(f"expected a label in every row of {path}, got a row without one")
    kinds = {type(label) for label in frame.index.tolist()}
    if kinds not in ({int}, {str}):
        types = ", ".join(sorted(kind.__name__ for kind in kinds))
        raise InputError(
            f"expected labels in {path} that are all whole numbers or all texts, got {types}"
        )
    labels = frame.index.tolist()
    rows = metrics.astype(float).assign(dataset=datasets, architecture=labels)
    if "dataset" in frame and frame["dataset"].isna().any():
        raise InputError(f"expected a data set in every row of {path}, got a row without one")
    itself = {label: label for label in dict.fromkeys(labels)}
    if seeds is None:
        _refuse_repeated(rows, ["architecture", "dataset"], path)
        place = rows[["architecture", "dataset"]]
        columns = [place.assign(metric=str(m), value=rows[m]) for m in metrics]
        return Truth(name, path, pd.concat(columns, ignore_index=True), itself)
    rows["seed"] = seeds
    _refuse_repeated(rows, ["architecture", "dataset", "seed"], path)
    by_seed = _by_seed(rows)
    if seed is None:
        chosen, (means, missing) = "the mean of the seeds", mean_of_seeds(by_seed)
    else:
        chosen, (means, missing) = f"seed {seed}", one_seed(by_seed, str(seed), path)
    return Truth(name, path, tidy(means), itself, (f"values are {chosen}", *missing), missing)


def _seeds(frame: pd.DataFrame, path: Path) -> list[str]:
    """The names of the seeds in the column `seed`; whole numbers are named without a point."""
    if frame["seed"].isna().any():
        raise InputError(f"expected a seed in every row of {path}, got a row without one")
    return [
        str(int(seed) if isinstance(seed, float) and seed.is_integer() else seed)
        for seed in frame["seed"].tolist()
    ]


def _refuse_repeated(rows: pd.DataFrame, keys: list[str], path: Path) -> None:
    """Raise InputError if two rows are about the same architecture, data set and seed."""
    repeated = rows.duplicated(keys)
    if repeated.any():
        twice = rows.loc[repeated, "architecture"].iloc[0]
        if "seed" in keys:
            once, way = "architecture and seed", ""
        else:
            once, way = "architecture", " (a column seed would tell the rows apart)"
        raise InputError(f"expected each {once} once in {path}, got {twice} more than once{way}")


def _by_seed(rows: pd.DataFrame) -> dict[tuple[str, str], dict[Any, dict[str, float]]]:
    """The values by seed of each architecture, for each data set and metric."""
    columns: dict[tuple[str, str], dict[Any, dict[str, float]]] = {}
    keys = [rows[key].tolist() for key in ("dataset", "architecture", "seed")]
    for metric, values in rows.drop(columns=["dataset", "architecture", "seed"]).items():
        for dataset, label, seed, value in zip(*keys, values.tolist(), strict=True):
            columns.setdefault((dataset, str(metric)), {}).setdefault(label, {})[seed] = value
    return columns


def read_csv(path: Path, *, seed: int | str | None = None) -> Truth:
    """Accuracies of your own from a CSV file with a header.

    Args:
        path: File to read.
        seed: Seed to read, one of the column `seed`; None means the mean over the seeds.

    Raises:
        InputError: If the file cannot be read, or does not hold such a table.
    """
    try:
        frame = pd.read_csv(path)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from None
    except (ValueError, pd.errors.ParserError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"expected a CSV table in {path}, got: {reason}") from None
    if "architecture" not in frame:
        raise InputError(
            f"expected a column architecture in {path}, got {', '.join(map(str, frame.columns))}"
        )
    truth = truth_from_frame(frame, name=path.name, path=path, seed=seed)
    return replace(truth, notes=(*truth.notes, *_recipe(path)))


def recipe_file(path: Path) -> Path:
    """The file beside a table that says how its networks were trained.

    Args:
        path: File of the table.
    """
    return path.with_name(f"{path.name}.recipe.json")


def _recipe(path: Path) -> tuple[str, ...]:
    """How the networks of a table were trained, if the file beside it says so."""
    file = recipe_file(path)
    if not file.is_file():
        return ()
    try:
        settings = json.loads(file.read_text(encoding="utf-8"))
        recipe, network = settings["recipe"], settings["network"]
        text = (
            f"trained on {settings['train_images']} images for {recipe['epochs']} epochs, beta "
            f"{recipe['beta']:g}, rho {recipe['rho'] * 255:g}/255, {recipe['attack']['steps']} "
            f"attack steps; {network['channels']} channels, {network['cells']} "
            f"cell{'s' * (network['cells'] > 1)} per stage"
        )
    except (OSError, ValueError, TypeError, KeyError):
        return (f"the recipe in {file.name} cannot be read",)
    return (text,)
