"""How fast kernels come to their infinite-width limit, and what the infinite network learns.

    python -m experiments.infinite_width --data cifar10_subset.npz --out runs/infinite_width
    python -m experiments.infinite_width --small --out runs/infinite_width_small

Needs the extra `theory` (neural-tangents). First, relative errors of empirical kernels of clean,
attacked and twice-attacked images, and mixed, against the analytic one, over width; their slope in
logarithms (theory: -1/2) has an interval from resamples of the initialisations. Second, errors of
regression with the analytic kernel on clean test images and on those that the regression's own
gradients attack, over beta and rho, with intervals over draws of the task. Written: results.json,
tables.md, infinite_width.png.
"""

import argparse
import dataclasses
import json
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from matplotlib.ticker import LogLocator
from scipy.stats import bootstrap

import ntknas
from experiments.command import clear_errors
from ntknas.attack import attack
from ntknas.kernel import KernelName
from ntknas.report import (
    COLOURS,
    MARKERS,
    format_table,
    new_figure,
    picture_style,
    save_picture,
)
from ntknas.theory import (
    FullyConnectedSpec,
    Task,
    convergence,
    image_task,
    infinite_width,
    kernel_regression,
)

__all__ = ["SMALL", "InfiniteWidthConfig", "run"]


@dataclass(frozen=True)
class InfiniteWidthConfig:
    """What is compared with the limit, and what is learnt there.

    Attributes:
        data: CIFAR-10, as `ntknas.load_images` takes it; None means the embedded sample.
        depths: Depths L of the networks.
        skips: Strengths alpha; all skips of a network have the same.
        kernels: Kernels that are compared; mixed ones at beta 0.5.
        widths: Widths of the networks with empirical kernels.
        seeds: Number of initialisations of each width.
        num_images: Number of images of a kernel.
        num_train: Number of images of two classes that the infinite network learns from.
        num_test: Number of images that its errors are measured on.
        draws: Number of draws of the task.
        pooling: Side of the squares of pixels that are averaged (`ntknas.theory.image_task`).
        betas: Weights of the attacked images.
        rhos: Radii of the attack on the infinite network, in pixel units.
        rho: Radius of the attack on the images of the kernels.
        steps: Number of steps of PGD.
        resamples: Number of resamples of the intervals.
        seed: Seed of images, weights, attacks and resamples.
    """

    data: Path | None = None
    depths: tuple[int, ...] = (2, 4)
    skips: tuple[float, ...] = (0.0, 1.0)
    kernels: tuple[KernelName, ...] = tuple(KernelName)
    widths: tuple[int, ...] = (64, 128, 256, 512, 1024, 2048)
    seeds: int = 16
    num_images: int = 24
    num_train: int = 200
    num_test: int = 200
    draws: int = 5
    pooling: int = 4
    betas: tuple[float, ...] = (0.0, 0.25, 0.5, 0.75, 1.0)
    rhos: tuple[float, ...] = field(default_factory=lambda: (2 / 255, 4 / 255, 8 / 255))
    rho: float = 4 / 255
    steps: int = 10
    resamples: int = 1000
    seed: int = 0


SMALL = InfiniteWidthConfig(
    depths=(3,),
    skips=(1.0,),
    kernels=(KernelName.CLEAN, KernelName.MIXED_ROBUST),
    widths=(32, 256),
    seeds=4,
    num_images=6,
    num_train=16,
    num_test=16,
    draws=2,
    pooling=8,
    betas=(0.5,),
    rhos=(4 / 255,),
    steps=2,
    resamples=100,
)


def _task(config: InfiniteWidthConfig, draw: int, num_train: int) -> Task:
    return image_task(
        ntknas.load_images("cifar10", config.data),
        num_train=num_train,
        num_test=config.num_test,
        seed=config.seed + draw,
        pooling=config.pooling,
    )


def _spec(config: InfiniteWidthConfig, task: Task, depth: int, skip: float) -> FullyConnectedSpec:
    return FullyConnectedSpec(
        depth=depth, skips=(skip,) * (depth - 2), mean=task.mean, std=task.std
    )


