"""Correlation against cost: which batch, depth, width, seeds and kernels a ranking is worth.

    python -m experiments.trade_off --truth NAS-RobBench-201_html.json

Scores development architectures (`ntknas.evaluation.in_development`: rankings are chosen on them,
and so are presets) in every setting, each into a run of its own, which resumes. Writes a picture,
and a table with the default ranking and scores of the kernel alone. Cost is counted in
floating-point operations (`ntknas.engine.run_cost`), which no other work on the machine disturbs.
"""

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

import ntknas
from experiments.command import clear_errors
from ntknas.engine import run_cost
from ntknas.evaluation import default_ranking, in_development
from ntknas.kernel import Batch
from ntknas.layers import Norm
from ntknas.report import (
    COLOURS,
    MARKERS,
    Progress,
    markdown,
    new_figure,
    picture_style,
    save_picture,
    with_interval,
    write_labels,
)

__all__ = ["SETTINGS", "TradeOffConfig", "picture", "run"]


@dataclass(frozen=True)
class TradeOffConfig:
    """What to score, against what.

    Attributes:
        truth: File or folder of published accuracies.
        out: Folder of the runs, the table and the picture.
        dataset: Dataset of the truth.
        metric: Metric of the truth.
        count: Number of development architectures; the first by id, an order that is random.
        settings: Names of `SETTINGS`; None means all.
        resamples: Number of resamples of the intervals.
    """

    truth: Path
    out: Path = Path("runs/trade_off")
    dataset: str = "cifar10"
    metric: str = "pgd_8"
    count: int = 500
    settings: tuple[str, ...] | None = None
    resamples: int = 1000


def _clean(
    norm: Norm, images: int, cells: int, *, channels: int = 16, seeds: int = 1
) -> ntknas.ScoringSpec:
    network = ntknas.NetworkSpec(channels=channels, cells=cells, norm=norm)
    return ntknas.ScoringSpec(
        batch_size=images, seeds=seeds, network=network, batches=(Batch.CLEAN,)
    )


SETTINGS: dict[str, ntknas.ScoringSpec] = {
    "image_n8_cells1": _clean(Norm.IMAGE, 8, 1),
    "image_n16_cells1": _clean(Norm.IMAGE, 16, 1),
    "image_n32_cells1": _clean(Norm.IMAGE, 32, 1),
    "image_n64_cells1": _clean(Norm.IMAGE, 64, 1),
    "image_n16_cells1_seeds3": _clean(Norm.IMAGE, 16, 1, seeds=3),
    "image_n16_cells1_seeds4": _clean(Norm.IMAGE, 16, 1, seeds=4),
    "image_n16_cells1_channels8": _clean(Norm.IMAGE, 16, 1, channels=8),
    "image_n16_cells1_channels32": _clean(Norm.IMAGE, 16, 1, channels=32),
    "image_n8_cells2": _clean(Norm.IMAGE, 8, 2),
    "image_n16_cells2": _clean(Norm.IMAGE, 16, 2),
    "image_n16_cells3": _clean(Norm.IMAGE, 16, 3),
    "image_n8_cells5": _clean(Norm.IMAGE, 8, 5),
    "image_n16_cells5": _clean(Norm.IMAGE, 16, 5),
    "image_n32_cells5": _clean(Norm.IMAGE, 32, 5),
    "batch_n8_cells1": _clean(Norm.BATCH, 8, 1),
    "batch_n16_cells1": _clean(Norm.BATCH, 16, 1),
    "batch_n32_cells1": _clean(Norm.BATCH, 32, 1),
    "batch_n8_cells5": _clean(Norm.BATCH, 8, 5),
    "batch_n16_cells5": _clean(Norm.BATCH, 16, 5),
    "image_n16_cells2_robust": replace(
        _clean(Norm.IMAGE, 16, 2),
        batches=(Batch.ATTACKED,),
        rhos=(8 / 255,),
        attack=ntknas.AttackSpec(steps=10),
    ),
}
"""Normalisation, images, cells per stage; clean kernels, 16 channels and one seed unless named."""


def _architectures(count: int) -> list[int]:
    return [a.id for a in ntknas.architectures("all") if in_development(a.id)][:count]


def _row(
    name: str, scored: ntknas.Run, truth: ntknas.Truth, ids: list[int], config: TradeOffConfig
) -> dict[str, object]:
    """Cost and correlations of one setting."""
    scores = scored.scores().loc[ids]
    kernel = next(c.partition("@")[2] for c in scores.columns if c.startswith("sphericity@"))
    flops = [run_cost(ntknas.Architecture.from_id(i), scored.spec).flops for i in ids]
    names = {
        "default": default_ranking(scores),
        "layer_cosine_lambda_min": f"layer_cosine_lambda_min@{kernel}",
        "cosine_lambda_min": f"cosine_lambda_min@{kernel}",
        "sphericity": f"sphericity@{kernel}",
        "params": "params",
    }
    table = ntknas.correlate(
        scores,
        truth,
        dataset=config.dataset,
        metrics=[config.metric],
        names=list(names.values()),
        top_fraction=0.1,
        resamples=config.resamples,
    )
    row: dict[str, object] = {
        "setting": name,
        "gflop": scored.spec.seeds * float(np.mean(flops)) / 1e9,
        "n": int(table["n"].max()),
    }
    for label, score in names.items():
        for subset, suffix in (("all", ""), ("top 10%", "_top")):
            held = table[(table["score"] == score) & (table["subset"] == subset)].iloc[0]
            row[label + suffix] = held["spearman"]
            row |= {f"{label}{suffix}_{end}": held[f"spearman_{end}"] for end in ("low", "high")}
    return row


