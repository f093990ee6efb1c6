"""Precomputed scores of the whole space NAS-Bench-201, which come with the package.

`python -m experiments.precompute` makes the file.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

import pandas as pd

from ntknas.notebook import html_facts
from ntknas.runs.run import Run
from ntknas.runs.spec import ScoringSpec
from ntknas.spaces.nasbench201 import Architecture

__all__ = ["PRECOMPUTED", "Precomputed", "load_precomputed", "write_precomputed"]

PRECOMPUTED = Path(str(resources.files("ntknas.runs") / "precomputed.parquet"))
"""Path of the file in the package."""


@dataclass(frozen=True, repr=False)
class Precomputed:
    """Scores of every class of the space under the preset "standard".

    Attributes:
        spec: Settings that the scores were computed with.
        meta: Other facts that a run records: versions, image source, arithmetic and device.
    """

    spec: ScoringSpec
    meta: Mapping[str, str]
    _scores: pd.DataFrame = field(repr=False)

    name = "the precomputed table"

    def __repr__(self) -> str:
        return f"Precomputed({len(self._scores)} architectures, {self._scores.shape[1]} scores)"

    def _repr_html_(self) -> str:
        """What a notebook shows: what was scored, and what to call next."""
        facts: list[tuple[str, object]] = [
            ("architectures", f"{len(self._scores):,} of {self.space}"),
            ("images", f"{self.spec.dataset}, N = {self.spec.batch_size}"),
            ("scores", ", ".join(map(str, self._scores.columns))),
            ("next", "ntknas.rank(table), table.scores()"),
        ]
        return html_facts(self.name, facts)

    @property
    def space(self) -> str:
        """The name of the search space."""
        return self.spec.space

    @property
    def ids(self) -> list[int]:
        """The ids of the architectures, ascending."""
        return self._scores.index.tolist()

    @property
    def strings(self) -> dict[int, str]:
        """The architectures as text, by id."""
        return {index: Architecture.from_id(index).string for index in self.ids}

    def constant_ids(self) -> list[int]:
        """The ids of the architectures whose output never depends on the input."""
        return [index for index in self.ids if Architecture.from_id(index).is_constant]

    def scores(self) -> pd.DataFrame:
        """A table with one row per architecture and one column per score name, as `Run.scores`."""
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
    """Write the scores and the settings of a run as a Parquet file.

    Args:
        run: Finished run.
        path: Path of the file.
    """
    frame = run.scores()
    frame.attrs.clear()
    frame.attrs.update(run.meta)
    frame.to_parquet(path, compression="zstd")
