"""Seconds of a clean kernel against batch size, width and depth of the network, and devices.

    python -m benchmarks.scaling --plot scaling.png --out FILE

One of the four varies at a time. The exponent of each is the slope of a line fitted to logarithms.
For devices a launch of several architectures is timed, and its seconds divided by their number. On
a CPU the devices are XLA's host devices, which share the processor's cores.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.ticker import LogLocator, NullFormatter, NullLocator

import ntknas
from benchmarks import engine
from benchmarks.common import Worker, command, describe, foreign_load, spread
from ntknas.engine import many_grams, seed_inputs
from ntknas.errors import InputError
from ntknas.layers import Norm
from ntknas.report import COLOURS, check_picture, new_figure, picture_style, save_picture
from ntknas.spaces.nasbench201 import Architecture, live_operations

__all__ = ["ScalingConfig", "exponent", "plot", "run"]

_AXES = {
    "batch_size": "images N",
    "channels": "width C",
    "cells": "cells per stage",
    "devices": "devices",
}


@dataclass(frozen=True)
class ScalingConfig:
    """What varies, and what is kept meanwhile.

    Attributes:
        arch: One architecture.
        norm: Normalisation statistics.
        batch_sizes: Numbers of images N to try.
        widths: Channels C of the first stage to try.
        depths: Cells per stage to try.
        devices: Numbers of devices to try.
        batch_size: Number of images N while something else varies.
        channels: Channels of the first stage meanwhile.
        cells: Cells per stage meanwhile.
        per_launch: Architectures in a launch over devices, a multiple of all numbers of devices.
        repeats: Number of turns over all settings, after the first call of each.
        plot: Picture to write, .png, .svg or .pdf.

    Raises:
        InputError: If there are fewer than two values of something, a launch that devices cannot
            share equally, no turn, or a picture of another kind.
    """

    arch: str = "code:333333"
    norm: Norm = Norm.BATCH
    batch_sizes: tuple[int, ...] = (8, 16, 32)
    widths: tuple[int, ...] = (8, 16, 32)
    depths: tuple[int, ...] = (1, 3, 5)
    devices: tuple[int, ...] = (1, 2, 4)
    batch_size: int = 16
    channels: int = 16
    cells: int = 1
    per_launch: int = 4
    repeats: int = 5
    plot: Path = Path("scaling.png")

    def __post_init__(self) -> None:
        for name in ("batch_sizes", "widths", "depths", "devices"):
            values = getattr(self, name)
            if len(set(values)) < 2 or min(values) < 1:
                raise InputError(f"{name} must be two values or more from 1 on, got {values}")
        if self.per_launch < 1 or any(self.per_launch % count for count in self.devices):
            raise InputError(
                f"per_launch must be a multiple of devices {self.devices}, got {self.per_launch}"
            )
        if self.repeats < 1:
            raise InputError(f"repeats must be at least 1, got {self.repeats}")
        check_picture(self.plot)

    def settings(self) -> dict[str, dict[int, tuple[int, int, int]]]:
        """(batch_size, channels, cells) of every value of what varies."""
        n, c, d = self.batch_size, self.channels, self.cells
        return {
            "batch_size": {value: (value, c, d) for value in self.batch_sizes},
            "channels": {value: (n, value, d) for value in self.widths},
            "cells": {value: (n, c, value) for value in self.depths},
        }


def run(config: ScalingConfig) -> dict[str, Any]:
    """Time every setting in turns, fit the exponents and draw them.

    Args:
        config: Settings, see `ScalingConfig`.

    Returns:
        The entries of `benchmarks.common.describe`, the share of the machine that other processes
        used meanwhile, and for each of `batch_size`, `channels`, `cells`, `devices` its `exponent`
        and `points`: the value as `id`, median and quartiles, seconds of the first call.

    Raises:
        InputError: If there is no architecture, or there are several.
    """
    architectures = ntknas.architectures(config.arch)
    if len(architectures) != 1:
        raise InputError(f"expected one architecture, got {len(architectures)}")
    index = architectures[0].id
    settings = config.settings()
    distinct = sorted({setting for values in settings.values() for setting in values.values()})
    with (
        Worker(_kernels, config.norm, index) as kernels,
        Worker(_launches, config, index) as launches,
    ):
        calls: list[tuple[Worker, Any]] = [(kernels, setting) for setting in distinct]
        calls += [(launches, count) for count in config.devices]
        first = {request: worker(request).seconds for worker, request in calls}
        turns = [
            {request: worker(request) for worker, request in calls} for _ in range(config.repeats)
        ]

    def axis(requests: dict[int, Any], architectures: int = 1) -> dict[str, Any]:
        points = [
            {
                "id": value,
                "first_call_seconds": first[request],
                **spread([turn[request].seconds / architectures for turn in turns]),
            }
            for value, request in requests.items()
        ]
        slope = exponent(list(requests), [point["median_seconds"] for point in points])
        return {"exponent": slope, "points": points}

    scaling = {name: axis(values) for name, values in settings.items()}
    scaling["devices"] = axis({count: count for count in config.devices}, config.per_launch)
    plot(scaling, config.plot)
    load = foreign_load([answer for turn in turns for answer in turn.values()])
    return {**describe("scaling", config), "foreign_load": load, "scaling": scaling}


def _kernels(norm: Norm, index: int) -> Callable[[tuple[int, int, int]], Callable]:
    return lambda setting: engine.competitor(*engine.clean_setting(*setting, norm))(index)


def _launches(config: ScalingConfig, index: int) -> Callable[[int], Callable[[], np.ndarray]]:
    """From a number of devices to a launch of `config.per_launch` times the architecture."""
    jax.config.update("jax_num_cpu_devices", max(config.devices))
    spec, batch = engine.clean_setting(
        config.batch_size, config.channels, config.cells, config.norm
    )
    inputs = seed_inputs(spec, batch, 0)
    rhos = jnp.zeros(0, inputs.images.dtype)
    ops = jnp.asarray(np.tile(live_operations(Architecture.from_id(index)), (config.per_launch, 1)))

    def prepare(count: int) -> Callable[[], np.ndarray]:
        devices = tuple(jax.local_devices()[:count])
        if len(devices) < count:
            raise InputError(f"expected {count} devices, got {len(devices)}")
        return lambda: np.asarray(
            many_grams(ops, inputs, rhos, spec=spec.compiled, devices=devices).whole
        )

    return prepare


def exponent(values: list[int], seconds: list[float]) -> float:
    """The least-squares slope of log seconds against log values."""
    return float(np.polyfit(np.log(values), np.log(seconds), 1)[0])


@picture_style()
def plot(scaling: dict[str, dict[str, Any]], path: Path) -> Path:
    """Draw one panel for each of what varied, both axes logarithmic, and write the picture.

    Args:
        scaling: The entry of `run`'s result.
        path: Path of the picture, ending in .png, .svg or .pdf.

    Returns:
        The path.
    """
    figure = new_figure(2.4)
    panels = figure.subplots(1, len(scaling), sharey=True, squeeze=False)[0]
    for axes, (name, found) in zip(panels, scaling.items(), strict=True):
        values = np.array([point["id"] for point in found["points"]])
        seconds = np.array([point["median_seconds"] for point in found["points"]])
        quartiles = np.array([point["quartiles"] for point in found["points"]]).T
        errors = np.abs(quartiles - seconds)
        axes.errorbar(values, seconds, errors, fmt="o", color=COLOURS[0], capsize=3)
        slope = found["exponent"]
        fitted = np.exp(np.log(seconds).mean() + slope * (np.log(values) - np.log(values).mean()))
        axes.plot(values, fitted, color=COLOURS[1], label=f"exponent {slope:.2f}")
        axes.set(xscale="log", yscale="log", xlabel=_AXES[name])
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xticks(values, [str(value) for value in values])
        axes.legend()
    panels[0].yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    panels[0].yaxis.set_major_formatter("{x:g}")
    panels[0].yaxis.set_minor_locator(NullLocator())
    panels[0].set_ylabel("seconds per kernel")
    figure.suptitle("medians; bars: quartiles over repeats")
    save_picture(figure, path)
    return path


if __name__ == "__main__":
    command(run, ScalingConfig(), __doc__)
