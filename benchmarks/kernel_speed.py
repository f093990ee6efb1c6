"""Seconds of a clean batch-statistics kernel: ntknas and a PyTorch loop, interleaved.

    python -m benchmarks.kernel_speed --batch-size 16

Both run in one process on the same architectures and images, in turns, so that a slow moment of the
machine meets both. Compilation is measured apart. ntknas is timed one architecture at a time here;
`ntknas score` keeps several in flight.
"""

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import torch

import ntknas
from benchmarks.peers import torch_loop
from ntknas.engine import fit_spec
from ntknas.engine.program import gram_blocks, live_operations, seed_inputs
from ntknas.kernel import Batch

__all__ = ["SpeedConfig", "run"]


@dataclass(frozen=True)
class SpeedConfig:
    """What to time.

    Attributes:
      archs: architectures.
      batch_size: images N.
      channels: width of the network.
      cells: cells a stage.
      repeats: turns; the median of each architecture's times is kept.
    """

    archs: str = "random:32:0"
    batch_size: int = 16
    channels: int = 16
    cells: int = 5
    repeats: int = 3


def run(config: SpeedConfig) -> dict:
    """Time both on every architecture.

    Args:
      config: see `SpeedConfig`.

    Returns:
      Per-architecture median seconds, the geometric mean of their ratios with its 95% bootstrap
      interval, compile seconds, and versions.
    """
    network = ntknas.NetworkSpec(channels=config.channels, cells=config.cells)
    images = ntknas.load_images()
    spec = fit_spec(
        ntknas.ScoringSpec(batch_size=config.batch_size, kernels=(Batch.CLEAN,), network=network),
        images,
    )
    batch = ntknas.scoring_batch(images, config.batch_size, seed=0)
    inputs = seed_inputs(spec, batch, 0)
    rhos = jnp.zeros(0)
    start = time.perf_counter()
    program = gram_blocks.lower(jnp.zeros(6, jnp.int32), inputs, rhos, spec=spec).compile()
    compile_seconds = time.perf_counter() - start

    pixels = torch.tensor((batch.pixels - batch.mean) / batch.std).permute(0, 3, 1, 2).contiguous()
    rows: list[dict[str, Any]] = []
    for architecture in ntknas.architectures(config.archs):
        ops = jnp.asarray(live_operations(architecture))
        model = torch_loop.network(architecture, replace(network, classes=10))
        competitors: dict[str, Callable[[], object]] = {
            "ntknas": partial(_ntknas_kernel, program, ops, inputs, rhos),
            "torch": partial(torch_loop.clean_kernel, model, pixels),
        }
        times: dict[str, list[float]] = {name: [] for name in competitors}
        for _ in range(config.repeats):
            for name, compute in competitors.items():
                start = time.perf_counter()
                compute()
                times[name].append(time.perf_counter() - start)
        medians = {name: float(np.median(seconds)) for name, seconds in times.items()}
        rows.append({"id": architecture.id, "code": architecture.code, **medians})
        print(architecture.id, architecture.code, medians, flush=True)

    logs = np.log([row["ntknas"] / row["torch"] for row in rows])
    resampled = np.random.default_rng(0).choice(logs, (10_000, len(logs))).mean(1)
    return {
        "config": asdict(config),
        "rows": rows,
        "ratio": float(np.exp(logs.mean())),
        "ratio_interval": np.exp(np.quantile(resampled, [0.025, 0.975])).tolist(),
        "median_seconds": {
            name: float(np.median([row[name] for row in rows])) for name in ("ntknas", "torch")
        },
        "mean_seconds": {
            name: float(np.mean([row[name] for row in rows])) for name in ("ntknas", "torch")
        },
        "compile_seconds": compile_seconds,
        "versions": {"jax": jax.__version__, "torch": torch.__version__},
    }


def _ntknas_kernel(program, ops, inputs, rhos) -> np.ndarray:
    return np.asarray(program(ops, inputs, rhos))


def main() -> None:
    """Parse the flags, run, print the summary and write it as JSON if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    defaults = SpeedConfig()
    for name, value in asdict(defaults).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value)
    parser.add_argument("--out", type=Path, help="JSON file to write")
    flags = vars(parser.parse_args())
    out = flags.pop("out")
    result = run(SpeedConfig(**flags))
    print(json.dumps({k: v for k, v in result.items() if k != "rows"}, indent=1))
    if out:
        out.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
