"""`load_truth`: published accuracies, read from any of their published formats."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from ntknas.data import Kind, locate
from ntknas.errors import InputError
from ntknas.truth.files import read_json
from ntknas.truth.jung import JUNG_FOLDERS, read_jung_folder
from ntknas.truth.names import DATASETS
from ntknas.truth.own import read_csv
from ntknas.truth.pages import read_page
from ntknas.truth.robbench import is_released_robbench, read_released_robbench
from ntknas.truth.sources import published_name
from ntknas.truth.table import Truth

__all__ = ["load_truth"]

_RELEASED = "NAS-RobBench-201_all.json"


def load_truth(path: str | os.PathLike[str], *, seed: int | str | None = None) -> Truth:
    """Read published accuracies; the format is recognised from the content.

    * a table of the project page (`NAS-RobBench-201_html.json`, or `acc.json` of Jung et al.);
    * `NAS-RobBench-201_all.json`, or the folder that holds it, with `meta.json` beside it;
    * the released folder of Jung et al.;
    * a CSV file of your own (`ntknas.truth.own`).

    Args:
        path: File or folder to read, or the name of a published one, "robbench" or "jung"
            (`ntknas.data`).
        seed: Seed to read from `NAS-RobBench-201_all.json`, or from a CSV file with a column
            `seed`; None means the mean of the seeds. The other formats hold one value per
            architecture and metric, and accept no seed.

    The notes of the result say for which architectures seeds are missing.

    Returns:
        The accuracies; isomorphic architectures share the values of their representative.

    Raises:
        InputError: If the path holds none of these formats.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "acc.json"
        >>> _ = path.write_text('acc={"10": [0.1], "1651": "10", "": ["cifar10#val_acc"]}')
        >>> load_truth(path).value(1651, "cifar10", "clean")
        0.1
    """
    path = locate(path, Kind.ACCURACIES)
    if path.suffix.lower() == ".csv" and not path.is_dir():
        return read_csv(path, seed=seed)
    if path.is_dir() and (path / _RELEASED).exists():
        path = path / _RELEASED
    if path.is_dir():
        if not any((path / dataset).is_dir() for dataset in JUNG_FOLDERS):
            raise InputError(
                f"expected {_RELEASED} or one of the folders {', '.join(JUNG_FOLDERS)} in {path}, "
                "got a folder without them"
            )
        _refuse_seed(seed, path)
        return read_jung_folder(path)
    content = read_json(path)
    if isinstance(content, dict) and "" in content:
        _refuse_seed(seed, path)
        truth = read_page(content, path)
        name = published_name(path)
        same = f"equals the published {name} (sha256)" if name else "is not a file of known sha256"
        return replace(truth, notes=(f"this file {same}", *truth.notes))
    if is_released_robbench(content):
        return read_released_robbench(content, path, seed=None if seed is None else str(seed))
    raise InputError(f"expected a table of accuracies in {path}, got {_describe(content)}")


def _refuse_seed(seed: int | str | None, path: Path) -> None:
    """Raise InputError if a seed was given for a file that has none."""
    if seed is not None:
        raise InputError(
            f"only {_RELEASED} has seeds, or a .csv file with a column seed; "
            f"{path} has none, got seed {seed!r}"
        )


def _describe(content: Any) -> str:
    """Description of parsed JSON that is none of the tables, for error messages."""
    if isinstance(content, list):
        if content and all(isinstance(item, str) and len(item) == 6 for item in content):
            return "the list of architectures (ops.json), which holds no accuracies"
        return f"a list of {len(content)}"
    if not isinstance(content, dict):
        return f"a single {type(content).__name__}"
    if not content:
        return "an empty object"
    if "ids" in content:
        return "meta.json, which holds no accuracies: give the file or folder that it lies beside"
    if all(dataset in DATASETS for dataset in content) and all(
        isinstance(entry, dict) and not any(key.isdecimal() for key in entry)
        for entry in content.values()
    ):
        return "one file of the folder of Jung et al.: give the folder that holds meta.json"
    keys = ", ".join(repr(key)[:40] for key in list(content)[:3])
    return f"an object with {len(content)} keys ({keys}) and no column labels under ''"
