"""Seconds of a clean kernel: ntknas and its peers, in turns.

    python -m benchmarks.kernel_speed --norm batch --batch-size 16 --out FILE

With `--norm batch` the images are coupled, and the peer `torch` is the published tools' loop of
backward passes. With `--norm image` they are not, and the peers are `torch_func` (`vmap(grad)`)
and `neural_tangents` (on the Flax network of ntknas, so it shares its convolutions). Every
competitor has a process of its own, and one works at a time. In a turn each architecture is done by
all of them one after the other, so that slow moments of the machine meet all. Before that, the
whole list is done in one go by `ntknas.score`, which keeps several architectures in flight.

Turns do not make up for a busy machine. Other load slows PyTorch's threads, which wait for each
other, more than XLA's, and would flatter ntknas. `foreign_load` says how much there was.

All compute the kernel of the same weights and images. Each architecture's first call is not among
the times. It compiles what has to be compiled, and its kernels are compared.
"""

import contextlib
import sys
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

import ntknas
from benchmarks import engine
from benchmarks.common import (
    Answer,
    Worker,
    command,
    describe,
    foreign_load,
    ratio,
    spread,
    summary,
)
from benchmarks.peers import neural_tangents, torch_func, torch_loop
from ntknas.errors import InputError
from ntknas.layers import Norm

__all__ = ["LARGEST", "TOLERANCE", "SpeedConfig", "run"]

TOLERANCE = 1e-3
"""Median over the entries of the difference from ntknas's kernel, relative to its largest entry.

All compute in float32, where rounding may put an activation on the other side of ReLU's kink. Then
a few entries change by up to 0.02 (5 cells), as much between PyTorch in float32 and float64 as
between competitors. A single entry may differ by `LARGEST`.
"""

LARGEST = 0.1
"""Largest difference of a single entry, relative to the largest entry."""

_QUIET = 0.05  # share of the machine that others may use without a warning

_PEERS: dict[Norm, dict[str, Any]] = {
    Norm.BATCH: {"torch": torch_loop.competitor},
    Norm.IMAGE: {
        "torch_func": torch_func.competitor,
        "neural_tangents": neural_tangents.competitor,
    },
}


@dataclass(frozen=True)
class SpeedConfig:
    """What to time.

    Attributes:
        archs: Architectures, as `ntknas.architectures` takes them.
        norm: Normalisation statistics, batch or image, which decide on the peers.
        batch_size: Number of images N.
        channels: Channels of the network's first stage.
        cells: Cells per stage.
        repeats: Number of turns after the warm-up.

    Raises:
        InputError: If the normalisation is another one, or there is no turn.
    """

    archs: str = "random:32:0"
    norm: Norm = Norm.BATCH
    batch_size: int = 16
    channels: int = 16
    cells: int = 5
    repeats: int = 3

    def __post_init__(self) -> None:
        if self.norm not in _PEERS:
            raise InputError(f"norm must be one of {', '.join(_PEERS)}, got {self.norm}")
        if self.repeats < 1:
            raise InputError(f"repeats must be at least 1, got {self.repeats}")


