"""Architectures per second over the whole space, on all local devices: meant for a GPU.

    python -m benchmarks.whole_space --batch-size 16 --norm batch
    python -m benchmarks.whole_space --batch-size 32 --norm image
    python -m benchmarks.whole_space --batch-size 32 --kernels clean,robust,twice --steps 10

    python -m benchmarks.whole_space --program bundles --norm image --per-launch 128
    python -m benchmarks.whole_space --program bundles --norm batch --per-launch 64 --variants image
    python -m benchmarks.whole_space --program bundles --norm batch --archs random:64 --profile 30

`--per-launch` architectures go to a device in one launch. With `--program branches` they run in
turn, each with only the operations that it has. With `--program bundles` they run together.
Compilation is timed apart. `--profile` says what one more launch spends its time on. Nothing is
written; `ntknas score` adds the store and scores.
"""

import re
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import ntknas
from benchmarks.common import batches_of, command, describe, memory_mb
from benchmarks.engine import clean_setting
from ntknas.attack import AttackSpec
from ntknas.engine import (
    OF_CELLS,
    bundle_capacities,
    bundle_grams,
    bundle_size,
    many_grams,
    pack,
    reused_memory,
    seed_inputs,
)
from ntknas.errors import InputError
from ntknas.images import ScoringBatch
from ntknas.kernel import WEIGHT_GRADIENTS, KernelName
from ntknas.layers import Norm
from ntknas.network import route
from ntknas.runs import ScoringSpec
from ntknas.spaces.nasbench201 import Architecture, live_operations

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
        program: Program of the engine, branches or bundles.
        per_launch: Architectures per device and launch; of a bundle, its size. 0 means 8 with
            branches, and what fits into the device's memory with bundles.
        variants: With bundles, the way to the weight gradients of coupled images: a member of
            `ntknas.kernel.WEIGHT_GRADIENTS`.
        profile: Number of operations to list of one more launch, those that take the most time; 0
            means no such launch.

    Raises:
        InputError: If the program or the variant is another one, or a number is negative.
    """

    archs: str = "all"
    batch_size: int = 16
    channels: int = 16
    cells: int = 5
    norm: Norm = Norm.BATCH
    kernels: tuple[KernelName, ...] = (KernelName.CLEAN,)
    rho: tuple[float, ...] = (3.0, 8.0)
    steps: int = 10
    program: str = "branches"
    per_launch: int = 0
    variants: str = "batch"
    profile: int = 0

    def __post_init__(self) -> None:
        if self.program not in OF_CELLS:
            raise InputError(f"program must be one of {', '.join(OF_CELLS)}, got {self.program}")
        if self.variants not in WEIGHT_GRADIENTS:
            known = ", ".join(WEIGHT_GRADIENTS)
            raise InputError(f"variants must be one of {known}, got {self.variants}")
        for name, number in (("per_launch", self.per_launch), ("profile", self.profile)):
            if number < 0:
                raise InputError(f"{name} must not be negative, got {number}")


def run(config: WholeSpaceConfig) -> dict:
    """Compute the joint Gram matrices of every architecture, two launches in flight.

    Args:
        config: Settings, see `WholeSpaceConfig`.

    Returns:
        The entries of `benchmarks.common.describe`, seconds of the first launch and of the whole,
        architectures per second, and a fingerprint of the kernels (the mean of the logarithms of
        their traces), by which runs can be compared. With `profile` also milliseconds by operation
        of one launch, as `_profile` gives them.
    """
    spec, batch = clean_setting(config.batch_size, config.channels, config.cells, config.norm)
    spec = replace(
        spec,
        batches=batches_of(config.kernels),
        rhos=tuple(rho / 255 for rho in config.rho),
        attack=AttackSpec(steps=config.steps),
    )
    chosen = ntknas.architectures(config.archs)
    launch, launches = (_bundled if config.program == "bundles" else _branched)(
        config, spec, batch, chosen
    )
    with reused_memory():
        start = time.perf_counter()
        launch(launches[0][1]).block_until_ready()
        compile_seconds = time.perf_counter() - start
        start = time.perf_counter()
        grams, pending = [], launch(launches[0][1])
        for _, following in launches[1:]:
            ahead = launch(following)
            grams.append(np.asarray(pending))
            pending = ahead
        grams.append(np.asarray(pending))
        seconds = time.perf_counter() - start
    operations = _profile(lambda: launch(launches[0][1]), config.profile) if config.profile else {}
    # Free places of a launch are left out; what stays is in the order of the launches.
    kept = [g[:count] for g, (count, _) in zip(grams, launches, strict=True)]
    n = config.batch_size
    kernels = np.concatenate(kept)[:, 0, :n, :n]  # of the first batch, at the first rho
    traces = np.trace(kernels, axis1=1, axis2=2)
    return {
        **describe("whole_space", config),
        "devices": [device.device_kind for device in jax.local_devices()],
        "architectures": len(chosen),
        "launches": len(launches),
        "first_launch_seconds": compile_seconds,
        "seconds": seconds,
        "architectures_per_second": len(chosen) / seconds,
        "mean_log_trace": float(np.log(traces[traces > 0]).mean()),
        "peak_device_mb": _peak_device_mb(),
        **operations,
        **memory_mb(),
    }


def _profile(launched: Callable[[], jax.Array], listed: int) -> dict[str, Any]:
    """Milliseconds of the operations of one launch, as JAX's profiler saw them.

    Operations whose names differ by a number alone are added up. Times of different streams or
    threads overlap.

    Args:
        launched: Starts the launch.
        listed: Number of operations to list.

    Returns:
        By "PLANE LINE" of the profile (a stream of a GPU, or a thread of a CPU) and by operation,
        the longest first; "all" is the sum over a line's operations.
    """
    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder):
            launched().block_until_ready()
        [path] = Path(folder).rglob("*.xplane.pb")
        planes = list(jax.profiler.ProfileData.from_file(str(path)).planes)
    devices = [plane for plane in planes if plane.name.startswith("/device:")] or planes
    found: dict[str, dict[str, float]] = {}
    for plane in devices:
        for line in plane.lines:
            times: dict[str, float] = defaultdict(float)
            for event in line.events:
                if event.duration_ns and not event.name.startswith("$"):  # "$" marks Python
                    times[re.sub(r"[._]\d+", "", event.name)] += event.duration_ns / 1e6
            if times:
                longest = dict(sorted(times.items(), key=lambda item: -item[1])[:listed])
                found[f"{plane.name} {line.name}"] = {"all": sum(times.values()), **longest}
    return {"milliseconds_by_operation": found}


def _peak_device_mb() -> float | None:
    """The most memory that the first device held so far; None where it does not count it."""
    stats = jax.local_devices()[0].memory_stats() or {}
    return stats["peak_bytes_in_use"] / 1e6 if "peak_bytes_in_use" in stats else None


Launch = tuple[int, Any]
"""Number of architectures of a launch, and what the program takes."""


def _branched(
    config: WholeSpaceConfig, spec: ScoringSpec, batch: ScoringBatch, chosen: list[Architecture]
) -> tuple[Callable[[Any], jax.Array], list[Launch]]:
    """The program with branches, and its launches."""
    inputs = seed_inputs(spec, batch, 0)
    rhos = jnp.array(spec.rhos, inputs.images.dtype)
    devices = tuple(jax.local_devices())
    size = (config.per_launch or 8) * len(devices)
    ops = np.array([live_operations(architecture) for architecture in chosen])
    padded = np.resize(ops, (-(-len(ops) // size) * size, 6)).reshape(-1, size, 6)
    counts = [min(size, len(ops) - start) for start in range(0, len(ops), size)]

    def launch(ops: np.ndarray) -> jax.Array:
        options = {"spec": spec.compiled, "devices": devices}
        return many_grams(jnp.asarray(ops), inputs, rhos, **options).whole

    return launch, list(zip(counts, padded, strict=True))


def _bundled(
    config: WholeSpaceConfig, spec: ScoringSpec, batch: ScoringBatch, chosen: list[Architecture]
) -> tuple[Callable[[Any], jax.Array], list[Launch]]:
    """The program of bundles on one device, and its launches."""
    inputs = seed_inputs(spec, batch, 0)
    rhos = jnp.array(spec.rhos, inputs.images.dtype)
    devices = tuple(jax.local_devices())[:1]
    size = config.per_launch or bundle_size(spec, devices[0])
    capacities = bundle_capacities(size)
    # First fit fills bundles best if architectures that follow each other differ.
    order = np.random.default_rng(0).permutation(len(chosen))
    cells = [live_operations(chosen[position]) for position in order]
    launches = []
    for bundle in pack(cells, size, capacities):
        edges = route([cells[i] for i in bundle], size, capacities, inputs.images.dtype.name)
        launches.append((len(bundle), jax.tree.map(lambda array: array[None], edges)))

    def launch(edges: Any) -> jax.Array:
        return bundle_grams(
            edges,
            inputs,
            rhos,
            spec=spec.compiled,
            size=size,
            devices=devices,
            weight_gradients=config.variants,
        ).whole[0]

    return launch, launches


if __name__ == "__main__":
    command(run, WholeSpaceConfig(), __doc__)
