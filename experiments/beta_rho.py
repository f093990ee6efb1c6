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

import ntknas
from experiments.command import clear_errors
from ntknas.evaluation import turned
from ntknas.ranking import mid_ranks, rank_correlation
from ntknas.report import heat_maps, markdown, with_interval
from ntknas.scores import SCORES, ScoreKind, ScoreName, score_names

__all__ = ["BetaRhoConfig", "run"]


@dataclass(frozen=True)
class BetaRhoConfig:
    """What to read and to compare.

    Attributes:
        folder: Folder of a run with clean, robust and twice kernels at several radii.
        truth: File or folder of published accuracies.
        dataset: Dataset of the truth; None means the run's.
        metrics: Metrics of the truth.
        scores: Scores of the kernels.
        betas: Weights of the robust loss.
        resamples: Number of resamples of the architectures.
        seed: Seed of the resamples.
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

    Args:
        config: What to read and to compare.

    Returns:
        Grid: one row per score, kernel, rho, beta and metric, with spearman and share (of resamples
        in which this pair was the best of its family). Preferences: one row per score, kernel and
        metric: beta and rho preferred, the ends of the central 95% of preferences over resamples
        (beta_low, ...), spearman of that pair, that of the clean kernel, and the median gain over
        it of the pairs that resamples prefer on what they left out, with the ends of its central
        95%.

    Raises:
        InputError: If the run has no mixed or no clean kernels, or the truth lacks a metric.
    """
    scored = ntknas.Run(config.folder)
    truth = ntknas.load_truth(config.truth)
    wide = truth.wide(config.dataset or scored.spec.dataset)
    missing = [metric for metric in config.metrics if metric not in wide]
    if missing:
        raise ntknas.InputError(
            f"expected metrics of {', '.join(map(str, wide))}, got {missing[0]!r}"
        )
    known = score_names(ScoreKind.KERNEL)
    unknown = [score for score in config.scores if score not in known]
    if unknown:
        raise ntknas.InputError(f"expected scores of {', '.join(known)}, got {unknown[0]!r}")
    listed = [i for i in scored.ids if i in truth.representative_of]
    accuracy = wide.loc[[truth.representative_of[i] for i in listed], list(config.metrics)]
    complete = accuracy.notna().all(axis=1).to_numpy()
    members = [i for i, whole in zip(listed, complete, strict=True) if whole]
    values = accuracy[complete].round(6).to_numpy().T
    clean = turned(scored.scores().loc[members])
    if not any(str(column).endswith("@clean") for column in clean):
        raise ntknas.InputError(f"expected a run with the clean kernel, got {config.folder}")
    mixed = turned(scored.scores(scored.sweep(config.betas)).loc[members])
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
            compared = _compare(
                mixed[columns].to_numpy().T, clean[f"{score}@clean"].to_numpy(), values, draws
            )
            pairs = [(names[c].beta, names[c].rho) for c in columns]
            for metric, (spearman, best, gain) in zip(config.metrics, compared, strict=True):
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
    whole = mid_ranks(every)
    correlations = [rank_correlation(whole, mid_ranks(v)) for v in values]
    best: list[list[int]] = [[] for _ in values]
    gain: list[list[float]] = [[] for _ in values]
    for draw in draws:
        left_out = np.setdiff1d(np.arange(len(clean)), draw)
        ranks, other_ranks = (mid_ranks(every[:, part]) for part in (draw, left_out))
        for k, v in enumerate(values):
            pair = int(rank_correlation(ranks, mid_ranks(v[draw]))[1:].argmax())
            clean_and_pair = rank_correlation(other_ranks[[0, 1 + pair]], mid_ranks(v[left_out]))
            best[k].append(pair)
            gain[k].append(float(clean_and_pair[1] - clean_and_pair[0]))
    return [
        (c, np.array(b, int), np.array(g)) for c, b, g in zip(correlations, best, gain, strict=True)
    ]


def _preference(
    pairs: Sequence[tuple[float | None, float | None]],
    spearman: np.ndarray,
    best: np.ndarray,
    gain: np.ndarray,
) -> dict[str, object]:
    """What one metric prefers, and the gain over the clean kernel."""
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
    parser.add_argument("folder", type=Path, help="folder of a run at several radii")
    parser.add_argument("--truth", type=Path, required=True, help="published accuracies")
    parser.add_argument("--dataset", help="dataset of the truth; default: the run's")
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
