"""Section "Ranking": the best architectures, drawn, with their ranks in every draw."""

from html import escape
from typing import Any

from ntknas.errors import InputError
from ntknas.report.page.html import Number, Raw, html_table
from ntknas.report.page.material import Scored
from ntknas.report.page.section import Charts, Section
from ntknas.spaces import Architecture
from ntknas.spaces.nasbench201 import cell_svg

__all__ = ["ranking_section"]


def ranking_section(scored: Scored, charts: Charts) -> Section | None:
    """A table of the best architectures.

    Args:
        scored: Scores and where they come from.
        charts: The pictures of the page.
    """
    ranking = scored.ranking.head(scored.options.top)
    several = scored.ranks is not None
    headers = ["rank", *(["ranks of the draws"] if several else []), "id", "cell", "score"]
    sizes = [name for name in ("params", "flops") if name in scored.table.frame]
    headers += [*scored.metrics, *sizes]
    rows: list[list[Any]] = []
    for entry in ranking.to_dict("records"):
        row: list[Any] = [entry["rank"]]
        if several:
            row.append(f"{entry['rank_low']:.0f} to {entry['rank_high']:.0f}")
        row += [entry["id"], drawn(entry["architecture"]), float(entry["score"])]
        row += [float(scored.accuracies[metric][entry["id"]]) for metric in scored.metrics]
        rows.append(
            row + [Number(f"{scored.table.frame[name][entry['id']]:,.0f}") for name in sizes]
        )
    caption = f"{len(ranking)} best of {len(scored.ranking):,} by {scored.score_label}"
    text = f"<p>{escape(caption)}: {escape(_direction(scored))}. {escape(_about_draws(scored))}</p>"
    if scored.score_label == "default":
        text += f"<p>The default is <code>{escape(str(scored.score))}</code>.</p>"
    if len(scored.operations.columns):
        text += "<p>Dashed edges are dead: no path over them joins input and output.</p>"
    table = html_table(headers, rows, caption=caption, hidden_caption=True)
    return Section("Ranking", Raw(text + table))


def drawn(architecture: str) -> Raw:
    """An architecture as HTML: a cell of NAS-Bench-201 as a drawing, another as text.

    Args:
        architecture: Text of the architecture.
    """
    try:
        cell = Architecture.from_string(architecture)
    except InputError:
        return Raw(f"<code>{escape(architecture)}</code>")
    return Raw(cell_svg(cell, width=200))


def _direction(scored: Scored) -> str:
    """What the score means."""
    if scored.score.single is None:
        return "the sum of ranks as shares of their number; lower is better"
    return f"{'higher' if scored.score.direction > 0 else 'lower'} is better"


def _about_draws(scored: Scored) -> str:
    """What the intervals of ranks are, or why there are none."""
    if scored.ranks is None:
        if scored.run is None:
            return "Ranks have no intervals, because draws are not stored."
        return "Ranks have no intervals, because there is one draw (ntknas score --seeds)."
    return (
        f"The score is the mean over {scored.draws} draws of weights and images, and beside the "
        "rank stand the lowest and the highest rank of a draw alone. The rankings of two draws "
        f"agree with a mean Spearman correlation of {scored.agreement:.3f}."
    )
