"""Clean kernels of random architectures against the published correlations.

    python -m experiments.clean_kernels --data cifar10_subset.npz --truth NAS-RobBench-201_html.json

Scores 300 random architectures in the published setting (batch statistics, PyTorch initialisation,
16 images, 5 cells a stage), correlates lambda_min and cond of the clean kernel with the accuracies
of adversarially trained networks, and prints them beside the figures of Wu et al. (ICLR 2024),
which are over all 6,466 architectures, and beside those of a PyTorch loop of backward passes on
300 other random architectures.
"""

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

import ntknas
from experiments.command import clear_errors
from ntknas.kernel import Batch

__all__ = ["MEASURED", "PUBLISHED", "CleanKernelsConfig", "run"]

# Spearman, turned so that positive means "ranks good networks first". |rho| in the publication.
_METRICS = ("clean", "fgsm_3", "pgd_3", "fgsm_8", "pgd_8", "autoattack")
PUBLISHED = {
    "lambda_min@clean": dict(zip(_METRICS, (0.527, 0.546, 0.543, 0.601, 0.598), strict=False)),
    "cond@clean": dict(zip(_METRICS, (0.739, 0.742, 0.739, 0.765, 0.755), strict=False)),
}
# Measured for this project with PyTorch: 300 random architectures, 16 images, one initialisation.
MEASURED = {
    "lambda_min@clean": dict(
        zip(_METRICS, (0.474, 0.500, 0.500, 0.572, 0.579, 0.584), strict=True)
    ),
    "cond@clean": dict(zip(_METRICS, (0.716, 0.716, 0.713, 0.723, 0.715, 0.719), strict=True)),
}


@dataclass(frozen=True)
class CleanKernelsConfig:
    """What to score and what to hold it against.

    Attributes:
      data: CIFAR-10 images, as `ntknas.load_images` takes them; None: the embedded sample.
      truth: the table of NAS-RobBench-201.
      out: folder of the run.
      archs: which architectures.
      spec: settings.
    """

    data: Path | None
    truth: Path
    out: Path
    archs: str = "random:300"
    spec: ntknas.ScoringSpec = ntknas.ScoringSpec(batch_size=16, kernels=(Batch.CLEAN,))


def run(config: CleanKernelsConfig) -> pd.DataFrame:
    """Score, correlate, compare.

    Args:
      config: see `CleanKernelsConfig`.

    Returns:
      One row a score and metric: ours with its 95% interval, the PyTorch reference, the published.
    """
    images = ntknas.load_images("cifar10", config.data)
    scored = ntknas.score(
        config.archs, out=config.out, spec=config.spec, images=images, on_progress=_report
    )
    table = ntknas.correlate(
        scored, ntknas.load_truth(config.truth), names=list(PUBLISHED), dataset="cifar10"
    )
    table = table[["score", "metric", "n", "spearman", "spearman_low", "spearman_high"]].copy()
    for column, figures in (("reference", MEASURED), ("published", PUBLISHED)):
        table[column] = [
            figures.get(score, {}).get(metric, float("nan"))
            for score, metric in zip(table["score"], table["metric"], strict=True)
        ]
    return table


def _report(done: int, total: int) -> None:
    if done % 20 == 0:
        print(f"{done} of {total} architectures", file=sys.stderr, flush=True)


def main() -> None:
    """Parse the flags, run, print the table and write it beside the run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="CIFAR-10 images; default: the embedded sample")
    parser.add_argument("--truth", type=Path, required=True, help="NAS-RobBench-201 table")
    parser.add_argument("--out", type=Path, default=Path("runs/clean_kernels"))
    parser.add_argument("--archs", default="random:300")
    config = CleanKernelsConfig(**vars(parser.parse_args()))
    with clear_errors(parser.prog):
        table = run(config)
    print(table.round(3).to_string(index=False))
    result = {"config": str(config), "table": table.to_dict(orient="records")}
    (config.out / "clean_kernels.json").write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
