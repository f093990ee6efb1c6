"""Scores of the whole space that come with the package, to rank and to combine at once.

`python -m experiments.precompute` makes the file again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

import pandas as pd

from ntknas.runs.run import Run
from ntknas.runs.spec import ScoringSpec
from ntknas.spaces.nasbench201 import Architecture

__all__ = ["PRECOMPUTED", "Precomputed", "load_precomputed", "write_precomputed"]

PRECOMPUTED = Path(str(resources.files("ntknas.runs") / "precomputed.parquet"))
"""The file in the package."""


@dataclass(frozen=True)
class Precomputed:
    """Scores of every class of the space under the preset "standard".

    Attributes:
        spec: Settings that the scores were computed with.
        meta: What else a run records: versions, image source, arithmetic, device.
    """

    spec: ScoringSpec
    meta: Mapping[str, str]
    _scores: pd.DataFrame = field(repr=False)

    name = "the precomputed table"

    @property
    def space(self) -> str:
        """Name of the search space."""
        return self.spec.space

    @property
    def ids(self) -> list[int]:
        """Ids of the architectures, ascending."""
        return self._scores.index.tolist()

    @property
    def strings(self) -> dict[int, str]:
        """The architectures written out, by id."""
        return {index: Architecture.from_id(index).string for index in self.ids}

    def constant_ids(self) -> list[int]:
        """Ids of the architectures whose output never depends on the input."""
        return [index for index in self.ids if Architecture.from_id(index).is_constant]

    def scores(self) -> pd.DataFrame:
        """One row per architecture, one column per score name, as `Run.scores` has them."""
        return self._scores.copy()


def load_precomputed() -> Precomputed:
    """The table that comes with the package.

    Example:
        >>> table = load_precomputed()
        >>> len(table.scores()), table.spec.network.norm.value
        (6466, 'image')
    """
    frame = pd.read_parquet(PRECOMPUTED)
    meta = {str(name): str(value) for name, value in frame.attrs.items()}
    frame.attrs = {}
    spec = ScoringSpec.from_json(meta.pop("spec"))
    frame.attrs["space"] = spec.space
    return Precomputed(spec, meta, frame)


def write_precomputed(run: Run, path: Path) -> None:
    """Write a run's scores and what they depend on as a Parquet file.

    Args:
        run: A finished run.
        path: The file.
    """
    frame = run.scores()
    frame.attrs = dict(run.meta)
    frame.to_parquet(path, compression="zstd")
