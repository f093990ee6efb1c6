"""CPU seconds of every ranking of `experiments.rivals`: its zero-cost proxies, or the clean kernel.

    python -m benchmarks.rivals --out rivals_seconds.json

One process does all architectures in turns: in a turn each ranking is computed once per
architecture, one after the other, so that what else the machine does falls on all of them alike.
Each ranking has a program of its own, which computes the proxies that it needs and no others. The
first call, which compiles the program, is not among the times. Seconds are CPU seconds of all
threads of the process.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import ntknas
from benchmarks import engine
from benchmarks.common import command, describe
from experiments.rivals import ROWS
from ntknas.errors import InputError
from ntknas.layers import Norm

__all__ = ["KERNEL", "RivalSecondsConfig", "run"]

KERNEL = "kernel"
"""The part that is the clean kernel, which every score of a kernel needs."""


@dataclass(frozen=True)
class RivalSecondsConfig:
    """What to time.

    Attributes:
        archs: Architectures, as `ntknas.architectures` takes them.
        batch_size: Number of images N.
        channels: Channels of the network's first stage.
        cells: Cells per stage.
        norm: Normalisation statistics.
        repeats: Number of turns after the warm-up.
        labels: Labels of the rankings to time, joined with commas; empty means all.

    Raises:
        InputError: If there is no turn, or a label is unknown.
    """

    archs: str = "random:8:0"
    batch_size: int = 16
    channels: int = 16
    cells: int = 1
    norm: str = "image"
    repeats: int = 3
    labels: str = ""

    def __post_init__(self) -> None:
        if self.repeats < 1:
            raise InputError(f"repeats must be at least 1, got {self.repeats}")
        known = [row.label for row in ROWS]
        for label in self.labels.split(",") if self.labels else ():
            if label not in known:
                raise InputError(f"expected labels of {', '.join(known)}, got {label!r}")


def run(config: RivalSecondsConfig) -> dict[str, Any]:
    """Time every ranking on every architecture.

    Args:
        config: Settings, see `RivalSecondsConfig`.

    Returns:
        The entries of `benchmarks.common.describe` and `parts`: for the clean kernel (`KERNEL`) and
        each ranking that needs proxies, `cpu_seconds` (mean over architectures of the median over
        turns), `ratio` to the clean kernel, its `interval` (the ratios of architectures, 95%
        bootstrap of their geometric mean) and `first_call_seconds`.
    """
    spec, batch = engine.clean_setting(
        config.batch_size, config.channels, config.cells, Norm(config.norm)
    )
    ids = [architecture.id for architecture in ntknas.architectures(config.archs)]
    kernel, proxies = engine.competitor(spec, batch), engine.proxy_competitor(spec, batch)
    chosen = config.labels.split(",") if config.labels else [row.label for row in ROWS]
    calls: dict[str, list[Callable[[], Any]]] = {KERNEL: [kernel(index) for index in ids]}
    for row in ROWS:
        if row.proxies and row.label in chosen:
            calls[row.label] = [proxies((index, row.proxies)) for index in ids]
    first = {}
    for label, of_label in calls.items():
        first[label] = _seconds(of_label[0])
        for call in of_label[1:]:
            call()
    taken = np.empty((config.repeats, len(ids), len(calls)))
    for turn in range(config.repeats):
        for place in range(len(ids)):
            for number, of_label in enumerate(calls.values()):
                taken[turn, place, number] = _seconds(of_label[place])
        print(f"turn {turn + 1}: {taken[turn].sum():.1f} CPU seconds", flush=True)
    medians = np.median(taken, 0)
    return {
        **describe("rivals", config),
        "parts": {
            label: {
                "cpu_seconds": float(medians[:, number].mean()),
                **_ratio(medians[:, number] / medians[:, 0]),
                "first_call_seconds": first[label],
            }
            for number, label in enumerate(calls)
        },
    }


def _seconds(call: Callable[[], Any]) -> float:
    """CPU seconds of a call, of all threads of the process."""
    start = time.process_time()
    call()
    return time.process_time() - start


def _ratio(ratios: np.ndarray) -> dict[str, Any]:
    """The geometric mean of ratios, with a bootstrap interval."""
    logs = np.log(ratios)
    drawn = np.random.default_rng(0).integers(len(logs), size=(1000, len(logs)))
    ends = np.percentile(logs[drawn].mean(1), [2.5, 97.5])
    return {"ratio": float(np.exp(logs.mean())), "interval": np.exp(ends).tolist()}


if __name__ == "__main__":
    command(run, RivalSecondsConfig(), __doc__)
