"""Sections "Spectra" and "Kernels over beta and rho"."""

import math
from html import escape

import pandas as pd

from ntknas.report.page.charts import heat_chart, line_chart
from ntknas.report.page.html import Raw, figure
from ntknas.report.page.material import Scored
from ntknas.report.page.ranking import drawn
from ntknas.report.page.section import Charts, Section
from ntknas.scores import format_fraction

__all__ = ["beta_section", "spectra_section"]

_MIXTURES = {
    "mixed_clean": "mixed_clean (clean at beta 0, robust at 1)",
    "mixed_robust": "mixed_robust (robust at beta 0, twice attacked at 1)",
}
_LOG_RATIO = 30


def kernel_title(kernel: str, rho: float) -> str:
    """The name of a kernel for readers, with its radius if it has one.

    Example:
        >>> kernel_title("robust", 8 / 255), kernel_title("clean", math.nan)
        ('robust kernel, rho 8/255', 'clean kernel')
    """
    return f"{kernel} kernel" + ("" if math.isnan(rho) else f", rho {format_fraction(rho)}")


def spectra_section(scored: Scored, charts: Charts) -> Section | None:
    """Eigenvalues of the kernels of some architectures, one picture per kernel.

    Args:
        scored: Scores and where they come from.
        charts: The pictures of the page.
    """
    frame = scored.spectra
    if frame is None or scored.run is None:
        return None
    figures = []
    for (kernel, rho), part in frame.groupby(["kernel", "rho"], dropna=False, sort=False):
        title = kernel_title(str(kernel), float(str(rho)))
        zeros = int((part["eigenvalue"] <= 0).sum())
        caption = f"{title}; seed 0, N = {scored.run.spec.batch_size} images"
        caption += f"; {zeros} eigenvalues within rounding of 0 are not drawn" if zeros else ""
        spec = line_chart(
            part,
            x=("number", "number of the eigenvalue"),
            y=("eigenvalue", "eigenvalue"),
            colour=("architecture", "architecture"),
            about=f"Eigenvalues of the {title}",
            log=True,
        )
        numbers = part.pivot(index="number", columns="architecture", values="eigenvalue")
        figures.append(figure(charts.add(spec), caption=caption, numbers=numbers.reset_index()))
    ranks = scored.ranking.set_index("id")["rank"]
    cells = "".join(
        f"<li>architecture {escape(str(label))}, rank {ranks[label]}: "
        f"{drawn(scored.table.strings[label])}</li>"
        for label in scored.chosen
    )
    return Section("Spectra", Raw(f'<ul class="cells">{cells}</ul>{charts.side_by_side(figures)}'))


def beta_section(scored: Scored, charts: Charts) -> Section | None:
    """Curves of scores of mixed kernels against beta, and correlations over beta and rho.

    Args:
        scored: Scores and where they come from.
        charts: The pictures of the page.
    """
    if scored.curves is None:
        return None
    html = _curves(scored, charts)
    if scored.grid is not None:
        html += _correlations(scored, charts)
    return Section("Kernels over beta and rho", Raw(html))


def _curves(scored: Scored, charts: Charts) -> str:
    """Medians and quartiles of scores, one picture per score and kernel."""
    frame = _with_radii(scored.curves)
    figures = []
    for (score, kernel), part in frame.groupby(["score", "kernel"], sort=False):
        title = f"{score} of {_MIXTURES[str(kernel)]}"
        positive = part[part["value"] > 0]["value"]
        spans = len(positive) and positive.max() > _LOG_RATIO * positive.min()
        log = bool(spans and (part["value_low"] > 0).all())
        spec = line_chart(
            part,
            x=("beta", "beta, weight of the robust loss"),
            y=("value", f"{score}, median"),
            colour=("radius", "rho"),
            about=title,
            log=log,
            band=("value_low", "value_high"),
            tooltip=("n",),
        )
        caption = f"{title}: median over {part['n'].max():,} architectures; bands: quartiles"
        numbers = part[["rho", "beta", "n", "value", "value_low", "value_high"]]
        figures.append(figure(charts.add(spec), caption=caption, numbers=numbers))
    return charts.side_by_side(figures)


def _correlations(scored: Scored, charts: Charts) -> str:
    """Spearman's correlations: curves for one radius, heat maps for several."""
    frame = _with_radii(scored.grid)
    radii = list(dict.fromkeys(frame["radius"]))
    figures = []
    for (score, kernel), part in frame.groupby(["score", "kernel"], sort=False):
        title = f"{score} of {_MIXTURES[str(kernel)]} against {scored.main_metric}"
        caption = f"{title}: Spearman's correlation, n = {part['n'].max():,}"
        if len(radii) > 1:
            spec = heat_chart(
                part,
                x=("beta", "beta"),
                y=("radius", "rho"),
                value=("spearman", "Spearman"),
                order=radii,
                about=title,
            )
        else:
            spec = line_chart(
                part,
                x=("beta", "beta, weight of the robust loss"),
                y=("spearman", "Spearman"),
                colour=("radius", "rho"),
                about=title,
            )
        numbers = part[["rho", "beta", "n", "spearman"]]
        figures.append(figure(charts.add(spec), caption=caption, numbers=numbers))
    return charts.side_by_side(figures)


def _with_radii(frame: pd.DataFrame | None) -> pd.DataFrame:
    """The table with the radii as text, in ascending order."""
    if frame is None:
        return pd.DataFrame()
    frame = frame.sort_values("rho", kind="stable")
    return frame.assign(radius=frame["rho"].map(format_fraction))
