"""A truth table of your own from trainings: a CSV file, and its recipe beside it. Needs no JAX.

`ntknas truth`, `correlate` and `search` read the table like any other. The recipe is in
FILE.recipe.json.
"""

import os
from pathlib import Path

import pandas as pd

from ntknas.errors import InputError
from ntknas.files import write_whole
from ntknas.training.folder import TrainingFolder
from ntknas.training.settings import TrainingSettings
from ntknas.truth import recipe_file

__all__ = ["check_truth_table", "write_truth_table"]

_KEYS = ["architecture", "dataset", "seed"]


def check_truth_table(path: str | Path, settings: TrainingSettings) -> pd.DataFrame | None:
    """The table in a file that is to be extended; None if there is no such file.

    Args:
        path: File of the table, ending in .csv.
        settings: Settings of the trainings that are to be added.

    Raises:
        InputError: If the file is no table of `ntknas train`, has another ending, lies in no
            folder or in one that may not be written, or was made with other settings.
    """
    path = Path(path)
    if path.suffix.lower() != ".csv":
        raise InputError(f"expected the name of a truth table to end in .csv, got {str(path)!r}")
    if path.is_dir() or not path.parent.is_dir():
        raise InputError(f"expected a file to write, but {path} is a folder or lies in none")
    folder = Path(os.path.realpath(path)).parent
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InputError(f"cannot write {path}: no permission to make files in {folder}")
    if not path.exists():
        return None
    beside = recipe_file(path)
    if not beside.is_file():
        raise InputError(f"{path} exists and has no recipe in {beside.name}: choose another name")
    before = TrainingSettings.from_json(beside.read_text(encoding="utf-8"))
    differences = before.differences(settings)
    if differences:
        raise InputError(
            f"{path} was made with other settings (there / here): {'; '.join(differences)}"
        )
    try:
        table = pd.read_csv(path)
    except (ValueError, OSError) as error:
        raise InputError(f"cannot read {path}: {' '.join(str(error).split())}") from None
    if not set(_KEYS) <= set(table.columns):
        raise InputError(f"expected the columns {', '.join(_KEYS)} in {path}")
    return table


def write_truth_table(path: str | Path, folder: TrainingFolder) -> pd.DataFrame:
    """Write the results of a folder, or add them to a table with equal settings.

    Rows of the table that the folder has, too, are replaced. The recipe is written first.

    Args:
        path: File of the table, ending in .csv.
        folder: The trainings.

    Returns:
        The table, with the columns architecture, dataset, seed and one per metric.

    Raises:
        InputError: As `check_truth_table`, or if no training has ended yet.
    """
    path = Path(path)
    before = check_truth_table(path, folder.settings)
    results = folder.results()
    if results.empty:
        raise InputError(f"expected trainings that have ended in {folder.path}, got none")
    table = results if before is None else pd.concat([before, results])
    table = table.drop_duplicates(_KEYS, keep="last").sort_values(_KEYS, ignore_index=True)
    write_whole(recipe_file(path), folder.settings.to_json() + "\n")
    write_whole(path, table.to_csv(index=False))
    return table
