"""How far an evaluation is, and the file that keeps it, so that a killed one can go on.

The file is replaced as a whole after every run of an attack over the images that stand.
"""

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ntknas.errors import InputError

__all__ = ["AttackState", "StateFile"]

_ROUNDING = 1e-2  # of logits, between machines
_ARRAYS = ("broken_by", "images")


@dataclass
class AttackState:
    """How far one attack is.

    Attributes:
        broken_by: For each image the number of the component that broke it, or -1; int64 [n].
        images: Attacked images, float32 [n, h, w, c].
        component: Number of the component that is to run next.
        stage: Number of its run that is next.
    """

    broken_by: np.ndarray
    images: np.ndarray
    component: int = 0
    stage: int = 0

    @classmethod
    def start(cls, images: np.ndarray) -> "AttackState":
        """The state before the first run.

        Args:
            images: Images that are not attacked yet, float32 [n, h, w, c].
        """
        return cls(np.full(len(images), -1), images.copy())


class StateFile:
    """The file of one evaluation.

    Args:
        path: Path of the file.
        settings: Settings that the result depends on, as JSON has them.
        logits: Logits of the images without an attack, float32 [n, k]. They tell whether a file
            belongs to the same images and weights.
    """

    def __init__(
        self, path: str | os.PathLike[str], settings: Mapping[str, Any], logits: np.ndarray
    ):
        self._path = Path(path)
        self._settings = json.loads(json.dumps(dict(settings)))
        self._logits = logits

    def read(self) -> list[AttackState]:
        """The states of the attacks that have begun; none if there is no file.

        Raises:
            InputError: If the file cannot be read, or belongs to another evaluation.
        """
        if not self._path.exists():
            return []
        try:
            with np.load(self._path, allow_pickle=False) as file:
                about = json.loads(str(file["about"]))
                settings, places, logits = about["settings"], about["places"], file["logits"]
                arrays = [[file[f"{n}/{a}"] for a in _ARRAYS] for n in range(len(places))]
                states = [
                    AttackState(*a, *map(int, p)) for a, p in zip(arrays, places, strict=True)
                ]
                names = sorted(settings.keys() | self._settings.keys())
        # A damaged archive can raise almost anything, from zlib.error to MemoryError.
        except Exception as error:
            raise InputError(f"{self._path} holds no state of an evaluation: {error}") from None
        different = [n for n in names if settings.get(n) != self._settings.get(n)]
        if different:
            raise InputError(
                f"{self._path} belongs to an evaluation with other settings (there / here): "
                + "; ".join(f"{n}: {settings.get(n)} / {self._settings.get(n)}" for n in different)
            )
        if logits.shape != self._logits.shape or not np.allclose(
            logits, self._logits, rtol=_ROUNDING, atol=_ROUNDING
        ):
            raise InputError(f"{self._path} belongs to an evaluation of other images or weights")
        return states

    def write(self, states: Sequence[AttackState]) -> None:
        """Replace the file.

        Args:
            states: States of the attacks that have begun.
        """
        places = [(state.component, state.stage) for state in states]
        about = json.dumps({"settings": self._settings, "places": places})
        arrays = {f"{n}/{a}": getattr(s, a) for n, s in enumerate(states) for a in _ARRAYS}
        handle, temporary = tempfile.mkstemp(dir=self._path.parent, prefix=".ntknas-")
        try:
            with os.fdopen(handle, "wb") as file:
                np.savez(file, about=about, logits=self._logits, **arrays)
            os.chmod(temporary, 0o644)
            os.replace(temporary, self._path)
        except BaseException:
            os.unlink(temporary)
            raise
