"""A table of accuracies of your own, from a DataFrame or a CSV file.

One row per architecture: its label in the column `architecture` (or as the index of a frame), and
one column per metric, higher values for better networks. A column `dataset` may say which data set
a row is about; without one the table fits any.
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
        frame: One row per architecture (and data set), one column per metric; labels in the column
            `architecture` or as the index.
        name: What the table is called in titles.
        path: What error lines call its origin.

    Returns:
        The accuracies; every architecture stands for itself.

    Raises:
        InputError: If there are no metrics, a value is no number, or a label is missing or twice
            there.

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
    if metrics.empty:
        raise InputError(
            f"expected a column architecture and a column per metric in {path}, "
            f"got {', '.join(map(str, frame.columns)) or 'none'}"
        )
    for metric, values in metrics.items():
        if not pd.api.types.is_numeric_dtype(values.dtype):
            raise InputError(f"expected numbers in column {metric} of {path}, got {values.dtype}")
    if frame.index.isna().any():
        raise InputError(f"expected a label of every architecture in {path}, got none in a row")
    wide = metrics.assign(dataset=datasets, architecture=frame.index)
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
        path: The file.

    Raises:
        InputError: If it cannot be read, or is no such table.
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