def _batches(spec: FullyConnectedSpec, task: Task, config: InfiniteWidthConfig) -> np.ndarray:
    """Images, attacked and attacked twice by the infinite network that learnt from them."""
    with jax.enable_x64(True):
        x, y = jnp.asarray(task.train_images, jnp.float64), jnp.asarray(task.train_labels)
        learnt = kernel_regression(spec, x, y)
        chosen = ntknas.AttackSpec(steps=config.steps)
        batches = [x]
        for key in jax.random.split(jax.random.key(config.seed), 2):
            batches.append(attack(key, learnt, None, batches[-1], y, spec=chosen, rho=config.rho))
        return np.stack([np.asarray(batch) for batch in batches])


def _slopes(config: InfiniteWidthConfig) -> pd.DataFrame:
    """One row per network, kernel and width: relative error, and the slope over the widths."""
    task = _task(config, 0, config.num_images)
    rows: list[dict[str, Any]] = []
    networks = {
        (depth, skip if depth > 2 else 0.0): None
        for depth in config.depths
        for skip in config.skips
    }
    for depth, skip in networks:
        spec = _spec(config, task, depth, skip)
        batches = _batches(spec, task, config)
        for kernel in config.kernels:
            beta = 0.5 if kernel.mixed else None
            converged = convergence(
                spec,
                batches,
                widths=config.widths,
                num_seeds=config.seeds,
                kernel=kernel,
                beta=beta,
                seed=config.seed,
            )
            slope = bootstrap(
                (np.arange(config.seeds),),
                lambda drawn, errors=converged.errors: np.polyfit(
                    np.log(config.widths), np.log(errors[:, drawn].mean(1)), 1
                )[0],
                n_resamples=config.resamples,
                vectorized=False,
                method="percentile",
                rng=config.seed,
            ).confidence_interval
            name = kernel.value if beta is None else f"{kernel.value}:{beta:g}"
            rows += [
                {
                    "depth": depth,
                    "skip": skip,
                    "kernel": name,
                    "width": width,
                    "error": float(errors.mean()),
                    "slope": converged.slope,
                    "slope_low": float(slope.low),
                    "slope_high": float(slope.high),
                }
                for width, errors in zip(config.widths, converged.errors, strict=True)
            ]
    return pd.DataFrame(rows)


def _errors(config: InfiniteWidthConfig) -> pd.DataFrame:
    """One row per depth, skip, rho and beta: clean and robust errors, means over draws."""
    rows: list[dict[str, Any]] = []
    depth, skip = config.depths[-1], config.skips[-1]
    for rho in config.rhos:
        measured = []
        for draw in range(config.draws):
            task = _task(config, draw, config.num_train)
            limit = infinite_width(
                _spec(config, task, depth, skip),
                task,
                rho=rho,
                betas=config.betas,
                attack=ntknas.AttackSpec(steps=config.steps),
                seed=config.seed + draw,
            )
            measured.append((limit.clean_errors, limit.robust_errors))
        for position, beta in enumerate(config.betas):
            row: dict[str, Any] = {"depth": depth, "skip": skip, "rho": rho, "beta": beta}
            of_beta = np.array(measured).T[position]
            for name, values in zip(("clean", "robust"), of_beta, strict=True):
                interval = bootstrap(
                    (values,), np.mean, n_resamples=config.resamples, rng=config.seed
                ).confidence_interval
                row |= {
                    f"{name}_error": float(values.mean()),
                    f"{name}_low": float(interval.low),
                    f"{name}_high": float(interval.high),
                }
            rows.append(row)
    return pd.DataFrame(rows)


