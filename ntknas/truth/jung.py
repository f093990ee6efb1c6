"""The released folder of Jung et al., Neural architecture design and robustness, ICLR 2023.

The folder holds `meta.json` (isomorphs, and the radii of each attack) and the folders `cifar10`,
`cifar100` and `ImageNet16-120`. Each of these has files `{key}_accuracy.json` that hold
`{dataset: {key: {"accuracy": {id: value or list}}}}`. A key is `clean`, an attack (a list over
radii) or a kind of corruption (a list over severities). Missing files are skipped.
"""

from pathlib import Path
from typing import Any

import numpy as np

from ntknas.errors import InputError
from ntknas.truth.files import read_json
from ntknas.truth.isomorphs import parse_id, read_meta
from ntknas.truth.names import DATASETS, JUNG
from ntknas.truth.table import Truth, tidy

__all__ = ["JUNG_FOLDERS", "read_jung_folder"]

JUNG_FOLDERS = ("cifar10", "cifar100", "ImageNet16-120")

_ATTACKS = {
    "aa_apgd-ce@Linf": "apgd",
    "aa_square@Linf": "square",
    "fgsm@Linf": "fgsm",
    "pgd@Linf": "pgd",
}
_CORRUPTIONS = (
    "brightness",
    "contrast",
    "defocus_blur",
    "elastic_transform",
    "fog",
    "frost",
    "gaussian_noise",
    "glass_blur",
    "impulse_noise",
    "jpeg_compression",
    "motion_blur",
    "pixelate",
    "shot_noise",
    "snow",
    "zoom_blur",
)

Rows = dict[int, list[float]]


def _rows(path: Path, dataset: str, key: str, length: int | None) -> Rows:
    """The values of every architecture in one file, as lists; a number gives a list of one."""
    content = read_json(path)
    try:
        entries = content[dataset][key]["accuracy"].items()
    except (AttributeError, KeyError, TypeError, IndexError) as error:
        raise InputError(
            f"expected accuracies under {dataset!r}, {key!r}, 'accuracy' in {path}, got none"
        ) from error
    rows = {}
    for name, entry in entries:
        index = parse_id(name, str(path))
        values = entry if isinstance(entry, list) else [entry]
        if any(value is not None and type(value) not in (float, int) for value in values):
            raise InputError(
                f"expected numbers for architecture {index} in {path}, got {entry!r:.80}"
            )
        length = max(1, len(values)) if length is None else length
        if len(values) != length:
            raise InputError(
                f"expected {length} values for architecture {index} in {path}, got {len(values)}"
            )
        rows[index] = [float("nan") if value is None else float(value) for value in values]
    return rows


def _radii(meta: Any, key: str, where: Path) -> list[float]:
    """The radii of an attack in `meta.json`, in units of 1/255."""
    epsilons = meta.get("epsilons")
    radii = epsilons.get(key) if isinstance(epsilons, dict) else None
    if not isinstance(radii, list) or not all(type(radius) in (float, int) for radius in radii):
        raise InputError(f"expected a list of radii under 'epsilons', {key!r} in {where}")
    return radii


def _corruption(folder: Path, dataset: str) -> tuple[dict[str, dict[int, float]], list[str]]:
    """Means over the kinds of corruption, by severity and overall; and the missing kinds."""
    kinds: list[Rows] = []
    absent = []
    for key in _CORRUPTIONS:
        path = folder / f"{key}_accuracy.json"
        if path.exists():
            length = len(next(iter(kinds[0].values()))) if kinds and kinds[0] else None
            kinds.append(_rows(path, dataset, key, length))
        else:
            absent.append(key)
    # A mean over fewer kinds could not be compared with the others, so each id needs all of them.
    indices = sorted(set.intersection(*(set(rows) for rows in kinds))) if kinds else []
    if not indices:
        return {}, absent
    values = np.array(
        [[rows[index] for index in indices] for rows in kinds]
    )  # [kind, id, severity]
    by_severity = values.mean(axis=0)
    columns = {"corruption": dict(zip(indices, by_severity.mean(axis=1).tolist(), strict=True))}
    for severity, means in enumerate(by_severity.T.tolist(), start=1):
        columns[f"corruption_{severity}"] = dict(zip(indices, means, strict=True))
    return columns, absent


def read_jung_folder(folder: Path) -> Truth:
    """The accuracies in the released folder.

    Args:
        folder: Folder that holds `meta.json` and the folder of at least one data set.

    Returns:
        The accuracies. Their metrics are `clean`; `apgd_R`, `square_R`, `fgsm_R`, `pgd_R` for every
        radius R/255; `corruption_S` for every severity S, the mean over the kinds of corruption
        that have files; and `corruption`, the mean over kinds and severities.

    Raises:
        InputError: If `meta.json` is missing, no accuracy file exists, or a file has another
            structure.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "meta.json").write_text('{"ids": {"10": {"isomorph": "10"}}}')
        >>> (folder / "cifar10").mkdir()
        >>> _ = (folder / "cifar10" / "clean_accuracy.json").write_text(
        ...     '{"cifar10": {"clean": {"accuracy": {"10": 0.1}}}}'
        ... )
        >>> read_jung_folder(folder).value(10, "cifar10", "clean")
        0.1
    """
    meta_path = folder / "meta.json"
    if not meta_path.exists():
        raise InputError(f"expected meta.json in {folder} (it comes as meta.zip), got none")
    meta = read_json(meta_path)
    representative_of = read_meta(meta, meta_path)
    columns: dict[tuple[str, str], dict[int, float]] = {}
    notes = [f"radii are in 1/255; isomorphs are those of {meta_path}"]
    for dataset in JUNG_FOLDERS:
        place, name = folder / dataset, DATASETS[dataset]
        if not place.is_dir():
            continue
        clean = place / "clean_accuracy.json"
        if clean.exists():
            rows = _rows(clean, dataset, "clean", 1)
            columns[name, "clean"] = {index: values[0] for index, values in rows.items()}
        for key, attack in _ATTACKS.items():
            path = place / f"{key}_accuracy.json"
            if not path.exists():
                continue
            radii = _radii(meta, key, meta_path)
            rows = _rows(path, dataset, key, len(radii))
            for position, radius in enumerate(radii):
                columns[name, f"{attack}_{radius:g}"] = {
                    index: values[position] for index, values in rows.items()
                }
        corruption, absent = _corruption(place, dataset)
        for metric, means in corruption.items():
            columns[name, metric] = means
        if corruption and absent:
            notes.append(f"{dataset}: corruption means leave out {', '.join(absent)}")
    if not columns:
        raise InputError(
            f"expected files such as cifar10/clean_accuracy.json in {folder}, got none"
        )
    trained = {index for values in columns.values() for index in values}
    known = representative_of | {index: index for index in trained}
    return Truth(JUNG, folder, tidy(columns), known, tuple(notes))
