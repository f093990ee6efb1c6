"""`write_figures`: the pictures of a report for print, as SVG and PDF."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from ntknas.errors import InputError
from ntknas.evaluation import scatter_frame
from ntknas.report.curves import beta_curves
from ntknas.report.heat import heat_maps
from ntknas.report.intervals import interval_picture
from ntknas.report.page.material import Material, Scored, Searched
from ntknas.report.scatter import score_scatter
from ntknas.report.search_curve import search_curve
from ntknas.report.spectrum import spectrum_panels
from ntknas.report.style import COLUMN, PAGE
from ntknas.report.training_curves import training_curves
from ntknas.training import TrainingFolder
from ntknas.truth import metric_label

__all__ = ["write_figures"]

_KINDS = ("svg", "pdf")
_WIDTHS = {"page": PAGE, "column": COLUMN}
_MOST_PANELS, _MOST_SCORES = 6, 20


class _Figures:
    """Writes pictures into a folder and keeps the list of their files."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.written: list[Path] = []

    def write(
        self, name: str, draw: Callable[..., Figure], *, columns: bool, **options: Any
    ) -> None:
        """Draw a picture 7 inches wide, and also 3.5 inches wide if it has one panel."""
        for kind in _KINDS:
            if not columns:
                self.written.append(self.folder / f"{name}.{kind}")
                draw(path=self.written[-1], **options)
                continue
            for suffix, width in _WIDTHS.items():
                self.written.append(self.folder / f"{name}_{suffix}.{kind}")
                draw(path=self.written[-1], width=width, **options)


def write_figures(material: Material, folder: str | os.PathLike[str]) -> list[Path]:
    """Write every picture that the material has: 7 inches wide, with one panel also 3.5.

    Args:
        material: What the report shows.
        folder: Folder of the pictures; it is made if necessary.

    Returns:
        The files that were written.

    Raises:
        InputError: If the folder cannot be made.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make the folder {folder}: {error.strerror}") from None
    figures = _Figures(folder)
    several = len(material.scored) + len(material.searched) + len(material.trained) > 1
    for number, scored in enumerate(material.scored, 1):
        _of_scores(scored, figures, f"run{number}_" if several else "")
    for number, searched in enumerate(material.searched, 1):
        _of_search(searched, figures, f"search{number}_" if several else "")
    for number, trained in enumerate(material.trained, 1):
        _of_trainings(trained, figures, f"trainings{number}_" if several else "")
    return figures.written


def _of_scores(scored: Scored, figures: _Figures, prefix: str) -> None:
    """Ranks, correlations, scores against accuracies, spectra, curves and heat maps."""
    count = f"{len(scored.table.frame):,} architectures"
    if scored.ranks is not None:
        best = scored.ranking.head(scored.options.top)
        frame = best.assign(name=best["id"], series="rank", rank=best["rank"].astype(float))
        label = f"rank among {count}, and range over {scored.draws} draws"
        figures.write(
            f"{prefix}ranks", interval_picture, columns=True, frame=frame, value="rank", label=label
        )
    if scored.correlations is not None:
        _of_accuracies(scored, figures, prefix, count)
    if scored.spectra is not None and scored.run is not None:
        title = f"seed 0, N = {scored.run.spec.batch_size} images"
        figures.write(
            f"{prefix}spectra", spectrum_panels, columns=False, frame=scored.spectra, title=title
        )
    if scored.curves is not None:
        lines = "dotted" if scored.curves["rho"].nunique() > 1 else "bands"
        figures.write(
            f"{prefix}beta",
            beta_curves,
            columns=False,
            frame=scored.curves,
            value="value",
            label="median",
            title=f"{count}; {lines}: quartiles",
        )
    if scored.grid is not None:
        for score in scored.grid["score"].unique():
            if scored.grid["rho"].nunique() > 1:
                title = f"{score}, Spearman's correlation, {count}"
                figures.write(
                    f"{prefix}heat_{score}",
                    heat_maps,
                    columns=False,
                    grid=scored.grid,
                    score=str(score),
                    title=title,
                )


def _of_accuracies(scored: Scored, figures: _Figures, prefix: str, count: str) -> None:
    """Correlations with intervals, and the best scores against the main metric."""
    table = scored.correlations
    if table is None or scored.truth is None or scored.main_metric is None:
        return
    table = table[table["subset"] == "all"]
    order = table.groupby("score")["spearman"].mean().sort_values(ascending=False).index
    frame = table.assign(name=table["score"], series=table["metric"].map(metric_label))
    shown = order[:_MOST_SCORES]
    frame = pd.concat([frame[frame["score"] == score] for score in shown])
    label = f"Spearman, n = {table['n'].max():,}"
    some = f"the best {len(shown)} of {len(order)} scores; " if len(shown) < len(order) else ""
    figures.write(
        f"{prefix}correlations",
        interval_picture,
        columns=True,
        frame=frame,
        value="spearman",
        label=label,
        title=f"{some}bars: 95% intervals",
    )
    of_metric = table[table["metric"] == scored.main_metric]
    of_metric = of_metric.sort_values("spearman", ascending=False)
    named = of_metric.assign(
        score=of_metric["score"].mask(of_metric["score"] == scored.score_label, str(scored.score))
    )
    points = scatter_frame(scored.table, scored.truth, named.head(_MOST_PANELS))
    accuracy = f"accuracy ({metric_label(scored.main_metric)})"
    title = f"{count}, {scored.truth.benchmark} {scored.dataset}"
    figures.write(
        f"{prefix}scatter",
        score_scatter,
        columns=False,
        frame=points,
        accuracy=accuracy,
        title=title,
    )
    first = points[points["score"] == points["score"].iloc[0]]
    figures.write(
        f"{prefix}scatter_best", score_scatter, columns=True, frame=first, accuracy=accuracy
    )


def _of_search(searched: Searched, figures: _Figures, prefix: str) -> None:
    """The best value against queries."""
    if searched.history["value"].notna().any():
        figures.write(
            f"{prefix}search",
            search_curve,
            columns=True,
            values=searched.history["value"].tolist(),
            label=searched.label,
        )


def _of_trainings(folder: TrainingFolder, figures: _Figures, prefix: str) -> None:
    """The curves of each training."""
    for training, metrics in folder.metrics().groupby("training", sort=False):
        name = str(training).replace(", ", "_").replace(" ", "_")
        title = f"architecture {training}"
        figures.write(
            f"{prefix}training_{name}", training_curves, columns=False, metrics=metrics, title=title
        )
