"""A benchmark of our own: adversarially trained networks in a recipe that two cores can bear.

    python -m experiments.mini_benchmark --data cifar10.npz --truth NAS-RobBench-201_html.json

Images are shrunk to 16 x 16 pixels, unless `--side` says otherwise. Cells are spread over the space
without a look at any accuracy: distinct cells that connect input and output are sorted by their
number of parameters and cut into equal strata, and each stratum gives one. Every third is trained
from a second seed, so that the noise of the accuracies is known. The same command resumes, and
several processes with the same command share the work. Networks that the table of an earlier run
holds (`--table`) are not trained again.

The report holds the rank correlation with NAS-RobBench-201 over the same cells, that between the
two seeds, and those of our scores with both tables. `accuracies.png` shows both tables.
"""

import argparse
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

import ntknas
from experiments.command import clear_errors
from ntknas.images import dataset_info
from ntknas.layers import Norm
from ntknas.ranking import bootstrap, correlations
from ntknas.report import ProgressByName, markdown, new_figure, picture_style, save_picture
from ntknas.scores import parse_fraction
from ntknas.training import (
    Recipe,
    TrainingFolder,
    TrainingSettings,
    benchmark_trials,
    check_truth_table,
    split_images,
    train_architectures,
    write_truth_table,
)
from ntknas.truth import metric_label

__all__ = ["MiniBenchmarkConfig", "chosen_architectures", "picture", "report", "run"]


TEST_RADII = (3 / 255, 8 / 255)
"""Radii of the attacks on test images, those of NAS-RobBench-201."""


def _recipe() -> Recipe:
    attack = ntknas.AttackSpec(steps=1, step_size=10 / 255)
    return Recipe(epochs=30, batch_size=32, attack=attack)


@dataclass(frozen=True)
class MiniBenchmarkConfig:
    """What to train, and against what to hold it.

    Attributes:
        data: File of CIFAR-10 images, with training and test images.
        truth: File or folder of published accuracies.
        out: Folder of the trainings and the report.
        table: File of the accuracies, ending in .csv; None means truth.csv in `out`.
        count: Number of cells.
        second_seed_every: Every how many cells one is trained from a second seed.
        train_images: Number of training images; 0 means all.
        test_images: Number of test images; 0 means all.
        side: Height and width that images are shrunk to, in pixels.
        channels: Channels of the first stage.
        cells: Cells per stage.
        recipe: How networks are trained.
        resamples: Number of resamples of the intervals.
    """

    data: Path
    truth: Path
    out: Path = Path("runs/mini_benchmark")
    table: Path | None = None
    count: int = 48
    second_seed_every: int = 3
    train_images: int = 0
    test_images: int = 0
    side: int = 16
    channels: int = 8
    cells: int = 3
    recipe: Recipe = field(default_factory=_recipe)
    resamples: int = 1000


def chosen_architectures(count: int) -> list[ntknas.Architecture]:
    """Cells spread over the space by size, in an order in which every prefix is spread, too.

    Args:
        count: Number of cells.
    """
    distinct = [a for a in ntknas.architectures("all") if not a.is_constant]
    sizes = ntknas.load_precomputed().scores()["params"]
    by_size = sorted(distinct, key=lambda a: (sizes[a.id], a.id))
    rng = np.random.default_rng(0)
    drawn = [by_size[rng.choice(part)] for part in np.array_split(np.arange(len(by_size)), count)]
    return [drawn[i] for i in rng.permutation(count)]


def run(config: MiniBenchmarkConfig) -> pd.DataFrame:
    """Train what is missing; the table of correlations.

    Args:
        config: What to train, against what.

    Returns:
        The table of `report`.

    Raises:
        InputError: If the truth lacks a metric of the benchmark.
    """
    metrics = ntknas.load_truth(config.truth).metrics("cifar10")
    for trial in benchmark_trials(*TEST_RADII):
        if trial.name not in metrics:
            raise ntknas.InputError(
                f"expected {trial.name} among the metrics of {config.truth}, got "
                f"{', '.join(metrics)}"
            )
    chosen = chosen_architectures(config.count)
    info = dataset_info("cifar10")
    parts = {}
    for split, wanted in (("train", config.train_images), ("test", config.test_images)):
        images = ntknas.load_images("cifar10", config.data, split=split)
        (part,) = split_images(images, wanted or len(images))
        parts[split] = part.shrunk(config.side)
    network = ntknas.NetworkSpec(
        channels=config.channels,
        cells=config.cells,
        norm=Norm.FROZEN,
        image_size=config.side,
        mean=info.mean,
        std=info.std,
    )
    images, test = parts["train"], parts["test"]
    settings = TrainingSettings.of(config.recipe, network, images, test, test_radii=TEST_RADII)
    trainings = config.out / "trainings"
    trainings.mkdir(parents=True, exist_ok=True)
    file = config.table or config.out / "truth.csv"
    known = check_truth_table(file, settings)
    trained = (
        set() if known is None else set(zip(known["architecture"], known["seed"], strict=True))
    )
    with ProgressByName("images") as progress:
        for number, architecture in enumerate(chosen):
            seeds = (0, 1) if number % config.second_seed_every == 0 else (0,)
            train_architectures(
                [architecture],
                out=trainings,
                recipe=config.recipe,
                network=network,
                images=images,
                test=test,
                seeds=[seed for seed in seeds if (architecture.id, seed) not in trained],
                test_radii=TEST_RADII,
                on_progress=progress,
            )
    folder = TrainingFolder(trainings)
    if known is None or not folder.results().empty:
        known = write_truth_table(file, folder)
    table = report(known, config)
    picture(known, table, config)
    return table


