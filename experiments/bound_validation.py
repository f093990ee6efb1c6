"""Bounds from kernels at initialisation against the measured errors of trained networks.

    python -m experiments.bound_validation --data cifar10_subset.npz --out runs/bounds
    python -m experiments.bound_validation --small --out runs/bounds_small

Fully connected networks with skips are varied one factor at a time: width, depth, skip pattern,
number of images N, beta and rho. Each setting is drawn several times, with images and weights of
its own; the bound terms of its kernels K_all and K~_all are set beside the clean and robust 0-1
errors after training with (1 - beta) clean + beta robust loss. Written: results.json, tables.md,
bounds.png.
"""

import argparse
import dataclasses
import json
import platform
import sys
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
import pandas as pd

import ntknas
from experiments.bound_tables import (
    KERNELS,
    Resampling,
    correlation_table,
    distinct,
    pairing,
    points,
    summary,
    weyl_counts,
)
from experiments.command import clear_errors
from ntknas.kernel import KernelName
from ntknas.report import bound_panels, format_table
from ntknas.scores import KernelStack, format_fraction
from ntknas.theory import (
    FullyConnectedSpec,
    SphereTask,
    Task,
    bound_terms,
    image_task,
    measure,
    sphere_task,
    weyl_bound,
)
from ntknas.training import TrainingSpec

__all__ = ["SMALL", "BoundValidationConfig", "Setting", "run", "settings"]

_WEYL_BETAS = tuple(round(0.1 * i, 1) for i in range(11))


@dataclass(frozen=True)
class Setting:
    """One point of the design.

    Attributes:
        factor: What is varied.
        value: Its value, as text.
        width: Width of the network.
        depth: Depth L of the network.
        skips: Strengths of the skips.
        num_train: Number of training images N.
        beta: Weight of the robust loss.
        rho: Radius of the attack in pixel units.
    """

    factor: str
    value: str
    width: int
    depth: int
    skips: tuple[float, ...]
    num_train: int
    beta: float
    rho: float


@dataclass(frozen=True)
class BoundValidationConfig:
    """The design.

    Attributes:
        data: CIFAR-10 with a test split, as `ntknas.load_images` takes it; None means the embedded
            sample, whose images are dealt out to training and test.
        task: "two" classes of CIFAR-10, all "ten", or the "sphere".
        pooling: Side of the squares of pixels that are averaged (`ntknas.theory.image_task`).
        num_test: Number of test images.
        draws: Number of draws of each setting.
        width: Width of the base setting, whose skips are all 1.
        depth: Depth L of the base setting.
        num_train: Number of training images N of the base setting.
        beta: Weight of the robust loss in the base setting.
        rho: Radius of the attack in the base setting, in pixel units.
        widths: Widths that are tried, the rest of the base setting kept.
        depths: Depths that are tried.
        skip_patterns: Strengths of the skips that are tried.
        sizes: Numbers of training images that are tried.
        betas: Weights of the robust loss that are tried.
        rhos: Radii that are tried.
        branch_scale: Scale s of the branches; None means 1/L, as in the theory.
        training: How networks are trained.
        resamples: Number of resamples of the intervals.
        seed: Seed of images, weights, batches, attacks and resamples.
    """

    data: Path | None = None
    task: str = "two"
    pooling: int = 4
    num_test: int = 400
    draws: int = 6
    width: int = 128
    depth: int = 5
    num_train: int = 64
    beta: float = 0.5
    rho: float = 4 / 255
    widths: tuple[int, ...] = (16, 32, 64, 128, 256, 512)
    depths: tuple[int, ...] = (2, 3, 5, 7, 9)
    skip_patterns: tuple[tuple[float, ...], ...] = (
        (1, 1, 1),
        (0, 1, 1),
        (1, 0, 1),
        (1, 1, 0),
        (1, 0, 0),
        (0, 1, 0),
        (0, 0, 1),
        (0, 0, 0),
    )
    sizes: tuple[int, ...] = (16, 32, 64, 128, 256)
    betas: tuple[float, ...] = (0.0, 0.25, 0.5, 0.75, 1.0)
    rhos: tuple[float, ...] = (0.0, 2 / 255, 4 / 255, 8 / 255, 16 / 255)
    branch_scale: float | None = None
    training: TrainingSpec = field(default_factory=lambda: TrainingSpec(steps=150))
    resamples: int = 1000
    seed: int = 0


