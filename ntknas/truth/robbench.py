"""The released NAS-RobBench-201 (Wu et al., ICLR 2024): every seed of every network.

`NAS-RobBench-201_all.json` is `{dataset: {id: {metric: {seed: value}}}}`. Its seeds are '0', '1',
'2' and 'threeseed', which is their mean; the value of `autoattack` is a plain number. Seeds that
are missing are noted (`ntknas.truth.seeds`). The file `meta.json` in the same folder says which ids
are isomorphic.
"""

from pathlib import Path
from typing import Any

from ntknas.errors import InputError
from ntknas.truth.files import read_json
from ntknas.truth.isomorphs import own_map, parse_id, read_meta
from ntknas.truth.names import DATASETS, ROBBENCH, ROBBENCH_METRICS
from ntknas.truth.seeds import mean_of_seeds, one_seed
from ntknas.truth.table import Truth, tidy

__all__ = ["is_released_robbench", "read_released_robbench"]


def is_released_robbench(content: Any) -> bool:
    """Whether parsed JSON has the outer structure of the released file.

    Example:
        >>> is_released_robbench({"cifar10": {"1000": {"val_acc": {"0": 0.5}}}})
        True
    """
    return (
        isinstance(content, dict)
        and bool(content)
        and all(
            dataset in DATASETS
            and isinstance(entries, dict)
            and all(key.isdecimal() and isinstance(entry, dict) for key, entry in entries.items())
            for dataset, entries in content.items()
        )
    )


def _number(value: Any, where: str) -> float:
    """A JSON number as a float; null becomes NaN."""
    if value is None:
        return float("nan")
    if type(value) not in (float, int):
        raise InputError(f"expected a number for {where}, got {value!r:.80}")
    return float(value)


def _by_seed(entry: Any, where: str) -> dict[str, float] | float:
    """The value of each seed, or the plain number that is the value for every seed."""
    if not isinstance(entry, dict):
        return _number(entry, where)
    return {seed: _number(value, f"{where}, seed {seed}") for seed, value in entry.items()}


def _isomorphs(path: Path, trained: set[int]) -> tuple[dict[int, int], str]:
    """The isomorphism map of a released file, and a note that says where it came from."""
    meta = path.with_name("meta.json")
    if meta.exists():
        known = read_meta(read_json(meta), meta)
        return known | {index: index for index in trained}, f"isomorphs are those of {meta}"
    return own_map(trained), f"no meta.json beside {path.name}: isomorphs follow NAS-Bench-201"


def read_released_robbench(content: dict[str, Any], path: Path, *, seed: str | None) -> Truth:
    """The accuracies in the released file.

    Args:
        content: Parsed object of the file.
        path: Path of the file; `meta.json` is looked for in the same folder.
        seed: Key of a seed, such as '1'; None means 'threeseed', or the mean of the seeds that are
            there and finite if there is no 'threeseed'. A plain number is the value for every seed.

    Returns:
        The accuracies. A metric or seed that an architecture lacks has no row; the notes list the
        seeds that are missing.

    Raises:
        InputError: If a metric is unknown, a value is not a number, or no network has the seed.

    Example:
        >>> content = {"cifar10": {"1000": {"val_acc": {"0": 0.25, "1": 0.75}}}}
        >>> truth = read_released_robbench(content, Path("NAS-RobBench-201_all.json"), seed=None)
        >>> truth.value(1000, "cifar10", "clean")
        0.5
    """
    by_seed: dict[tuple[str, str], dict[int, dict[str, float] | float]] = {}
    for dataset, entries in content.items():
        for key, metrics in entries.items():
            index = parse_id(key, str(path))
            for metric, entry in metrics.items():
                where = f"architecture {index}, {dataset} {metric} in {path}"
                if metric not in ROBBENCH_METRICS:
                    known = ", ".join(name for name in ROBBENCH_METRICS if ".0" not in name)
                    raise InputError(f"unknown metric for {where}; known: {known}")
                name = (DATASETS[dataset], ROBBENCH_METRICS[metric])
                by_seed.setdefault(name, {})[index] = _by_seed(entry, where)
    if seed is None:
        chosen, (columns, missing) = "the mean of the seeds", mean_of_seeds(by_seed)
    else:
        chosen, (columns, missing) = f"seed {seed}", one_seed(by_seed, seed, path)
    trained = {index for values in columns.values() for index in values}
    representative_of, note = _isomorphs(path, trained)
    notes = (f"values are {chosen}", note, *missing)
    return Truth(ROBBENCH, path, tidy(columns), representative_of, notes, missing)
