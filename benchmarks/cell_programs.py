"""Cells of several architectures in one launch: real branches, selection, or masked kernels.

    python -m benchmarks.cell_programs --out FILE

One cell per stage is computed forwards, and pulled back to its input and its part of the kernel.
Three programs give the same result and take turns in one process:

* `branches`: One architecture after the other, running its own operations alone.
* `selection`: All at once; every operation is computed, and the right one selected.
* `masks`: All at once; every edge is one 3x3 convolution whose kernel is masked.

The engine has the first two.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

import ntknas
from benchmarks.common import command, describe, spread
from benchmarks.peers.masked_cell import masked_cell
from ntknas.errors import InputError
from ntknas.kernel.layerwise import ConvNormWeights, Probe
from ntknas.layers import Norm
from ntknas.network.cells import EdgeWeights, traced_cell
from ntknas.spaces.nasbench201 import EDGES, live_operations

__all__ = ["CellProgramsConfig", "run"]


@dataclass(frozen=True)
class CellProgramsConfig:
    """What to time.

    Attributes:
        archs: Architectures, all of them in one launch.
        norm: Normalisation statistics, batch or image.
        batch_size: Number of images N.
        channels: Channels of the first stage.
        image_size: Height and width of the first stage in pixels.
        stages: Stages to time, of 0, 1 and 2. Each has half the height and width of the stage
            before it and twice its channels.
        repeats: Number of turns after the warm-up.

    Raises:
        InputError: If the normalisation or a stage is another one, or there is no turn.
    """

    archs: str = "random:8:0"
    norm: Norm = Norm.IMAGE
    batch_size: int = 16
    channels: int = 16
    image_size: int = 32
    stages: tuple[int, ...] = (0, 1, 2)
    repeats: int = 7

    def __post_init__(self) -> None:
        if self.norm not in (Norm.BATCH, Norm.IMAGE):
            raise InputError(f"norm must be batch or image, got {self.norm}")
        if not set(self.stages) <= {0, 1, 2}:
            raise InputError(f"stages must be of 0, 1, 2, got {self.stages}")
        if self.repeats < 1:
            raise InputError(f"repeats must be at least 1, got {self.repeats}")


def run(config: CellProgramsConfig) -> dict[str, Any]:
    """Time the three programs on a cell of each stage.

    Args:
        config: Settings, see `CellProgramsConfig`.

    Returns:
        The entries of `benchmarks.common.describe`, and for each stage

        * `programs`: for each program the seconds per architecture, the seconds of its first call,
          and `ratio`, its median over the median of `branches`;
        * `disagreement`: for each program the median over entries of its kernel's distance from
          that of `branches`, divided by the latter's largest entry; the largest of all kernels.
    """
    architectures = ntknas.architectures(config.archs)
    ops = jnp.asarray([live_operations(a) for a in architectures])
    stages = []
    for stage in config.stages:
        operands = _operands(config, stage, len(ops))
        programs = _programs(config.norm, config.batch_size)
        first, kernels = {}, {}
        for name, program in programs.items():
            first[name], kernels[name] = _timed(program, ops, *operands)
        turns = [
            {name: _timed(program, ops, *operands)[0] for name, program in programs.items()}
            for _ in range(config.repeats)
        ]
        times = {name: [turn[name] / len(ops) for turn in turns] for name in programs}
        stages.append(
            {
                "id": stage,
                "programs": {
                    name: {
                        **spread(times[name]),
                        "first_call_seconds": first[name],
                        "ratio": float(np.median(times[name]) / np.median(times["branches"])),
                    }
                    for name in programs
                },
                "disagreement": {
                    name: _distance(kernels[name], kernels["branches"]) for name in programs
                },
            }
        )
    return {
        **describe("cell_programs", config),
        "devices": [device.device_kind for device in jax.local_devices()],
        "architectures": len(ops),
        "stages": stages,
    }


def _timed(program, ops, *operands) -> tuple[float, np.ndarray]:
    start = time.perf_counter()
    kernels = jax.block_until_ready(program(ops, *operands))[0]
    return time.perf_counter() - start, np.asarray(kernels)


def _distance(kernels: np.ndarray, reference: np.ndarray) -> float:
    scale = np.abs(reference).max((1, 2))
    return float((np.median(np.abs(kernels - reference), (1, 2)) / np.maximum(scale, 1e-30)).max())


def _programs(norm: Norm, n: int) -> dict[str, Callable]:
    """From operations, weights, inputs and cotangents to kernels, outputs, inputs' cotangents."""
    zeros = jnp.zeros((n,) if norm.coupled else (n, n))
    probes = (Probe(zeros, zeros),) * len(EDGES)

    def of(cell):
        def one(ops, weights, x, g):
            y, pull_back = jax.vjp(lambda x, probes: cell(norm, ops, weights, x, probes), x, probes)
            d_x, parts = (jax.vmap(pull_back) if norm.coupled else pull_back)(g)
            return sum(jax.tree.leaves(parts)), y, d_x

        return one

    def all_at_once(cell):
        return jax.jit(jax.vmap(of(cell), (0, None, 0, 0)))

    def in_turn(ops, weights, x, g):
        return lax.map(lambda each: of(traced_cell)(each[0], weights, *each[1:]), (ops, x, g))

    return {
        "branches": jax.jit(in_turn),
        "selection": all_at_once(traced_cell),
        "masks": all_at_once(masked_cell),
    }


def _operands(config: CellProgramsConfig, stage: int, count: int):
    """Weights of all edges, inputs of `count` cells and the cotangents of their outputs."""
    keys = iter(jax.random.split(jax.random.key(stage), 2 * len(EDGES) + 2))
    channels, size = config.channels * 2**stage, config.image_size // 2**stage

    def convolution(side: int) -> ConvNormWeights:
        bound = (side * side * channels) ** -0.5
        shape = (side, side, channels, channels)
        kernel = jax.random.uniform(next(keys), shape, minval=-bound, maxval=bound)
        return ConvNormWeights(kernel, jnp.ones(channels), jnp.zeros(channels))

    weights = tuple(EdgeWeights(convolution(1), convolution(3)) for _ in EDGES)
    shape = (count, config.batch_size, size, size, channels)
    rows = (config.batch_size,) if config.norm.coupled else ()
    return (
        weights,
        jax.random.normal(next(keys), shape),
        jax.random.normal(next(keys), (count, *rows, *shape[1:])),
    )


if __name__ == "__main__":
    command(run, CellProgramsConfig(), __doc__)
