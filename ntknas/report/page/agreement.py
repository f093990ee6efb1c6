"""Section "Correlations": how well scores agree with published accuracies, with intervals."""

from html import escape

from ntknas.report.page.html import Number, Raw, html_table
from ntknas.report.page.material import Scored
from ntknas.report.page.section import Charts, Section
from ntknas.report.tables import with_interval

__all__ = ["correlations_section"]


def correlations_section(scored: Scored, charts: Charts) -> Section | None:
    """A table of Spearman's correlations, one row per score and one column per metric.

    Args:
        scored: Scores and where they come from.
        charts: The pictures of the page.
    """
    table = scored.correlations
    if table is None:
        return None
    table = table[table["subset"] == "all"]
    wide = table.assign(shown=with_interval(table, "spearman"))
    wide = wide.pivot(index="score", columns="metric", values="shown")[list(scored.metrics)]
    means = table.groupby("score")["spearman"].mean().sort_values(ascending=False)
    rows = [
        [name, *(Number(f'<span class="whole">{text}</span>') for text in wide.loc[name])]
        for name in means.index
    ]
    low, high = table["n"].min(), table["n"].max()
    count = f"{high:,}" if low == high else f"{low:,} to {high:,}"
    caption = f"Spearman's correlation with accuracies of {scored.dataset}; n = {count}"
    text = (
        f"<p>{escape(caption)}. Scores are multiplied by their direction, so that a positive "
        "correlation always means that the score ranks good networks first. Square brackets are "
        "95% bootstrap intervals over architectures.</p>"
    )
    headers = ["score", *scored.metrics]
    return Section(
        "Correlations", Raw(text + html_table(headers, rows, caption=caption, hidden_caption=True))
    )