def run(config: TradeOffConfig) -> pd.DataFrame:
    """Score what is missing; correlations and cost of each setting, cheapest first.

    Args:
        config: What to score, against what.

    Returns:
        Columns setting, gflop (billions of floating-point operations per architecture, all seeds),
        n; default, layer_cosine_lambda_min, cosine_lambda_min, sphericity and params: Spearman's
        correlation over all, with _top within the best tenth, each with its 95% interval (_low,
        _high).
    """
    truth = ntknas.load_truth(config.truth)
    ids = _architectures(config.count)
    rows = []
    for name in config.settings or SETTINGS:
        with Progress(name, first=f"{name}: compiling the network, once") as progress:
            scored = ntknas.score(
                ids, out=config.out / name, spec=SETTINGS[name], on_progress=progress
            )
        rows.append(_row(name, scored, truth, ids, config))
    return pd.DataFrame(rows).sort_values("gflop", ignore_index=True)


_FAMILIES = tuple(zip(("image", "batch"), COLOURS, MARKERS, strict=False))


@picture_style()
def picture(table: pd.DataFrame, path: Path, *, title: str) -> None:
    """Draw the correlation of the default ranking, and of a score of the kernel, against cost.

    Args:
        table: Table as `run` returns it.
        path: Name of the picture.
        title: Text above the panels.
    """
    figure = new_figure(3.9)
    panels = figure.subplots(1, 2, sharex=True, squeeze=False)[0]
    for axes, suffix, what in zip(panels, ("", "_top"), ("all", "the best tenth"), strict=True):
        for family, colour, marker in _FAMILIES:
            part = table[table["setting"].str.startswith(family)]
            value = part[f"default{suffix}"]
            ends = [value - part[f"default{suffix}_low"], part[f"default{suffix}_high"] - value]
            label = f"default, {family} statistics"
            style = {"fmt": marker, "color": colour, "elinewidth": 0.6, "label": label}
            axes.errorbar(part["gflop"], value, yerr=ends, **style)
            axes.plot(
                part["gflop"],
                part[f"layer_cosine_lambda_min{suffix}"],
                marker,
                color=colour,
                markerfacecolor="white",
                label=f"layer_cosine_lambda_min, {family} statistics",
            )
        size = table[f"params{suffix}"].mean()
        axes.axhline(size, color="grey", linestyle=":", label="number of parameters")
        axes.set(
            xscale="log", xlabel="compute (GFLOP per architecture)", title=f"Spearman over {what}"
        )
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2)
    figure.suptitle(f"{title}; bars: 95% intervals; numbers: rows of the table")
    numbers = [str(number) for number in range(1, len(table) + 1)]
    colours = [_colour(str(setting)) for setting in table["setting"]]
    for axes, suffix in zip(panels, ("", "_top"), strict=True):
        intervals = zip(
            table["gflop"],
            table[f"default{suffix}_low"],
            table[f"default{suffix}_high"],
            strict=True,
        )
        others = zip(table["gflop"], table[f"layer_cosine_lambda_min{suffix}"], strict=True)
        bars = [(x, low, x, high) for x, low, high in intervals] + [(x, y, x, y) for x, y in others]
        write_labels(
            axes,
            table["gflop"],
            table[f"default{suffix}"],
            numbers,
            colours,
            keep_free=bars,
        )
    save_picture(figure, path)


def _colour(setting: str) -> str:
    """The colour of the family that a setting belongs to."""
    return next(colour for family, colour, _ in _FAMILIES if setting.startswith(family))


def _page(table: pd.DataFrame) -> str:
    columns = {
        "": [str(number) for number in range(1, len(table) + 1)],
        "setting": table["setting"],
        "GFLOP": table["gflop"].map("{:.2f}".format),
        "default": with_interval(table, "default"),
        "its top tenth": with_interval(table, "default_top"),
    }
    for name in ("layer_cosine_lambda_min", "layer_cosine_lambda_min_top"):
        columns[name.replace("_top", ", top tenth")] = with_interval(table, name)
    for name in ("cosine_lambda_min", "sphericity"):
        columns[name] = table[name].map("{:.3f}".format)
    return markdown(pd.DataFrame(columns))


def main() -> None:
    """Parse the flags, run, write table and picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--truth", type=Path, required=True, help="published accuracies")
    parser.add_argument("--out", type=Path, default=TradeOffConfig.out)
    parser.add_argument("--count", type=int, default=TradeOffConfig.count)
    parser.add_argument(
        "--settings", nargs="+", choices=list(SETTINGS), metavar="NAME", help="default: all"
    )
    args = vars(parser.parse_args())
    settings = None if args["settings"] is None else tuple(args["settings"])
    config = TradeOffConfig(**args | {"settings": settings})
    with clear_errors(parser.prog):
        table = run(config)
        text = _page(table)
        print(text)
        (config.out / "table.md").write_text(text + "\n")
        table.to_csv(config.out / "table.csv", index=False)
        title = f"{config.count} development architectures, {config.dataset} {config.metric}"
        picture(table, config.out / "trade_off.png", title=title)


if __name__ == "__main__":
    main()
