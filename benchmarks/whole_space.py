"""Architectures per second over the whole space, on all local devices: meant for a GPU.

    python -m benchmarks.whole_space --batch-size 16 --norm batch
    python -m benchmarks.whole_space --batch-size 32 --norm image
    python -m benchmarks.whole_space --batch-size 32 --kernels clean,robust,twice --steps 10

`--per-launch` architectures go to a device in one launch. They run in turn, each with only the
operations that it has; or (`--branch-free 1`) all at once, every operation computed and the right
one selected. Compilation is timed apart. Nothing is written; `ntknas score` adds the store and
scores.
"""

import time
from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np

import ntknas
from benchmarks.common import batches_of, command, describe, memory_mb
from benchmarks.engine import clean_setting
from ntknas.attack import AttackSpec
from ntknas.engine import many_grams, reused_memory, seed_inputs
from ntknas.errors import InputError
from ntknas.kernel import KernelName
from ntknas.layers import Norm
from ntknas.spaces.nasbench201 import live_operations

__all__ = ["WholeSpaceConfig", "run"]


@dataclass(frozen=True)
class WholeSpaceConfig:
    """What to time.

    Attributes:
        archs: Architectures, as `ntknas.architectures` takes them.
        batch_size: Number of images N.
        channels: Channels of the network's first stage.
        cells: Cells per stage.
        norm: Normalisation statistics.
        kernels: Kernels to compute: clean, robust, twice.
        rho: Attack radii in 255ths.
        steps: Steps of PGD.
        per_launch: Architectures per device and launch.
        branch_free: With 1, all architectures of a launch at once, without branches.

    Raises:
        InputError: If a launch has no architecture.
    """

    archs: str = "all"
    batch_size: int = 16
    channels: int = 16
    cells: int = 5
    norm: Norm = Norm.BATCH
    kernels: tuple[KernelName, ...] = (KernelName.CLEAN,)
    rho: tuple[float, ...] = (3.0, 8.0)
    steps: int = 10
    per_launch: int = 8
    branch_free: int = 0

    def __post_init__(self) -> None:
        if self.per_launch < 1:
            raise InputError(f"per_launch must be at least 1, got {self.per_launch}")


def run(config: WholeSpaceConfig) -> dict:
    """Compute the joint Gram matrices of every architecture, two launches in flight.

    Args:
        config: Settings, see `WholeSpaceConfig`.

    Returns:
        The entries of `benchmarks.common.describe`, seconds of the first launch and of the whole,
        architectures per second, and a fingerprint of the kernels (the mean of the logarithms of
        their traces), by which runs can be compared.
    """
    spec, batch = clean_setting(config.batch_size, config.channels, config.cells, config.norm)
    spec = replace(
        spec,
        batches=batches_of(config.kernels),
        rhos=tuple(rho / 255 for rho in config.rho),
        attack=AttackSpec(steps=config.steps),
    )
    inputs = seed_inputs(spec, batch, 0)
    rhos = jnp.array(spec.rhos, inputs.images.dtype)
    devices = tuple(jax.local_devices())
    size = config.per_launch * len(devices)
    ops = np.array([live_operations(a) for a in ntknas.architectures(config.archs)])
    padded = np.resize(ops, (-(-len(ops) // size) * size, 6))
    launches = padded.reshape(-1, size, 6)

    def launch(ops: np.ndarray) -> jax.Array:
        return many_grams(
            jnp.asarray(ops),
            inputs,
            rhos,
            spec=spec.compiled,
            devices=devices,
            branch_free=bool(config.branch_free),
        )

    with reused_memory():
        start = time.perf_counter()
        launch(launches[0]).block_until_ready()
        compile_seconds = time.perf_counter() - start
        start = time.perf_counter()
        grams, pending = [], launch(launches[0])
        for following in launches[1:]:
            ahead = launch(following)
            grams.append(np.asarray(pending))
            pending = ahead
        grams.append(np.asarray(pending))
        seconds = time.perf_counter() - start
    n = config.batch_size
    kernels = np.concatenate(grams)[: len(ops), 0, :n, :n]  # of the first batch, at the first rho
    traces = np.trace(kernels, axis1=1, axis2=2)
    return {
        **describe("whole_space", config),
        "devices": [device.device_kind for device in devices],
        "architectures": len(ops),
        "first_launch_seconds": compile_seconds,
        "seconds": seconds,
        "architectures_per_second": len(ops) / seconds,
        "mean_log_trace": float(np.log(traces[traces > 0]).mean()),
        **memory_mb(),
    }


if __name__ == "__main__":
    command(run, WholeSpaceConfig(), __doc__)
