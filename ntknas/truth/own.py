"""A table of accuracies of your own, from a DataFrame or a CSV file.

The table has one row per architecture, with its label in the column `architecture` (or as the index
of a frame), and one column per metric. Higher values must mean better networks. An optional column
`dataset` says which data set a row belongs to; without it, the table is used for every data set.
"""

from pathlib import Path

import pandas as pd

from ntknas.errors import InputError
from ntknas.truth.table import ANY_DATASET, Truth

__all__ = ["read_csv", "truth_from_frame"]


def truth_from_frame(
    frame: pd.DataFrame, *, name: str = "a table of your own", path: str | Path = "the frame"
) -> Truth:
    """Accuracies of your own as a `Truth`.

    Args:
        frame: Table with one row per architecture (and data set) and one column per metric; labels
            are in the column `architecture` or in the index.
        name: Name of the table in titles.
        path: Name for the origin of the table in error messages.

    Returns:
        The accuracies; every architecture represents itself.

    Raises:
        InputError: If there are no rows or no metrics, a metric is repeated, a value is not a
            number, or a label is missing, repeated, or neither a whole number nor a text.

    Example:
        >>> frame = pd.DataFrame({"accuracy": [0.7, 0.9]}, index=["small", "large"])
        >>> truth_from_frame(frame).value("large", "cifar10", "accuracy")
        0.9
    """
    path = Path(path)
    if "architecture" in frame:
        frame = frame.set_index("architecture")
    datasets = frame["dataset"].astype(str) if "dataset" in frame else ANY_DATASET
    metrics = frame.drop(columns="dataset", errors="ignore")
    if frame.empty and len(metrics.columns):
        raise InputError(f"expected one row per architecture in {path}, got none")
    if metrics.empty:
        raise InputError(
            f"expected a column architecture and one column per metric in {path}, "
            f"got {', '.join(map(str, frame.columns)) or 'none'}"
        )
    if metrics.columns.has_duplicates:
        twice = metrics.columns[metrics.columns.duplicated()][0]
        raise InputError(f"expected each metric once in {path}, got {twice} more than once")
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
    wide = metrics.assign(dataset=datasets, architecture=frame.index.tolist())
    if wide.duplicated(["architecture", "dataset"]).any():
        twice = wide.loc[wide.duplicated(["architecture", "dataset"]), "architecture"].iloc[0]
        raise InputError(f"expected each architecture once in {path}, got {twice} more than once")
    table = wide.melt(["architecture", "dataset"], var_name="metric", value_name="value")
    table = table[["architecture", "dataset", "metric", "value"]]
    table["metric"] = table["metric"].astype(str)
    table["value"] = table["value"].astype(float)
    labels = frame.index.unique().tolist()
    return Truth(name, path, table, {label: label for label in labels})


def read_csv(path: Path) -> Truth:
    """Accuracies of your own from a CSV file with a header.

    Args:
        path: File to read.

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
    return truth_from_frame(frame, name=path.name, path=path)