def run(config: SpeedConfig) -> dict[str, Any]:
    """Time all competitors on every architecture.

    Args:
        config: Settings, see `SpeedConfig`.

    Returns:
        The entries of `benchmarks.common.describe` and

        * `rows`: for each architecture id, code, `difference` of each peer's kernel from ntknas's
          (relative to its largest entry), and for each competitor the seconds of the first call,
          median and quartiles;
        * `peak_gflops`: the fastest of one product of matrices per turn, in 10^9 operations per
          second;
        * `competitors`: median and mean over architectures, seconds of the very first call, the
          share of the machine that other processes used meanwhile, and the cost model's operations
          per second, also as a fraction of the peak (a peer may do more operations than those);
        * `peers`: geometric mean of the ratios of ntknas's seconds to a peer's, and its interval;
        * `score`: seconds per architecture of `ntknas.score` over the list. The ratios to its peers
          are those of the whole list's seconds, the median over turns.

    Raises:
        RuntimeError: If kernels differ by more than `TOLERANCE` or `LARGEST`.
    """
    spec, batch = engine.clean_setting(
        config.batch_size, config.channels, config.cells, config.norm
    )
    architectures = ntknas.architectures(config.archs)
    makers = {"ntknas": engine.competitor, **_PEERS[config.norm]}
    with contextlib.ExitStack() as stack:
        workers = {n: stack.enter_context(Worker(m, spec, batch)) for n, m in makers.items()}
        rows = [_first_calls(workers, architecture) for architecture in architectures]
        ids = tuple(a.id for a in architectures)
        scored, answers, peaks = _turns(workers, ids, config.repeats)

    used = partial(engine.fraction_of_peak, spec, ids, peak=max(peaks))
    score_times = [answer.seconds for answer in scored]
    times = {n: [[a.seconds for a in turn] for turn in turns] for n, turns in answers.items()}
    loads = {name: foreign_load(sum(turns, [])) for name, turns in answers.items()}
    if max(loads.values()) > _QUIET:
        print(f"warning: other processes used the machine meanwhile: {loads}", file=sys.stderr)
    medians: dict[str, list[float]] = {}
    for name, turns in times.items():
        spreads = [spread(list(seconds)) for seconds in zip(*turns, strict=True)]
        medians[name] = [s["median_seconds"] for s in spreads]
        for row, found in zip(rows, spreads, strict=True):
            row[name] |= found
    compiling = {name: rows[0][name]["first_call_seconds"] for name in workers}
    peers = [name for name in workers if name != "ntknas"]
    return {
        **describe("kernel_speed", config),
        "peak_gflops": max(peaks) / 1e9,
        "competitors": {
            name: {
                **summary(medians[name]),
                **used(sum(medians[name])),
                "compile_seconds": compiling[name],
                "foreign_load": loads[name],
            }
            for name in workers
        },
        "peers": {name: ratio(medians["ntknas"], medians[name]) for name in peers},
        "score": {
            **spread([seconds / len(rows) for seconds in score_times]),
            **used(float(np.median(score_times))),
            "foreign_load": foreign_load(scored),
            "peers": {name: {"ratio": _list_ratio(score_times, times[name])} for name in peers},
        },
        "largest_difference": max(max(row["difference"].values()) for row in rows),
        "rows": rows,
    }


def _first_calls(workers: dict[str, Worker], architecture: ntknas.Architecture) -> dict[str, Any]:
    """Compile what an architecture needs and compare its kernels."""
    answers = {name: worker(architecture.id) for name, worker in workers.items()}
    return {
        "id": architecture.id,
        "code": architecture.code,
        "difference": _differences({name: a.value for name, a in answers.items()}),
        **{name: {"first_call_seconds": a.seconds} for name, a in answers.items()},
    }


def _turns(
    workers: dict[str, Worker], ids: tuple[int, ...], repeats: int
) -> tuple[list[Answer], dict[str, list[list[Answer]]], list[float]]:
    """Per turn: `ntknas.score`, each competitor on each architecture, the machine's peak."""
    scored: list[Answer] = []
    peaks: list[float] = []
    found: dict[str, list[list[Answer]]] = {name: [] for name in workers}
    for turn in range(repeats):
        peaks.append(workers["ntknas"](engine.PEAK).value)
        scored.append(workers["ntknas"](ids))
        answers = [{name: worker(index) for name, worker in workers.items()} for index in ids]
        for name in workers:
            found[name].append([answer[name] for answer in answers])
        sums = {name: sum(a.seconds for a in turns[-1]) for name, turns in found.items()}
        lists = ", ".join(f"{name} {seconds:.2f} s" for name, seconds in sums.items())
        print(f"turn {turn + 1}: score {scored[-1].seconds:.2f} s, {lists}", flush=True)
    return scored, found, peaks


def _list_ratio(score_times: list[float], turns: list[list[float]]) -> float:
    """Median over turns of the whole list's seconds, ours to theirs."""
    pairs = zip(score_times, turns, strict=True)
    return float(np.median([ours / sum(theirs) for ours, theirs in pairs]))


def _differences(kernels: dict[str, np.ndarray]) -> dict[str, float]:
    """The largest difference of each peer's kernel from ntknas's, over its largest entry."""
    ours = kernels.pop("ntknas").astype(np.float64)
    found = {}
    for name, kernel in kernels.items():
        differences = np.abs(kernel - ours) / np.abs(ours).max()
        median, largest = float(np.median(differences)), float(differences.max())
        if not (median <= TOLERANCE and largest <= LARGEST):
            raise RuntimeError(
                f"kernel of {name} differs from ntknas's by {median:.1e} (median of its entries), "
                f"at most {largest:.1e}"
            )
        found[name] = largest
    return found


if __name__ == "__main__":
    command(run, SpeedConfig(), __doc__)