def report(results: pd.DataFrame, config: MiniBenchmarkConfig) -> pd.DataFrame:
    """Rank correlations of our accuracies, the published ones and our scores over the same cells.

    Args:
        results: Accuracies by architecture and seed (`TrainingFolder.results`).
        config: Settings, of which the truth and the number of resamples are read.

    Returns:
        Columns metric (clean, fgsm_3, ...), x, y (what is compared), n, spearman and its 95%
        interval (low, high). Seed 0 stands for a cell, except between seeds.
    """
    published = ntknas.load_truth(config.truth).wide("cifar10")
    first = results[results["seed"] == 0].set_index("architecture")
    second = results[results["seed"] == 1].set_index("architecture")
    second = second.loc[second.index.intersection(first.index)]
    scores = ntknas.load_precomputed().scores().loc[first.index]
    rows = []
    for metric in (trial.name for trial in benchmark_trials(*TEST_RADII)):
        theirs = published[metric].loc[first.index]
        ours = first[metric]
        pairs = {
            ("mini benchmark", "NAS-RobBench-201"): (ours, theirs),
            ("seed 0", "seed 1"): (ours.loc[second.index], second[metric]),
        }
        for name, values in _scores(scores).items():
            pairs[name, "mini benchmark"] = (values, ours)
            pairs[name, "NAS-RobBench-201"] = (values, theirs)
        for (x, y), (a, b) in pairs.items():
            rows.append({"metric": metric, "x": x, "y": y, **_correlation(a, b, config.resamples)})
    return pd.DataFrame(rows)


@picture_style()
def picture(results: pd.DataFrame, table: pd.DataFrame, config: MiniBenchmarkConfig) -> None:
    """Draw our accuracies against the published ones, one panel per metric: OUT/accuracies.png.

    Points are cells with seed 0, and rings those with seed 1.

    Args:
        results: Accuracies by architecture and seed, as for `report`.
        table: What `report` made of them.
        config: Settings, of which the folder and the truth are read.
    """
    published = ntknas.load_truth(config.truth).wide("cifar10")
    of_both = (table["x"] == "mini benchmark") & (table["y"] == "NAS-RobBench-201")
    held = table[of_both].set_index("metric")[["spearman", "low", "high"]]
    metrics = ("clean", "pgd_3", "pgd_8")
    figure = new_figure(3.0)
    for axes, metric in zip(figure.subplots(1, len(metrics)), metrics, strict=True):
        for seed, fill in ((0, "full"), (1, "none")):
            part = results[results["seed"] == seed]
            theirs = published[metric].loc[part["architecture"]]
            axes.plot(theirs, part[metric], "o", fillstyle=fill, markersize=4, label=f"seed {seed}")
        rho, low, high = held.loc[metric]
        title = f"{metric_label(metric)}\nSpearman {rho:.2f} [{low:.2f}, {high:.2f}]"
        axes.set(title=title, xlabel="NAS-RobBench-201")
    figure.axes[0].set_ylabel("accuracy, mini benchmark")
    handles, names = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=2)
    figure.suptitle(f"accuracies of {results['architecture'].nunique()} cells")
    save_picture(figure, config.out / "accuracies.png")


def _scores(scores: pd.DataFrame) -> dict[str, "pd.Series[float]"]:
    """The default ranking and two scores, turned so that higher is better."""
    ranks = ntknas.rank(scores).set_index("id")["rank"]
    turned = {"default ranking": -ranks.loc[scores.index]}
    for name in ("layer_cosine_lambda_min", "params"):
        column = next(c for c in scores if str(c).partition("@")[0] == name)
        turned[name] = ntknas.SCORES[name].direction * scores[column]
    return turned


def _correlation(a: "pd.Series", b: "pd.Series", resamples: int) -> dict[str, float]:
    """Spearman's correlation of two paired series, with its interval."""
    x, y = a.to_numpy(float), b.to_numpy(float)
    if len(x) < 3:
        return {"n": len(x), "spearman": np.nan, "low": np.nan, "high": np.nan}
    interval = bootstrap(x, y, resamples=resamples, seed=0).spearman
    value = correlations(x, y).spearman
    return {"n": len(x), "spearman": value, "low": interval.low, "high": interval.high}


def _arguments() -> MiniBenchmarkConfig:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="CIFAR-10 images, e.g. an .npz")
    parser.add_argument("--truth", type=Path, required=True, help="published accuracies")
    defaults = MiniBenchmarkConfig(Path(), Path())
    parser.add_argument("--out", type=Path, default=defaults.out)
    parser.add_argument("--table", type=Path, help="table of accuracies; default: OUT/truth.csv")
    for name in ("count", "train_images", "test_images", "side", "channels", "cells", "resamples"):
        value = getattr(defaults, name)
        flag = f"--{name.replace('_', '-')}"
        parser.add_argument(flag, type=int, default=value, help=f"default: {value}")
    recipe = defaults.recipe
    parser.add_argument("--epochs", type=int, default=recipe.epochs)
    parser.add_argument("--rho", type=parse_fraction, default=recipe.rho)
    parser.add_argument("--step-size", type=parse_fraction, default=recipe.attack.step_size)
    arguments = vars(parser.parse_args())
    attack = replace(recipe.attack, step_size=arguments.pop("step_size"))
    changed = {name: arguments.pop(name) for name in ("epochs", "rho")}
    return MiniBenchmarkConfig(**arguments, recipe=replace(recipe, **changed, attack=attack))


if __name__ == "__main__":
    with clear_errors("mini_benchmark"):
        settings = _arguments()
        table = run(settings)
        text = markdown(table)
        (settings.out / "report.md").write_text(text + "\n")
        print(text)
