"""Precomputed scores of the whole space NAS-Bench-201, which come with the package.

`python -m experiments.precompute` makes the file.
"""

import itertools
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib import resources
from pathlib import Path

import pandas as pd

from ntknas.errors import InputError
from ntknas.notebook import html_facts
from ntknas.runs.run import Run
from ntknas.runs.spec import ScoringSpec, named_differences
from ntknas.scores import ScoreKind, score_names
from ntknas.spaces.nasbench201 import Architecture

__all__ = ["PRECOMPUTED", "Precomputed", "load_precomputed", "write_precomputed"]

PRECOMPUTED = Path(str(resources.files("ntknas.runs") / "precomputed.parquet"))
"""Path of the file in the package."""


_DRAW = "seed"
_NONE = pd.DataFrame()
_OF_PROXIES = ("space", "dataset", "images_sha256", "batch_size", "balance", "network")


@dataclass(frozen=True, repr=False)
class Precomputed:
    """Scores of every class of the space under the preset "standard", draw by draw.

    Attributes:
        spec: Settings that the scores were computed with.
        meta: Other facts that a run records: versions, image source, arithmetic and device.
    """

    spec: ScoringSpec
    meta: Mapping[str, str]
    _draws: pd.DataFrame = field(repr=False)

    name = "the precomputed table"

    def __repr__(self) -> str:
        return f"Precomputed({len(self.ids)} architectures, {self._draws.shape[1] - 1} scores)"

    def _repr_html_(self) -> str:
        """What a notebook shows: what was scored, and what to call next."""
        facts: list[tuple[str, object]] = [
            ("architectures", f"{len(self.ids):,} of {self.space}"),
            ("draws", self.spec.seeds),
            ("images", f"{self.spec.dataset}, N = {self.spec.batch_size}"),
            ("scores", ", ".join(n for n in map(str, self._draws) if "." not in n and n != _DRAW)),
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
        return self._draws.index.unique().tolist()

    @property
    def strings(self) -> dict[int, str]:
        """The architectures as text, by id."""
        return {index: Architecture.from_id(index).string for index in self.ids}

    def constant_ids(self) -> list[int]:
        """The ids of the architectures whose output never depends on the input."""
        return [index for index in self.ids if Architecture.from_id(index).is_constant]

    def scores(self) -> pd.DataFrame:
        """The scores averaged over draws, in the form of `Run.scores`."""
        means = self._draws.drop(columns=_DRAW).groupby(level=0).mean()
        means = means.astype({name: self._draws[name].dtype for name in means})
        means.attrs["space"] = self.space
        return means

    def scores_by_draw(self) -> list[pd.DataFrame]:
        """The scores of each draw of weights and images alone, as `Run.scores_by_draw`."""
        draws = [draw.drop(columns=_DRAW) for _, draw in self._draws.groupby(_DRAW)]
        for draw in draws:
            draw.attrs["space"] = self.space
        return draws


def load_precomputed() -> Precomputed:
    """The table that comes with the package.

    Example:
        >>> table = load_precomputed()
        >>> len(table.scores()), table.spec.network.norm.value, len(table.scores_by_draw())
        (6466, 'image', 3)
    """
    frame = pd.read_parquet(PRECOMPUTED)
    meta = {str(name): str(value) for name, value in frame.attrs.items()}
    frame.attrs = {}
    kept_short = frame.select_dtypes("float32").columns
    frame = frame.astype(dict.fromkeys(kept_short, "float64")).copy()  # in one piece
    return Precomputed(ScoringSpec.from_json(meta.pop("spec")), meta, frame)


def write_precomputed(run: Run | Precomputed, path: Path, *, proxies: Run | None = None) -> None:
    """Write the scores of each draw and the settings of a run as a Parquet file.

    Scores of kernels and proxies are kept in float32, which moves them by at most one part in ten
    million.

    Args:
        run: Finished run, or a table that was written before.
        path: Path of the file.
        proxies: Finished run of the same architectures, images and networks that holds the
            zero-cost proxies, which take the place of those of `run`. It may have fewer draws; the
            others have no proxies.

    Raises:
        InputError: If the two runs differ in architectures, images or networks.
    """
    draws = [draw.assign(**{_DRAW: i}) for i, draw in enumerate(run.scores_by_draw())]
    if proxies is not None:
        of_draws = _proxies(run, proxies)
        names = score_names(ScoreKind.PROXY)
        draws = [draw.drop(columns=[n for n in names if n in draw]) for draw in draws]
        draws = [d.join(of) for d, of in itertools.zip_longest(draws, of_draws, fillvalue=_NONE)]
    frame = pd.concat(draws).sort_index(kind="stable")
    counts = (*score_names(ScoreKind.GRAPH), *score_names(ScoreKind.SIZE), _DRAW)
    frame = frame.astype({name: "float32" for name in frame if name not in counts})
    frame.attrs.clear()
    frame.attrs.update({**run.meta, "spec": run.spec.to_json()})
    columns = [name for name in frame if name not in counts]
    frame.to_parquet(
        path,
        compression="zstd",
        compression_level=19,
        use_dictionary=[name for name in frame if name in counts],
        use_byte_stream_split=columns,
    )


def _proxies(run: Run | Precomputed, proxies: Run) -> list[pd.DataFrame]:
    """The proxies of each draw that has them."""
    ours, theirs = (asdict(one.spec) for one in (run, proxies))
    differences = named_differences(*({n: of[n] for n in _OF_PROXIES} for of in (ours, theirs)))
    if proxies.spec.seeds > run.spec.seeds:
        differences.append(f"draws: {run.spec.seeds} / {proxies.spec.seeds}")
    if run.ids != proxies.ids:
        differences.append(f"architectures: {len(run.ids)} / {len(proxies.ids)}")
    if differences:
        raise InputError(
            f"expected proxies of the same networks and images, but {run.name} and "
            f"{proxies.name} differ: {'; '.join(differences)}"
        )
    names = score_names(ScoreKind.PROXY)
    return [draw[[n for n in names if n in draw]] for draw in proxies.scores_by_draw()]
