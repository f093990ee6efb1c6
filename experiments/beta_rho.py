r"""Which beta and rho a metric prefers: mixed kernels against accuracies over a grid of both.

    ntknas score --archs random:300 --preset published --norm image --cells 1 --batch-size 16 \
        --steps 10 --rho 0,1/255,2/255,4/255,8/255,12/255,16/255 --out runs/beta_rho
    python -m experiments.beta_rho runs/beta_rho --truth NAS-RobBench-201_html.json

Every kernel at every beta is a closed form of the run's Gram matrices. For each score, family of
mixed kernels and metric: Spearman's correlation at each (beta, rho), the pair with the highest one,
how often resamples of the architectures prefer each (so, an interval of the preference), and how
much the preferred pair gains over the clean kernel: on each resample the pair is chosen anew, and
its gain is that on the architectures that the resample left out.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from scipy.stats import rankdata

import ntknas
from experiments.command import clear_errors
from experiments.markdown import markdown
from experiments.ranking import rank_correlation, turned
from ntknas.errors import InputError
from ntknas.report import with_interval
from ntknas.scores import KERNEL_SCORES, SCORES, ScoreName, format_fraction

__all__ = ["BetaRhoConfig", "heat_maps", "run"]


@dataclass(frozen=True)
class BetaRhoConfig:
    """What to read and to compare.

    Attributes:
      folder: of a run with clean, robust and twice kernels at several radii.
      truth: published accuracies.
      dataset: of the truth; None: the run's.
      metrics: of the truth.
      scores: of the kernels.
      betas: grid.
      resamples: of the architectures.
      seed: of the resamples.
    """

    folder: Path
    truth: Path
    dataset: str | None = None
    metrics: tuple[str, ...] = ("clean", "pgd_3", "pgd_8", "autoattack")
    scores: tuple[str, ...] = ("cosine_lambda_min", "cond", "lambda_min", "sphericity")
    betas: tuple[float, ...] = tuple(k / 10 for k in range(11))
    resamples: int = 1000
    seed: int = 0


def run(config: BetaRhoConfig) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The grid of correlations, and what each metric prefers.

    Returns:
      Grid: one row a score, kernel, rho, beta and metric, with spearman and share (of resamples
      in which this pair was the best of its family). Preferences: one row a score, kernel and
      metric: beta and rho preferred, the ends of the central 95% of preferences over resamples
      (beta_low, ...), spearman there, that of the clean kernel, and the median gain over it of the
      pairs that resamples prefer on what they left out, with the ends of its central 95%.

    Raises:
      InputError: if the run has no mixed kernels, or the truth lacks a metric.
    """
    scored = ntknas.Run(config.folder)
    truth = ntknas.load_truth(config.truth)
    wide = truth.wide(config.dataset or scored.spec.dataset)
    missing = [metric for metric in config.metrics if metric not in wide]
    if missing:
        raise InputError(f"expected metrics of {', '.join(map(str, wide))}, got {missing[0]!r}")
    unknown = [score for score in config.scores if score not in KERNEL_SCORES]
    if unknown:
        raise InputError(f"expected scores of {', '.join(KERNEL_SCORES)}, got {unknown[0]!r}")
    members = [i for i in scored.ids if i in truth.representative_of]
    accuracy = wide.loc[[truth.representative_of[i] for i in members], list(config.metrics)]
    values = accuracy.round(6).to_numpy().T
    mixed = turned(scored.scores(scored.sweep(config.betas)).loc[members])
    clean = turned(scored.scores().loc[members])
    draws = np.random.default_rng(config.seed).integers(
        len(members), size=(config.resamples, len(members))
    )
    grid: list[dict[str, object]] = []
    preferences: list[dict[str, object]] = []
    names = {column: ScoreName.parse(str(column)) for column in mixed.columns}
    for score in config.scores:
        for kernel in ("mixed_clean", "mixed_robust"):
            columns = [c for c, n in names.items() if (n.score, str(n.kernel)) == (score, kernel)]
            if not columns:
                continue
            found = _compare(
                mixed[columns].to_numpy().T, clean[f"{score}@clean"].to_numpy(), values, draws
            )
            pairs = [(names[c].beta, names[c].rho) for c in columns]
            for metric, (spearman, best, gain) in zip(config.metrics, found, strict=True):
                where = {"score": score, "kernel": kernel, "metric": metric}
                share = np.bincount(best, minlength=len(pairs)) / max(len(best), 1)
                grid += [
                    where | {"beta": beta, "rho": rho, "spearman": s, "share": p}
                    for (beta, rho), s, p in zip(pairs, spearman[1:], share, strict=True)
                ]
                preferences.append(where | _preference(pairs, spearman, best, gain))
    return pd.DataFrame(grid), pd.DataFrame(preferences)


def _compare(
    scores: np.ndarray, clean: np.ndarray, values: np.ndarray, draws: np.ndarray
) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """For each metric: correlations (the clean kernel's first); of resamples best pair and gain."""
    every = np.vstack([clean, scores])
    whole = rankdata(every, axis=1)
    correlations = [rank_correlation(whole, rankdata(v)) for v in values]
    best: list[list[int]] = [[] for _ in values]
    gain: list[list[float]] = [[] for _ in values]
    for draw in draws:
        left_out = np.setdiff1d(np.arange(len(clean)), draw)
        ranks, other_ranks = (rankdata(every[:, part], axis=1) for part in (draw, left_out))
        for k, v in enumerate(values):
            pair = int(rank_correlation(ranks, rankdata(v[draw]))[1:].argmax())
            there = rank_correlation(other_ranks[[0, 1 + pair]], rankdata(v[left_out]))
            best[k].append(pair)
            gain[k].append(float(there[1] - there[0]))
    return [
        (c, np.array(b, int), np.array(g)) for c, b, g in zip(correlations, best, gain, strict=True)
    ]


