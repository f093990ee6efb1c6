"""Section "What was run": settings, draws, device and time."""

import json

import pandas as pd

from ntknas.report.page.html import Raw, html_table, shown
from ntknas.report.page.material import Scored
from ntknas.report.page.section import Charts, Section
from ntknas.runs import Precomputed, Run
from ntknas.scores import format_fraction

__all__ = ["settings_section"]


def settings_section(scored: Scored, charts: Charts) -> Section | None:
    """A table of the facts that a reader asks for first, and all settings folded away.

    Args:
        scored: Scores and where they come from.
        charts: The pictures of the page.
    """
    facts = [("architectures", _architectures(scored))]
    folded = ""
    if scored.source is not None:
        facts += _of_run(scored.source)
        settings = json.loads(scored.source.spec.to_json())
        others = {name: text for name, text in scored.source.meta.items() if name != "spec"}
        text = json.dumps({"settings": settings, "recorded": others}, indent=1, sort_keys=True)
        folded = (
            f"<details><summary>all settings</summary><pre tabindex='0'>{shown(text)}</pre>"
            "</details>"
        )
    if isinstance(scored.source, Run):
        facts.append(("time", _time(scored.source.seconds)))
    if scored.truth is not None:
        facts.append(
            ("accuracies", f"{scored.truth.benchmark}, {scored.dataset} ({scored.truth.path})")
        )
        facts += [("remark", remark) for remark in scored.truth.seed_notes]
    table = html_table(["what", "value"], facts, caption="What was run", hidden_caption=True)
    return Section("What was run", Raw(table + folded))


def _architectures(scored: Scored) -> str:
    count, constant = len(scored.table.frame), len(scored.table.constant)
    return f"{count:,}" + (f", {constant:,} of them constant" if constant else "")


def _of_run(source: Run | Precomputed) -> list[tuple[str, str]]:
    """The facts about a run, each with its name."""
    spec, meta = source.spec, source.meta
    facts = [
        ("search space", spec.space),
        ("images", f"{spec.dataset}, N = {spec.batch_size} per draw ({meta.get('images', '?')})"),
        ("draws", f"{spec.seeds} of weights and images (seeds 0 to {spec.seeds - 1})"),
    ]
    network = spec.network
    if network is not None:
        facts.append(
            (
                "network",
                f"{network.channels} channels, {network.cells} "
                f"cell{'s' * (network.cells > 1)} per stage, normalisation "
                f"{network.norm.value}, initialisation {network.init.value}",
            )
        )
    kernels = ", ".join(str(kernel) for kernel in spec.kernels)
    facts.append(("kernels", f"{kernels}; logits {spec.logits}, parameters {spec.parameters}"))
    if spec.rhos:
        radii = ", ".join(map(format_fraction, spec.rhos))
        facts.append(("attack", f"{spec.attack.name}, {spec.attack.steps} steps, rho {radii}"))
    if spec.betas:
        facts.append(("beta", ", ".join(f"{beta:g}" for beta in spec.betas)))
    device = f"{meta.get('device', 'unknown')}, {meta.get('dtype', 'unknown')}"
    versions = [f"{name} {meta[name]}" for name in ("ntknas", "jax") if name in meta]
    return [*facts, ("device and arithmetic", ", ".join([device, *versions]))]


def _time(seconds: "pd.Series[float]") -> str:
    total, median = float(seconds.sum()), float(seconds.median())
    return f"{total:,.1f} s summed over architectures, median {median:.3g} s per architecture"