SMALL = BoundValidationConfig(
    pooling=8,
    num_test=16,
    draws=2,
    width=16,
    depth=3,
    num_train=16,
    widths=(8, 16),
    depths=(2, 3),
    skip_patterns=((1,), (0,)),
    sizes=(8, 16),
    betas=(0.0, 0.5),
    rhos=(0.0, 4 / 255),
    training=TrainingSpec(
        steps=20,
        batch_size=8,
        attack=ntknas.AttackSpec(steps=2),
        test_attack=ntknas.AttackSpec(steps=5),
    ),
    resamples=100,
)


def settings(config: BoundValidationConfig) -> list[Setting]:
    """The base setting with one factor at a time replaced.

    Args:
        config: The design.
    """
    base = Setting(
        "base",
        "",
        config.width,
        config.depth,
        (1.0,) * (config.depth - 2),
        config.num_train,
        config.beta,
        config.rho,
    )
    vary: list[tuple[str, str, dict[str, Any]]] = [
        ("width", str(v), {"width": v}) for v in config.widths
    ]
    vary += [("depth", str(v), {"depth": v, "skips": (1.0,) * (v - 2)}) for v in config.depths]
    vary += [
        ("skips", "".join(f"{a:g}" for a in v) or "-", {"skips": tuple(map(float, v))})
        for v in config.skip_patterns
    ]
    vary += [("N", str(v), {"num_train": v}) for v in config.sizes]
    vary += [("beta", f"{v:g}", {"beta": v}) for v in config.betas]
    vary += [("rho", format_fraction(v), {"rho": v}) for v in config.rhos]
    return [replace(base, factor=f, value=v, **changes) for f, v, changes in vary]


def _tasks(config: BoundValidationConfig, num_train: int) -> list[Task]:
    seeds = range(config.seed, config.seed + config.draws)
    if config.task == "sphere":
        return [
            sphere_task(
                16, num_train=num_train, num_test=config.num_test, margin=0.1, noise=0.05, seed=s
            )
            for s in seeds
        ]
    if config.task not in ("two", "ten"):
        raise ntknas.InputError(f"task must be two, ten or sphere, got {config.task!r}")
    train = ntknas.load_images("cifar10", config.data)
    test = None if config.data is None else ntknas.load_images("cifar10", config.data, split="test")
    return [
        image_task(
            train,
            test,
            classes=(0, 1) if config.task == "two" else None,
            num_train=num_train,
            num_test=config.num_test,
            seed=s,
            pooling=config.pooling,
        )
        for s in seeds
    ]


def _rows(config: BoundValidationConfig, setting: Setting) -> list[dict[str, Any]]:
    """One row per draw of a setting."""
    tasks = _tasks(config, setting.num_train)
    spec = FullyConnectedSpec(
        depth=setting.depth,
        width=setting.width,
        skips=setting.skips,
        branch_scale=config.branch_scale,
        classes=tasks[0].classes,
        mean=tasks[0].mean,
        std=tasks[0].std,
    )
    measured = measure(
        spec,
        tasks,
        beta=setting.beta,
        rho=setting.rho,
        training=config.training,
        seed=config.seed,
    )
    rows = []
    for draw, task in enumerate(tasks):
        blocks = measured.blocks[draw]
        row: dict[str, Any] = dataclasses.asdict(setting) | {
            "draw": draw,
            "clean_error": float(measured.clean_errors[draw]),
            "robust_error": float(measured.robust_errors[draw]),
            "train_error": float(measured.train_errors[draw]),
        }
        options: dict[str, Any] = {"depth": setting.depth, "epsilon": blocks.epsilon}
        if isinstance(task, SphereTask):
            row["best_clean_error"] = task.clean_error
            row["best_robust_error"] = task.robust_error(setting.rho)
        for name, kernel in KERNELS.items():
            matrix = blocks.kernel(kernel, setting.beta)
            terms = bound_terms(matrix, task.train_labels, **options)
            stack = KernelStack(matrix, task.train_labels, epsilon=blocks.epsilon)
            # Of unit diagonal: what is left of the kernel without its scale.
            cosine = bound_terms(stack.cosine.kernels, task.train_labels, **options)
            row |= {f"{field}@{name}": value for field, value in terms._asdict().items()}
            row[f"cosine_energy@{name}"] = cosine.label_energy
        standard = bound_terms(blocks.clean, task.train_labels, **options)
        reduced = bound_terms(
            blocks.kernel(KernelName.MIXED_CLEAN, 0.0), task.train_labels, **options
        )
        row["beta_0_is_standard"] = standard == reduced
        row["weyl"] = [
            {"kernel": name, "beta": beta} | _weyl(blocks, kernel, beta)
            for name, kernel in KERNELS.items()
            for beta in _WEYL_BETAS
        ]
        rows.append(row)
    return rows


