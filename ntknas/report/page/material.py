"""What a report shows, read from folders and computed when it is first asked for. Needs no JAX."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ntknas.errors import InputError
from ntknas.evaluation import (
    DEFAULT_METRIC,
    ScoreTable,
    correlate,
    draw_agreement,
    headline_names,
    kernel_spectra,
    load_scores,
    rank,
    ranks_by_draw,
    score_table,
    sweep_correlations,
    sweep_medians,
)
from ntknas.runs import Precomputed, Run, load_precomputed
from ntknas.scores import RankSum
from ntknas.search import read_history
from ntknas.spaces import NASBENCH201, Label
from ntknas.spaces.nasbench201 import OPERATIONS
from ntknas.training import TrainingFolder
from ntknas.truth import Truth

__all__ = ["Material", "Options", "Scored", "Searched", "gather"]

SWEPT = ("lambda_min", "cosine_lambda_min", "sphericity")
"""Scores whose curves over beta are shown."""

_OPERATIONS = {
    "nor_conv_3x3": "3x3 convolutions",
    "nor_conv_1x1": "1x1 convolutions",
    "avg_pool_3x3": "poolings",
    "skip_connect": "skips",
    "none": "edges without operation",
}
_FINE, _COARSE = 1000, 5  # architectures up to which sweeps have steps of 0.1; betas above
_MOST_VALUES, _FEWEST_POINTS = 1_000_000, 1000  # of the interactive picture


@dataclass(frozen=True)
class Options:
    """What a report shows of its material.

    Attributes:
        score: Score or sum of ranks that the ranking is by, as for `ntknas.rank`.
        dataset: Data set of the accuracies; None means that of each run.
        metrics: Metrics of the accuracies; None means all of the file.
        architectures: Architectures whose spectra are shown: labels with commas between them. None
            means the best, the median and the worst of the ranking.
        top: Number of architectures of the ranking that are listed.
        resamples: Number of resamples of each interval of a correlation (`ntknas.correlate`).
        seed: Seed of the resamples.
        on_pair: Function that is called with (number of correlations done, number of all).
    """

    score: str = "default"
    dataset: str | None = None
    metrics: tuple[str, ...] | None = None
    architectures: str | None = None
    top: int = 30
    resamples: int | None = None
    seed: int = 0
    on_pair: Callable[[int, int], None] | None = None

    def __post_init__(self) -> None:
        if self.top < 1:
            raise InputError(f"expected to list at least 1 architecture, got {self.top}")


@dataclass(frozen=True, eq=False)
class Scored:
    """Scores of architectures: a run, the precomputed table or a file of another tool.

    Attributes:
        table: Scores by architecture.
        source: The run or the precomputed table; None for a file.
        truth: Published accuracies, if there are any.
        options: What is shown.
    """

    table: ScoreTable
    source: Run | Precomputed | None = None
    truth: Truth | None = None
    options: Options = field(default_factory=Options)

    @property
    def run(self) -> Run | None:
        """The run, whose kernels are stored."""
        return self.source if isinstance(self.source, Run) else None

    @cached_property
    def score(self) -> RankSum:
        """The score or sum of ranks that the ranking is by."""
        return self.table.resolve(self.options.score)

    @cached_property
    def score_label(self) -> str:
        """The short name of that score."""
        return "default" if self.options.score == "default" else str(self.score)

    @cached_property
    def draws(self) -> int:
        """The number of draws of weights and images; 1 if it is not known."""
        return self.source.spec.seeds if self.source is not None else 1

    @cached_property
    def ranks(self) -> pd.DataFrame | None:
        """The ranks of each draw, if there are several."""
        if self.source is None or self.draws < 2:
            return None
        return ranks_by_draw(self.source, self.score)

    @cached_property
    def agreement(self) -> float:
        """The mean Spearman correlation between the rankings of two draws; NaN for one draw."""
        return float("nan") if self.ranks is None else draw_agreement(self.ranks)

    @cached_property
    def ranking(self) -> pd.DataFrame:
        """All architectures, best first.

        The columns are id, architecture, score and rank, with several draws also rank_low and
        rank_high: the lowest and the highest rank among the draws.
        """
        table = rank(self.table, self.score)
        if self.ranks is not None:
            of_draws = self.ranks.loc[table["id"]]
            table["rank_low"] = of_draws.min(axis=1).to_numpy()
            table["rank_high"] = of_draws.max(axis=1).to_numpy()
        return table

    @cached_property
    def dataset(self) -> str | None:
        """The data set of the accuracies."""
        if self.truth is None:
            return None
        return self.options.dataset or self.table.dataset or self.truth.datasets[0]

    @cached_property
    def metrics(self) -> tuple[str, ...]:
        """The metrics of the accuracies that are shown."""
        if self.truth is None or self.dataset is None:
            return ()
        known = self.truth.metrics(self.dataset)
        for metric in self.options.metrics or ():
            if metric not in known:
                raise InputError(
                    f"expected a metric of {self.dataset}: {', '.join(known)}; got {metric!r}"
                )
        return self.options.metrics or known

    @cached_property
    def main_metric(self) -> str | None:
        """The metric of pictures that show one: PGD-8, or the last one."""
        if not self.metrics:
            return None
        return DEFAULT_METRIC if DEFAULT_METRIC in self.metrics else self.metrics[-1]

    @cached_property
    def accuracies(self) -> pd.DataFrame:
        """The accuracies of the architectures, one row each and one column per metric."""
        labels = self.table.frame.index
        if self.truth is None or self.dataset is None:
            return pd.DataFrame(index=labels)
        wide = self.truth.wide(self.dataset)[list(self.metrics)]
        members = [self.truth.representative_of.get(label) for label in labels]
        return wide.reindex(members).set_index(labels)

    @cached_property
    def correlations(self) -> pd.DataFrame | None:
        """Correlations with the accuracies, with intervals (`ntknas.correlate`)."""
        if self.truth is None or self.accuracies.notna().any(axis=1).sum() < 2:
            return None
        combine = [] if self.score.single else [self.score]
        whole = set(self.score_columns)  # not those of layers alone
        names = [name for name in headline_names(self.table) if name in whole]
        if self.score.single and str(self.score) not in names:
            names = [str(self.score), *names]
        table = correlate(
            self.table,
            self.truth,
            dataset=self.dataset,
            metrics=self.metrics,
            names=names,
            combine=combine,
            resamples=self.options.resamples,
            seed=self.options.seed,
            on_pair=self.options.on_pair,
        )
        named = table["score"] == str(self.score)
        return table.assign(score=table["score"].mask(named, self.score_label))

    @cached_property
    def operations(self) -> pd.DataFrame:
        """How often each operation occurs, for cells of NAS-Bench-201; no columns for others."""
        strings = [self.table.strings[label] for label in self.table.frame.index.tolist()]
        index = self.table.frame.index
        if not all(string.startswith("|") and string.endswith("|") for string in strings):
            return pd.DataFrame(index=index)
        counts = {
            _OPERATIONS[name]: [string.count(f"{name}~") for string in strings]
            for name in reversed(OPERATIONS)
        }
        return pd.DataFrame(counts, index=index)[list(_OPERATIONS.values())]

    @cached_property
    def score_columns(self) -> list[str]:
        """Columns of scores; those of mixed kernels only where they differ from others."""
        return [
            column
            for name, column in self.table.names.items()
            if not name.part and (name.beta is None or 0 < name.beta < 1)
        ]

    @cached_property
    def points(self) -> pd.DataFrame:
        """Every score, accuracy and count, one row per architecture; a sample if it is too large.

        The rank is the first column; counts of operations follow the scores and accuracies.
        """
        ranks = self.ranking.set_index("id")["rank"].astype(float).rename("rank")
        frame = self.table.frame[self.score_columns]
        frame = pd.concat(
            [ranks.reindex(frame.index), self.accuracies, frame, self.operations], axis=1
        )
        most = max(_FEWEST_POINTS, _MOST_VALUES // max(frame.shape[1], 1))
        return frame.sample(most, random_state=0).sort_index() if len(frame) > most else frame

    @cached_property
    def chosen(self) -> list[Label]:
        """The labels of the architectures whose spectra are shown."""
        held = self.table.frame.index.tolist()
        if self.options.architectures is None:
            ranked = self.ranking["id"].tolist()
            varying = [label for label in ranked if label not in set(self.table.constant)] or ranked
            places = [0, len(varying) // 2, len(varying) - 1]
            return list(dict.fromkeys(varying[place] for place in places))
        by_text = {str(label): label for label in held}
        chosen = []
        for text in self.options.architectures.split(","):
            if text.strip() not in by_text:
                raise InputError(
                    f"expected an architecture of {self.table.name}, got {text.strip()!r}"
                )
            chosen.append(by_text[text.strip()])
        return list(dict.fromkeys(chosen))

    @cached_property
    def spectra(self) -> pd.DataFrame | None:
        """Eigenvalues of the chosen architectures (`ntknas.evaluation.kernel_spectra`)."""
        return None if self.run is None else kernel_spectra(self.run, self.chosen)

    @cached_property
    def betas(self) -> list[float]:
        """The weights of the robust loss of the curves; none if no kernel is mixed."""
        if self.run is None or not any(kernel.mixed for kernel in self.run.spec.kernels):
            return []
        count = 11 if len(self.table.frame) <= _FINE else _COARSE
        return np.linspace(0, 1, count).round(3).tolist()

    @cached_property
    def curves(self) -> pd.DataFrame | None:
        """Medians and quartiles of scores of mixed kernels against beta."""
        if self.run is None or not self.betas:
            return None
        return sweep_medians(self.run, self.betas, SWEPT)

    @cached_property
    def grid(self) -> pd.DataFrame | None:
        """Correlations of scores of mixed kernels with the main metric, by beta and rho."""
        if self.run is None or not self.betas or self.correlations is None:
            return None
        if self.truth is None or self.main_metric is None:
            return None
        return sweep_correlations(
            self.run,
            self.betas,
            self.truth,
            SWEPT,
            dataset=self.dataset,
            metric=self.main_metric,
            resamples=0,
        )


class Searched(NamedTuple):
    """The history of a search.

    Attributes:
        name: Folder of the search.
        facts: Settings of the search by name, as `ntknas search` wrote them.
        history: One row per query, with the columns query, id, architecture, value, best (so far).
    """

    name: str
    facts: dict[str, Any]
    history: pd.DataFrame

    @property
    def label(self) -> str:
        """The name of what is maximised."""
        metrics = self.facts.get("metrics") or [self.facts.get("score")]
        return str(metrics[0] or "value")


class Material(NamedTuple):
    """Everything that a report shows.

    Attributes:
        scored: Runs, files of scores and the precomputed table.
        searched: Histories of searches.
        trained: Folders of trainings.
        truth: Published accuracies, if there are any.
    """

    scored: list[Scored]
    searched: list[Searched]
    trained: list[TrainingFolder]
    truth: Truth | None


def gather(
    places: Sequence[str | Path],
    *,
    truth: Truth | None = None,
    options: Options | None = None,
    precomputed: bool = False,
) -> Material:
    """Read what a report shows. What has to be computed is computed when it is first asked for.

    Args:
        places: Folders of runs, of searches (`ntknas search --out`) and of trainings
            (`ntknas train`), and files of scores of other tools.
        truth: Published accuracies.
        options: What is shown; None means the defaults.
        precomputed: Whether the table in the package is shown too.

    Raises:
        InputError: If there is nothing to show, or a place holds none of these.
    """
    options = Options() if options is None else options
    material = Material([], [], [], truth)
    for place in map(Path, places):
        if (place / "search.json").is_file():
            material.searched.append(_searched(place))
        elif (place / "settings.json").is_file():
            material.trained.append(TrainingFolder(place))
        elif place.is_dir():
            if not (place / "run.sqlite").is_file():
                raise InputError(
                    f"expected a run, a search or trainings in {place}: there is no run.sqlite, "
                    "search.json or settings.json"
                )
            run = Run(place)
            material.scored.append(Scored(score_table(run), run, truth, options))
        elif place.suffix.lower() in (".csv", ".json"):
            table = load_scores(place, dataset=options.dataset)
            material.scored.append(Scored(table, None, truth, options))
        else:
            raise InputError(f"expected a folder, or a file of scores (.csv, .json), got {place}")
    if precomputed:
        source = load_precomputed()
        material.scored.append(Scored(score_table(source), source, truth, options))
    if not any(material[:3]):
        raise InputError("expected a run, a search or trainings to report on, got none")
    for scored in material.scored:  # what cannot be shown is said before anything is computed
        _ = scored.score, scored.metrics, scored.options.architectures and scored.chosen
    return material


def _searched(folder: Path) -> Searched:
    """The search in a folder."""
    try:
        facts = json.loads((folder / "search.json").read_text(encoding="utf-8"))
        if not isinstance(facts, dict):
            raise ValueError("search.json holds no settings")
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read the search in {folder}: {error}") from None
    history = read_history(folder / "history.csv", NASBENCH201)
    cells: list[Any] = [query.architecture for query in history]
    values = np.array([query.value for query in history], float)
    known = np.where(np.isfinite(values), values, np.nan)
    frame = pd.DataFrame(
        {
            "query": np.arange(1, len(history) + 1),
            "id": [cell.id for cell in cells],
            "architecture": [cell.string for cell in cells],
            "value": known,
            "best": np.fmax.accumulate(known),
        }
    )
    return Searched(str(folder), facts, frame)