def run(config: InfiniteWidthConfig, out: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Compute and write results.json, tables.md and infinite_width.png.

    Args:
        config: What is compared with the limit, and what is learnt there.
        out: Folder to write to; made if missing.

    Returns:
        Convergence, one row per network, kernel and width; errors, one row per rho and beta.
    """
    out.mkdir(parents=True, exist_ok=True)
    slopes, errors = _slopes(config), _errors(config)
    last = slopes[slopes["width"] == max(config.widths)]
    tables = [
        f"# Relative error at width {max(config.widths)}, slope over widths "
        f"{', '.join(map(str, config.widths))}; {config.seeds} initialisations",
        format_table(last.drop(columns="width"), format="table"),
        f"# The infinite network, {config.num_train} training images, {config.draws} draws",
        format_table(errors, format="table"),
    ]
    text = "\n\n".join(t if t.startswith("#") else f"```\n{t}\n```" for t in tables)
    (out / "tables.md").write_text(text + "\n")
    result = {
        "config": dataclasses.asdict(config),
        "versions": {name: version(name) for name in ("jax", "numpy", "neural-tangents")},
        "convergence": json.loads(format_table(slopes, format="json")),
        "errors": json.loads(format_table(errors, format="json")),
    }
    (out / "results.json").write_text(json.dumps(result, indent=1, default=str))
    title = f"{config.seeds} initialisations per width; {config.draws} draws of images"
    _draw(slopes, errors, out / "infinite_width.png", title)
    return slopes, errors


@picture_style()
def _draw(slopes: pd.DataFrame, errors: pd.DataFrame, path: Path, title: str) -> None:
    """One panel of relative errors per network, and one of the infinite network's errors."""
    networks = list(slopes[["depth", "skip"]].drop_duplicates().itertuples(index=False, name=None))
    lines = -(-(len(networks) + 1) // 2)
    figure = new_figure(2.8 * lines)
    grid = figure.subplots(lines, 2, squeeze=False)
    panels = grid.flat[: len(networks) + 1]
    for axes in grid.flat[len(networks) + 1 :]:
        axes.set_visible(False)
    for axes, (depth, skip) in zip(panels, networks, strict=False):
        part = slopes[(slopes["depth"] == depth) & (slopes["skip"] == skip)]
        kernels = part.groupby("kernel", sort=False)
        # The curves coincide, so that markers stand side by side, each left or right of its width.
        for number, (kernel, line) in enumerate(kernels):
            label = f"{kernel}: {line['slope'].iloc[0]:.2f}"
            look: dict[str, Any] = {"color": COLOURS[number], "marker": MARKERS[number]}
            beside = line["width"] * 1.1 ** (number - (len(kernels) - 1) / 2)
            axes.loglog(beside, line["error"], ls="none", markersize=3.5, label=label, **look)
        mean = part.groupby("width")["error"].mean()
        axes.loglog(mean.index, mean, color="grey", lw=0.8, zorder=1, label="mean of the kernels")
        widths = mean.index.to_numpy(float)[[0, -1]]
        axes.loglog(widths, mean.iloc[0] * (widths / widths[0]) ** -0.5, "k:", label="slope -1/2")
        axes.set_xticks(mean.index, [str(width) for width in mean.index])
        axes.minorticks_off()
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.set(title=f"depth {depth}, skips {skip:g}", xlabel="width m")
        axes.legend(fontsize=7, loc="lower left")  # errors fall with the width
    for axes in panels[:-1]:
        axes.set_ylabel("relative error |K_m - K| / |K|")
    axes = panels[-1]
    for colour, (rho, line) in zip(COLOURS, errors.groupby("rho"), strict=False):
        for name, style in (("clean", "o-"), ("robust", "s--")):
            ends = [
                line[f"{name}_error"] - line[f"{name}_low"],
                line[f"{name}_high"] - line[f"{name}_error"],
            ]
            label = f"{name}, rho {255 * float(str(rho)):g}/255"
            values = line[f"{name}_error"]
            options: dict[str, Any] = {"color": colour, "markersize": 4, "label": label}
            axes.errorbar(line["beta"], values, yerr=ends, fmt=style, elinewidth=0.7, **options)
    axes.set(title="infinite network", xlabel="beta", ylabel="0-1 test error")
    axes.set(ylim=(0, 1.4), yticks=np.linspace(0, 1, 6))  # room for the legend
    axes.legend(fontsize=7, loc="upper left", ncols=2)
    figure.suptitle(f"{title}; numbers: slopes; bars: 95% intervals")
    save_picture(figure, path)


def main() -> None:
    """Parse the flags, run, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="CIFAR-10 images; default: the embedded sample")
    parser.add_argument("--out", type=Path, default=Path("runs/infinite_width"))
    parser.add_argument("--small", action="store_true", help="seconds")
    flags = parser.parse_args()
    config = SMALL if flags.small else InfiniteWidthConfig()
    if flags.data is None and not flags.small:
        config = replace(config, num_train=40, num_test=20)  # the embedded sample has 64 of two
    with clear_errors(parser.prog):
        run(replace(config, data=flags.data), flags.out)
        print((flags.out / "tables.md").read_text(), end="")


if __name__ == "__main__":
    main()
