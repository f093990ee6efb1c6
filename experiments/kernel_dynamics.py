"""How far kernels move while networks of several widths are trained, clean and adversarially.

    python -m experiments.kernel_dynamics --data cifar10_subset.npz --out runs/dynamics
    python -m experiments.kernel_dynamics --small --out runs/dynamics_small

The nearer a kernel stays to where it started, the more a bound from the kernel at initialisation
has to say about the trained network. Written: results.json, table.md, dynamics.png.
"""

import argparse
import dataclasses
import json
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
import pandas as pd

import ntknas
from experiments.command import clear_errors
from ntknas.report import COLOURS, format_table, new_figure, picture_style, save_picture
from ntknas.theory import FullyConnectedSpec, image_task, kernel_dynamics
from ntknas.training import TrainingSpec

__all__ = ["SMALL", "KernelDynamicsConfig", "run"]


@dataclass(frozen=True)
class KernelDynamicsConfig:
    """What is trained and when it is looked at.

    Attributes:
        data: CIFAR-10, as `ntknas.load_images` takes it; None means the embedded sample.
        widths: Widths of the networks.
        depth: Depth L of the networks; all skips are 1.
        betas: Weights of the robust loss.
        rho: Radius of the attack in pixel units.
        num_train: Number of training images, of two classes.
        num_images: Number of those whose kernels are looked at.
        pooling: Side of the squares of pixels that are averaged (`ntknas.theory.image_task`).
        every: Number of steps between two looks.
        training: How networks are trained.
        seed: Seed of images, weights, batches and attacks.
    """

    data: Path | None = None
    widths: tuple[int, ...] = (32, 128, 512)
    depth: int = 4
    betas: tuple[float, ...] = (0.0, 0.5, 1.0)
    rho: float = 4 / 255
    num_train: int = 128
    num_images: int = 48
    pooling: int = 4
    every: int = 40
    training: TrainingSpec = field(default_factory=lambda: TrainingSpec(steps=400))
    seed: int = 0


SMALL = KernelDynamicsConfig(
    widths=(16,),
    depth=3,
    betas=(0.5,),
    num_train=16,
    num_images=8,
    pooling=8,
    every=5,
    training=TrainingSpec(
        steps=10, attack=ntknas.AttackSpec(steps=2), test_attack=ntknas.AttackSpec(steps=2)
    ),
)


def run(config: KernelDynamicsConfig, out: Path) -> pd.DataFrame:
    """Train, look, write results.json, table.md and dynamics.png.

    Args:
        config: What is trained and when it is looked at.
        out: Folder to write to; made if missing.

    Returns:
        One row per width, beta, kernel and step.
    """
    out.mkdir(parents=True, exist_ok=True)
    task = image_task(
        ntknas.load_images("cifar10", config.data),
        num_train=config.num_train,
        num_test=2,
        seed=config.seed,
        pooling=config.pooling,
    )
    rows: list[dict[str, Any]] = []
    for width in config.widths:
        spec = FullyConnectedSpec(
            depth=config.depth,
            width=width,
            skips=(1,) * (config.depth - 2),
            mean=task.mean,
            std=task.std,
        )
        for beta in config.betas:
            moments = kernel_dynamics(
                spec,
                task,
                beta=beta,
                rho=config.rho,
                training=config.training,
                every=config.every,
                num_images=config.num_images,
                seed=config.seed,
            )
            rows += [{"width": width, "train_beta": beta} | m._asdict() for m in moments]
    frame = pd.DataFrame(rows)
    last = frame[frame["step"] == config.training.steps]
    title = f"{task.source}; rho {config.rho * 255:g}/255, depth {config.depth}, skips 1"
    _draw(frame, out / "dynamics.png", title)
    table = format_table(last, format="table")
    (out / "table.md").write_text(f"# After {config.training.steps} steps\n\n```\n{table}\n```\n")
    result = {
        "config": dataclasses.asdict(config),
        "versions": {name: version(name) for name in ("jax", "flax", "numpy", "optax")},
        "device": jax.devices()[0].device_kind,
        "rows": json.loads(format_table(frame, format="json")),
    }
    (out / "results.json").write_text(json.dumps(result, indent=1, default=str))
    return frame


@picture_style()
def _draw(frame: pd.DataFrame, path: Path, title: str) -> None:
    """Rows: clean and robust kernel; columns: change, distance, smallest eigenvalue."""
    quantities = {
        "change": "|K_t - K_0| / |K_0|",
        "distance": "kernel distance",
        "lambda_min": "lambda_min",
    }
    colours = dict(zip(sorted(frame["width"].unique()), COLOURS, strict=False))
    lines = dict(zip(sorted(frame["train_beta"].unique()), ("-", "--", ":"), strict=False))
    figure = new_figure(4.6)
    grid = figure.subplots(2, 3, sharex=True)
    for axes_row, kernel in zip(grid, ("clean", "robust"), strict=True):
        for axes, (column, label) in zip(axes_row, quantities.items(), strict=True):
            for (width, beta), path_of in frame[frame["kernel"] == kernel].groupby(
                ["width", "train_beta"]
            ):
                axes.plot(
                    path_of["step"],
                    path_of[column],
                    color=colours.get(width, "black"),
                    ls=lines.get(beta, "-."),
                    label=f"width {width}, beta {beta:g}",
                )
            axes.set_title(f"{kernel} kernel: {label}")
    for axes in grid[1]:
        axes.set_xlabel("steps of SGD")
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    figure.suptitle(title)
    save_picture(figure, path)


def main() -> None:
    """Parse the flags, run, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="CIFAR-10 images; default: the embedded sample")
    parser.add_argument("--out", type=Path, default=Path("runs/dynamics"))
    parser.add_argument("--small", action="store_true", help="seconds")
    flags = parser.parse_args()
    config = SMALL if flags.small else KernelDynamicsConfig()
    if flags.data is None and not flags.small:
        config = replace(config, num_train=48)  # the embedded sample has 64 of two classes
    with clear_errors(parser.prog):
        run(replace(config, data=flags.data), flags.out)
    print((flags.out / "table.md").read_text(), end="")


if __name__ == "__main__":
    main()