def _weyl(blocks: ntknas.JointGram, kernel: KernelName, beta: float) -> dict[str, Any]:
    weyl = weyl_bound(blocks, kernel, beta)
    return weyl._asdict() | {"tightness": weyl.tightness}


def run(config: BoundValidationConfig, out: Path) -> dict[str, Any]:
    """Measure every setting, and write results.json, tables.md and bounds.png.

    Args:
        config: The design.
        out: Folder to write to; made if missing.

    Returns:
        What results.json holds.
    """
    out.mkdir(parents=True, exist_ok=True)
    design = settings(config)
    measured: list[dict[str, Any]] = []
    known: dict[Setting, list[dict[str, Any]]] = {}
    for done, setting in enumerate(design, start=1):
        network = replace(setting, factor="", value="")
        if network not in known:
            known[network] = _rows(config, setting)
        names = {"factor": setting.factor, "value": setting.value}
        measured += [row | names for row in known[network]]
        print(f"{done} of {len(design)}: {setting.factor} {setting.value}", file=sys.stderr)
    rows = pd.DataFrame(measured)
    resampling = Resampling(config.resamples, config.seed)
    tables = {
        "settings": summary(rows, resampling),
        "correlations": correlation_table(rows, resampling),
        "pairing": pairing(rows, resampling),
        "weyl": weyl_counts(distinct(rows)),
    }
    source = _tasks(config, config.num_train)[0].source
    networks = distinct(rows)
    counts = {
        "networks": len(networks),
        "beta 0 gives the standard bound exactly": int(networks["beta_0_is_standard"].sum()),
        "label energy <= 1 / lambda_min (K_all and K~_all)": int(
            sum(
                (networks[f"label_energy@{n}"] <= networks[f"eigenvalue_form@{n}"]).sum()
                for n in KERNELS
            )
        ),
        "kernels that needed a jitter": int(
            sum((networks[f"jitter@{n}"] > 0).sum() for n in KERNELS)
        ),
    }
    bound_panels(
        points(tables["settings"]),
        out / "bounds.png",
        x_label="L^1.5 sqrt(y^T K^-1 y / N)",
        y_label="0-1 error on test images",
        title=f"{source}; means of {config.draws} draws, 95% intervals",
    )
    _write_tables(out / "tables.md", source, counts, tables)
    result = {
        "config": dataclasses.asdict(config),
        "versions": {name: version(name) for name in ("jax", "flax", "numpy", "scipy")}
        | {"ntknas": ntknas.__version__, "python": platform.python_version()},
        "device": jax.devices()[0].device_kind,
        "source": source,
        "counts": counts,
        "rows": measured,
    } | {name: json.loads(format_table(t, format="json")) for name, t in tables.items()}
    (out / "results.json").write_text(json.dumps(result, indent=1, default=str))
    return result


def _write_tables(
    path: Path, source: str, counts: dict[str, int], tables: dict[str, pd.DataFrame]
) -> None:
    parts = [f"# Bounds and errors: {source}", ""]
    parts += [f"* {name}: {count}" for name, count in counts.items()]
    for name, table in tables.items():
        shown = table
        if name == "correlations":
            shown = table[table["term"] == "order"].drop(columns="term")
            scale_free = table[(table["factor"] == "all") & (table["term"] != "order")]
            shown = pd.concat([shown.assign(term="order"), scale_free])
        parts += ["", f"## {name}", "", "```", format_table(shown, format="table"), "```"]
    path.write_text("\n".join(parts) + "\n")


def main() -> None:
    """Parse the flags, run, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="CIFAR-10 images; default: the embedded sample")
    parser.add_argument("--out", type=Path, default=Path("runs/bounds"))
    parser.add_argument("--task", choices=("two", "ten", "sphere"), default="two")
    parser.add_argument("--small", action="store_true", help="a minute's worth")
    parser.add_argument("--draws", type=int)
    parser.add_argument("--branch-scale", type=float, help="s; default: 1/L")
    flags = parser.parse_args()
    changes = {
        name: value
        for name in ("data", "task", "draws", "branch_scale")
        if (value := getattr(flags, name)) is not None
    }
    with clear_errors(parser.prog):
        run(replace(SMALL if flags.small else BoundValidationConfig(), **changes), flags.out)
    print((flags.out / "tables.md").read_text(), end="")


if __name__ == "__main__":
    main()
