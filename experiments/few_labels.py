"""Predictors that learn from few accuracies against rankings that need none.

    python -m experiments.few_labels --truth NAS-RobBench-201_html.json --out runs/few_labels

For n random trained networks, a random forest and gradient boosting learn one metric, from cell
features alone and with the precomputed scores. They rank the networks that they did not see. The
training-free rankings rank the same networks. Written are curves.csv, crossings.csv (the smallest n
from which a model is better on average) and curves.png.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import ntknas
from experiments.command import clear_errors
from ntknas.evaluation import cell_features, fitted, rank, spearman
from ntknas.report import Progress, markdown, new_figure, picture_style, save_picture

__all__ = ["FewLabelsConfig", "crossings", "curves", "picture", "run"]

_RANKINGS = ("default", "kernel_only", "params")
_MEASURES = {
    "spearman": "Spearman over all",
    "top_tenth": "Spearman in the top tenth",
    "regret": "regret of the best of 5, points",
}


@dataclass(frozen=True)
class FewLabelsConfig:
    """What is learned, and from how many labels.

    Attributes:
        truth: File of published accuracies.
        out: Folder of tables and picture.
        metric: Metric to learn.
        dataset: Data set of the accuracies.
        sizes: Numbers of labels.
        models: Names of models.
        seeds: Number of random draws of labels.
    """

    truth: Path
    out: Path = Path("runs/few_labels")
    metric: str = "pgd_8"
    dataset: str = "cifar10"
    sizes: tuple[int, ...] = (16, 32, 64, 128, 256, 512, 1024)
    models: tuple[str, ...] = ("forest", "boosting")
    seeds: int = 20


def _measures(guess: np.ndarray, values: np.ndarray) -> dict[str, float]:
    """Spearman, Spearman within the best tenth, and regret of the best of the first five."""
    best = np.argsort(-values, kind="stable")[: max(2, len(values) // 10)]
    first = np.argsort(-guess, kind="stable")[:5]
    return {
        "spearman": spearman(guess, values),
        "top_tenth": spearman(guess[best], values[best]),
        "regret": 100 * float(values.max() - values[first].max()),
    }


def run(config: FewLabelsConfig) -> pd.DataFrame:
    """Every model on every draw, and the rankings on the same networks.

    Args:
        config: What is learned, and from how many labels.

    Returns:
        One row per predictor, number of labels and seed; columns predictor, n, seed and the
        measures. Rankings have the networks that the models of the draw did not see.

    Raises:
        InputError: If the truth lacks the metric, or has too few networks.
    """
    truth = ntknas.load_truth(config.truth)
    wide = truth.wide(config.dataset)
    if config.metric not in wide:
        raise ntknas.InputError(
            f"expected a metric: {', '.join(wide.columns)}; got {config.metric!r}"
        )
    table = ntknas.load_precomputed()
    scores = table.scores()
    column = wide[config.metric].dropna()
    ids = np.array([label for label in column.index if label in scores.index])
    if max(config.sizes) > len(ids) // 2:
        raise ntknas.InputError(
            f"expected at most {len(ids) // 2} labels, half of the networks, "
            f"got {max(config.sizes)}"
        )
    values = column.loc[ids].to_numpy()
    plain = cell_features([ntknas.Architecture.from_id(int(index)) for index in ids])
    kernels = np.nan_to_num(scores.loc[ids].to_numpy(float), neginf=-1e30, posinf=1e30)
    features = {"": plain, " + scores": np.hstack([plain, np.clip(kernels, -1e30, 1e30)])}
    places = {
        name: -rank(table, name).set_index("id")["rank"].loc[ids].to_numpy(float)
        for name in _RANKINGS
    }
    rows: list[dict[str, Any]] = []
    total = config.seeds * len(config.sizes)
    with Progress("draws") as progress:
        for seed in range(config.seeds):
            order = np.random.default_rng(seed).permutation(len(ids))
            for size in config.sizes:
                seen, rest = order[:size], order[size:]
                about = {"n": size, "seed": seed}
                for model in config.models:
                    for extra, columns in features.items():
                        learned = fitted(model, columns[seen], values[seen], seed=seed)
                        guess = learned.predict(columns[rest])
                        found = _measures(guess, values[rest])
                        rows.append({"predictor": f"{model}{extra}"} | about | found)
                for name, place in places.items():
                    found = _measures(place[rest], values[rest])
                    rows.append({"predictor": name} | about | found)
                progress(len({(row["n"], row["seed"]) for row in rows}), total)
    return pd.DataFrame(rows)


def curves(results: pd.DataFrame) -> pd.DataFrame:
    """Means over draws, with the range that holds 95% of the draws.

    Args:
        results: Table that `run` returned.

    Returns:
        One row per predictor and number of labels; columns predictor, n, draws, and for each
        measure its mean and, with _low and _high, the 2.5% and 97.5% quantiles over draws.
    """
    rows = []
    for (predictor, size), part in results.groupby(["predictor", "n"], sort=False):
        row: dict[str, Any] = {"predictor": predictor, "n": size, "draws": len(part)}
        for measure in _MEASURES:
            low, high = part[measure].quantile([0.025, 0.975])
            row |= {measure: part[measure].mean(), f"{measure}_low": low, f"{measure}_high": high}
        rows.append(row)
    return pd.DataFrame(rows)


def crossings(results: pd.DataFrame) -> pd.DataFrame:
    """From how many labels on each model is better on average than the default ranking.

    Args:
        results: Table that `run` returned.

    Returns:
        One row per model and measure; columns predictor, measure and n, the smallest number of
        labels from which on the mean is better at every larger one (missing if it never is).
    """
    means = curves(results).set_index(["predictor", "n"])
    rows = []
    for predictor in results["predictor"].unique():
        if predictor in _RANKINGS:
            continue
        for measure in _MEASURES:
            gain = means.loc[predictor][measure] - means.loc["default"][measure]
            better = (gain > 0) if measure != "regret" else (gain <= 0)
            lasting = better[::-1].cummin()[::-1]
            first = lasting.index[lasting].min() if lasting.any() else np.nan
            rows.append({"predictor": predictor, "measure": measure, "n": first})
    return pd.DataFrame(rows)


_STYLES = {
    "forest": ("#0072B2", "o-"),
    "forest + scores": ("#56B4E9", "s-"),
    "boosting": ("#D55E00", "^-"),
    "boosting + scores": ("#E69F00", "v-"),
    "default": ("#000000", "--"),
    "kernel_only": ("#CC79A7", "-."),
    "params": ("#009E73", ":"),
}


@picture_style()
def picture(table: pd.DataFrame, path: Path, *, title: str) -> None:
    """Draw every measure against the number of labels.

    Args:
        table: Table that `curves` returned.
        path: Path of the picture.
        title: Text above the panels.
    """
    figure = new_figure(3.1)
    panels = figure.subplots(1, len(_MEASURES))
    for axes, (measure, label) in zip(panels, _MEASURES.items(), strict=True):
        for predictor, part in table.groupby("predictor", sort=False):
            colour, form = _STYLES[str(predictor)]
            axes.plot(part["n"], part[measure], form, color=colour, markersize=3, label=predictor)
            if predictor not in _RANKINGS:
                low, high = part[f"{measure}_low"], part[f"{measure}_high"]
                axes.fill_between(part["n"], low, high, color=colour, alpha=0.1, linewidth=0)
        axes.set(xscale="log", xlabel="number of trained networks", title=label)
        axes.set_xticks(table["n"].unique(), [str(n) for n in table["n"].unique()], fontsize=7)
        axes.minorticks_off()
    panels[2].set_ylim(bottom=-0.05)  # so that a regret of 0 is seen
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=5)
    figure.suptitle(title)
    save_picture(figure, path)


def main() -> None:
    """Parse the flags, learn, write tables and picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--truth", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=FewLabelsConfig.out)
    parser.add_argument("--metric", default=FewLabelsConfig.metric)
    parser.add_argument("--dataset", default=FewLabelsConfig.dataset)
    parser.add_argument("--seeds", type=int, default=FewLabelsConfig.seeds)
    config = FewLabelsConfig(**vars(parser.parse_args()))
    with clear_errors(parser.prog):
        _write(run(config), config)


def _write(results: pd.DataFrame, config: FewLabelsConfig) -> None:
    """Write the tables and the picture."""
    config.out.mkdir(parents=True, exist_ok=True)
    table, lasting = curves(results), crossings(results)
    results.to_csv(config.out / "draws.csv", index=False)
    table.to_csv(config.out / "curves.csv", index=False)
    lasting.to_csv(config.out / "crossings.csv", index=False)
    title = f"{config.truth.name}, {config.dataset} {config.metric}: means of {config.seeds} draws"
    picture(table, config.out / "curves.png", title=f"{title}; bands: 95% of the draws")
    print(markdown(table.round(3)))
    print(markdown(lasting))


if __name__ == "__main__":
    main()
