"""Scores of the whole space that come with the package, to rank and to combine at once.

`python -m experiments.precompute` makes the file again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

import pandas as pd

from ntknas.engine.run import Run
from ntknas.engine.spec import ScoringSpec

__all__ = ["PRECOMPUTED", "Precomputed", "load_precomputed", "write_precomputed"]

PRECOMPUTED = Path(str(resources.files("ntknas.engine") / "precomputed.parquet"))
"""The file in the package."""


@dataclass(frozen=True)
class Precomputed:
    """Scores of every class of the space under the preset "standard".

    Attributes:
      spec: settings that the scores were computed with.
      meta: what else a run records: versions, image source, arithmetic, device.
    """

    spec: ScoringSpec
    meta: Mapping[str, str]
    _scores: pd.DataFrame = field(repr=False)

    name = "the precomputed table"

    def scores(self) -> pd.DataFrame:
        """One row an architecture, one column a score name, as `Run.scores` has them."""
        return self._scores.copy()


def load_precomputed() -> Precomputed:
    """The table that comes with the package.

    >>> table = load_precomputed()
    >>> len(table.scores()), table.spec.network.norm.value
    (6466, 'image')
    """
    frame = pd.read_parquet(PRECOMPUTED)
    meta = {str(name): str(value) for name, value in frame.attrs.items()}
    frame.attrs = {}
    return Precomputed(ScoringSpec.from_json(meta.pop("spec")), meta, frame)


def write_precomputed(run: Run, path: Path) -> None:
    """Write a run's scores and what they depend on as a Parquet file.

    Args:
      run: finished.
      path: of the file.
    """
    frame = run.scores()
    frame.attrs.update(run.meta)
    frame.to_parquet(path, compression="zstd")
