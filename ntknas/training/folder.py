"""The folder of `ntknas train`: settings, one folder per network, results. Needs no JAX.

DIR/settings.json                 recipe, network and images
DIR/9930/seed_0/last, best        checkpoints
DIR/9930/seed_0/metrics.csv       one row per epoch
DIR/9930/seed_0/result.json       accuracies on test images, when the training has ended
"""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from ntknas.errors import InputError
from ntknas.files import write_whole
from ntknas.locks import try_lock
from ntknas.spaces.nasbench201 import Architecture
from ntknas.training.settings import TrainingSettings

__all__ = ["TrainingFolder"]

_SETTINGS = "settings.json"
_RESULT = "result.json"
_FACTS = ("seconds", "images", "weights")


class TrainingFolder:
    """A folder that holds trainings with equal settings.

    Args:
        path: The folder.

    Raises:
        InputError: If the folder holds no trainings.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        try:
            text = (self.path / _SETTINGS).read_text(encoding="utf-8")
        except OSError:
            raise InputError(f"no trainings in {self.path}: {_SETTINGS} is missing") from None
        except ValueError:
            raise InputError(f"{self.path / _SETTINGS} is damaged: it is no text") from None
        self.settings = TrainingSettings.from_json(text)

    @classmethod
    def open(cls, path: str | Path, settings: TrainingSettings) -> "TrainingFolder":
        """The folder for these settings, which is made if there is none.

        Args:
            path: The folder.
            settings: What the trainings share.

        Raises:
            InputError: If the path is no folder, holds other things, or trainings with other
                settings, whose differences are named.
        """
        path = Path(path)
        try:
            path.mkdir(parents=True, exist_ok=True)
            contents = {entry.name for entry in path.iterdir()}
        except (FileExistsError, NotADirectoryError):
            raise InputError(f"expected a folder for trainings, but {path} is none") from None
        except OSError as error:
            raise InputError(f"cannot write to {path}: {error.strerror}") from None
        if _SETTINGS not in contents:
            if contents:
                raise InputError(
                    f"expected an empty folder or one of `ntknas train`, but {path} holds "
                    f"{min(contents)}"
                )
            write_whole(path / _SETTINGS, settings.to_json() + "\n")
        folder = cls(path)
        differences = folder.settings.differences(settings)
        if differences:
            raise InputError(
                f"{path} holds trainings with other settings (there / here): "
                + "; ".join(differences)
            )
        return folder

    def place(self, architecture: Architecture, seed: int) -> Path:
        """The folder of one training.

        Args:
            architecture: Its cell.
            seed: Its seed.
        """
        return self.path / str(architecture.id) / f"seed_{seed}"

    @contextlib.contextmanager
    def claim(self, architecture: Architecture, seed: int) -> Iterator[Path | None]:
        """The folder of one training, for the process that is to train it.

        Args:
            architecture: Its cell.
            seed: Its seed.

        Yields:
            The folder, or None if another process trains it or it has ended. The operating system
            gives the claim up when the process ends.
        """
        place = self.place(architecture, seed)
        place.mkdir(parents=True, exist_ok=True)
        with try_lock(place / "lock") as free:
            yield place if free and not (place / _RESULT).exists() else None

    def finish(self, place: Path, result: dict[str, Any]) -> None:
        """Write the result of a training.

        Args:
            place: Folder of the training.
            result: Architecture, seed, accuracies by metric, and facts about the training.
        """
        write_whole(place / _RESULT, json.dumps(result, indent=1) + "\n")

    def write_history(self, place: Path, history: list[dict[str, Any]]) -> None:
        """Write the metrics of all epochs as CSV.

        Args:
            place: Folder of the training.
            history: One entry per epoch.
        """
        write_whole(place / "metrics.csv", pd.DataFrame(history).to_csv(index=False))

    def results(self) -> pd.DataFrame:
        """The accuracies of all trainings that have ended.

        Returns:
            One row per architecture and seed, with the columns architecture (id), dataset, seed and
            one per metric; ordered by architecture and seed.
        """
        rows = []
        for file in self.path.glob(f"*/seed_*/{_RESULT}"):
            result = _read_result(file)
            rows.append({name: v for name, v in result.items() if name not in _FACTS})
        columns = ["architecture", "dataset", "seed"]
        if not rows:
            return pd.DataFrame(columns=columns)
        frame = pd.DataFrame(rows).sort_values(["architecture", "seed"], ignore_index=True)
        return frame[[*columns, *frame.columns.difference(columns, sort=False)]]

    def metrics(self) -> pd.DataFrame:
        """The metrics of all trainings, also of those that have not ended.

        Returns:
            One row per training and epoch: the column training (such as "9930, seed 0"), then those
            of metrics.csv; ordered by architecture and seed. Empty if no epoch has ended.
        """
        files = [
            (int(file.parts[-3]), int(file.parts[-2].removeprefix("seed_")), file)
            for file in self.path.glob("*/seed_*/metrics.csv")
            if file.parts[-3].isdecimal() and file.parts[-2].removeprefix("seed_").isdecimal()
        ]
        frames = [
            _read_metrics(file).assign(training=f"{architecture}, seed {seed}")
            for architecture, seed, file in sorted(files)
        ]
        if not frames:
            return pd.DataFrame(columns=["training", "epoch"])
        table = pd.concat(frames, ignore_index=True)
        return table[["training", *table.columns.drop("training")]]


def _read_result(file: Path) -> dict[str, Any]:
    """The result of one training; InputError if the file is damaged."""
    try:
        result = json.loads(file.read_text(encoding="utf-8"))
        kinds = {"architecture": int, "dataset": str, "seed": int}
        if any(type(result[name]) is not kind for name, kind in kinds.items()):
            raise ValueError(f"expected {', '.join(kinds)}")
    except KeyError as error:
        raise InputError(f"cannot read {file}: {error} is missing") from None
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise InputError(f"cannot read {file}: {error}") from None
    return result


def _read_metrics(file: Path) -> pd.DataFrame:
    """The metrics of one training; InputError if the file is damaged."""
    try:
        table = pd.read_csv(file)
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read {file}: {error}") from None
    if "epoch" not in table:
        raise InputError(f"expected a column epoch in {file}")
    return table