def _preference(
    pairs: Sequence[tuple[float | None, float | None]],
    spearman: np.ndarray,
    best: np.ndarray,
    gain: np.ndarray,
) -> dict[str, object]:
    chosen = int(spearman[1:].argmax())
    row: dict[str, object] = {"beta": pairs[chosen][0], "rho": pairs[chosen][1]}
    for position, name in enumerate(("beta", "rho")):
        preferred = np.array([pairs[b][position] for b in best], float)
        low, high = np.quantile(preferred, [0.025, 0.975]) if len(best) else (np.nan, np.nan)
        row |= {f"{name}_low": low, f"{name}_high": high}
    quantiles = np.quantile(gain, [0.5, 0.025, 0.975]) if len(gain) else np.full(3, np.nan)
    return row | {
        "spearman": spearman[1 + chosen],
        "clean": spearman[0],
        **dict(zip(("gain", "gain_low", "gain_high"), quantiles, strict=True)),
    }


def heat_maps(grid: pd.DataFrame, path: Path, *, score: str, title: str = "") -> None:
    """Draw the correlations of one score: a row a family of kernels, a column a metric.

    Args:
      grid: as `run` returns it first.
      path: of the picture.
      score: of the grid.
      title: above the panels.
    """
    part = grid[grid["score"] == score]
    metrics, kernels = list(part["metric"].unique()), list(part["kernel"].unique())
    figure = Figure(
        figsize=(3.1 * len(metrics) + 0.8, 2.7 * len(kernels) + 0.5), layout="constrained"
    )
    FigureCanvasAgg(figure)
    panels = figure.subplots(len(kernels), len(metrics), squeeze=False)
    for axes_of, metric in zip(panels.T, metrics, strict=True):
        column = part[part["metric"] == metric]
        ends = column["spearman"].min(), column["spearman"].max()
        image = None
        for axes, kernel in zip(axes_of, kernels, strict=True):
            wide = column[column["kernel"] == kernel].pivot(
                index="rho", columns="beta", values="spearman"
            )
            image = axes.imshow(
                wide, origin="lower", aspect="auto", cmap="cividis", vmin=ends[0], vmax=ends[1]
            )
            best = np.unravel_index(int(wide.to_numpy().argmax()), wide.shape)
            axes.plot(best[1], best[0], "k*", markersize=9, markeredgecolor="white")
            ticks = range(0, wide.shape[1], 2)
            axes.set_xticks(ticks, [f"{wide.columns[k]:g}" for k in ticks], fontsize=7)
            labels = [format_fraction(float(rho)) for rho in wide.index]
            axes.set_yticks(range(len(wide)), labels, fontsize=7)
            axes.set_title(f"{kernel}, {metric}", fontsize=9)
        axes_of[-1].set_xlabel("beta")
        if image is not None:
            figure.colorbar(image, ax=list(axes_of), location="bottom", shrink=0.9)
    for axes in panels[:, 0]:
        axes.set_ylabel("rho")
    figure.suptitle(title or score, fontsize=10)
    figure.savefig(path, dpi=150)


def _page(preferences: pd.DataFrame) -> str:
    columns = {name: preferences[name] for name in ("score", "kernel", "metric")}
    columns |= {
        "beta": with_interval(preferences, "beta", "{:g}".format),
        "rho": with_interval(preferences, "rho", lambda rho: f"{255 * rho:.3g}/255"),
        "Spearman": preferences["spearman"].map("{:.3f}".format),
        "clean kernel": preferences["clean"].map("{:.3f}".format),
        "gain": with_interval(preferences, "gain", "{:+.3f}".format),
    }
    return markdown(pd.DataFrame(columns))


def main() -> None:
    """Parse the flags, run, print and write table and pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="of a run at several radii")
    parser.add_argument("--truth", type=Path, required=True, help="published accuracies")
    parser.add_argument("--dataset", help="of the truth; default: the run's")
    for name in ("metrics", "scores"):
        parser.add_argument(f"--{name}", nargs="+", default=getattr(BetaRhoConfig, name))
    parser.add_argument("--resamples", type=int, default=BetaRhoConfig.resamples)
    parser.add_argument("--out", type=Path, default=Path("runs/beta_rho_tables"))
    args = vars(parser.parse_args())
    out = args.pop("out")
    config = BetaRhoConfig(
        **args | {"metrics": tuple(args["metrics"]), "scores": tuple(args["scores"])}
    )
    with clear_errors(parser.prog):
        grid, preferences = run(config)
        out.mkdir(parents=True, exist_ok=True)
        text = _page(preferences)
        print(text)
        (out / "table.md").write_text(text + "\n")
        grid.to_csv(out / "grid.csv", index=False)
        scored = ntknas.Run(config.folder)
        for score in config.scores:
            better = "higher" if SCORES[score].direction > 0 else "lower"
            title = f"Spearman of {score} ({better} is better), {len(scored.ids)} architectures"
            heat_maps(grid, out / f"{score}.png", score=score, title=title)


if __name__ == "__main__":
    main()
