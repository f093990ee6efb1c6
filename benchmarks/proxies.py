"""Seconds of the zero-cost proxies: ntknas and PyTorch, in turns.

    python -m benchmarks.proxies --out FILE

The peer is `benchmarks.peers.torch_proxies`: the same definitions, written in PyTorch, on xautodl's
network with the same weights, images and random draws. It has the older families
(`benchmarks.engine.PEERED`); `benchmarks.rivals` times the others. Both competitors have a process
of their own, and one works at a time. In a turn each architecture is done by both, one after the
other: all proxies together (`all`), then each family alone. Each architecture's first call is not
among the times. It compiles what has to be compiled, and its scores are compared.

CPU seconds are those of all threads of a process, so they do not depend on the number of cores that
were free.
"""

import contextlib
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np

import ntknas
from benchmarks import engine
from benchmarks.common import Answer, Worker, command, describe, foreign_load, ratio, spread
from benchmarks.engine import ALL, PEERED
from benchmarks.peers import torch_proxies
from ntknas.errors import InputError
from ntknas.layers import Norm

__all__ = ["TOLERANCE", "ProxyConfig", "run"]

TOLERANCE = 1e-2
"""Largest difference of a score from ntknas's, relative to it.

Both compute in float32, apart from SynFlow and CRoZe. Rounding that puts an activation on the other
side of ReLU's kink changes second derivatives most.
"""

_QUIET = 0.05  # share of the machine that others may use without a warning


@dataclass(frozen=True)
class ProxyConfig:
    """What to time.

    Attributes:
        archs: Architectures, as `ntknas.architectures` takes them.
        batch_size: Number of images N.
        channels: Channels of the network's first stage.
        cells: Cells per stage.
        repeats: Number of turns after the warm-up.

    Raises:
        InputError: If there is no turn.
    """

    archs: str = "random:12:0"
    batch_size: int = 16
    channels: int = 16
    cells: int = 1
    repeats: int = 3

    def __post_init__(self) -> None:
        if self.repeats < 1:
            raise InputError(f"repeats must be at least 1, got {self.repeats}")


def run(config: ProxyConfig) -> dict[str, Any]:
    """Time both competitors on every architecture.

    Args:
        config: Settings, see `ProxyConfig`.

    Returns:
        The entries of `benchmarks.common.describe` and

        * `rows`: for each architecture id, code, and the `difference` of every score from ntknas's,
          relative to it;
        * `largest_difference`: the largest of these by score;
        * `parts`: for all proxies together and for each family, mean over architectures of the
          median wall and CPU seconds of both competitors, seconds of the very first call, the share
          of the machine that other processes used meanwhile, and the geometric mean of the ratios
          of ntknas's to PyTorch's wall seconds (`ratio`) and CPU seconds (`cpu_ratio`).

    Raises:
        RuntimeError: If scores differ by more than `TOLERANCE`.
    """
    spec, batch = engine.clean_setting(config.batch_size, config.channels, config.cells, Norm.BATCH)
    architectures = ntknas.architectures(config.archs)
    parts = (ALL, *PEERED)
    makers = {"ntknas": engine.proxy_competitor, "torch": torch_proxies.competitor}
    rows: list[dict[str, Any]] = []
    first: dict[str, dict[str, float]] = {part: {} for part in parts}
    with contextlib.ExitStack() as stack:
        workers = {n: stack.enter_context(Worker(m, spec, batch)) for n, m in makers.items()}
        for architecture in architectures:
            answers: dict[str, dict[str, Answer]] = {}
            for part in parts:
                request = (architecture.id, part)
                answers[part] = {name: worker(request) for name, worker in workers.items()}
                for name, answer in answers[part].items():
                    first[part].setdefault(name, answer.seconds)
            found = {name: answer.value for name, answer in answers[ALL].items()}
            rows.append(
                {
                    "id": architecture.id,
                    "code": architecture.code,
                    "difference": _differences(found["ntknas"], found["torch"]),
                }
            )
        turns: dict[tuple[str, str], list[list[Answer]]] = {
            (part, name): [] for part in parts for name in workers
        }
        for turn in range(config.repeats):
            for answered in turns.values():
                answered.append([])
            for architecture in architectures:
                for part in parts:
                    for name, worker in workers.items():
                        turns[part, name][-1].append(worker((architecture.id, part)))
            sums = ", ".join(
                f"{name} {sum(a.cpu_seconds for a in turns[ALL, name][-1]):.2f} CPU seconds"
                for name in workers
            )
            print(f"turn {turn + 1}: {sums}", flush=True)
    return {
        **describe("proxies", config),
        "parts": {
            part: _part({name: turns[part, name] for name in workers}, first[part])
            for part in parts
        },
        "largest_difference": {
            name: max(row["difference"][name] for row in rows) for name in rows[0]["difference"]
        },
        "rows": rows,
    }


def _part(turns: dict[str, list[list[Answer]]], first: dict[str, float]) -> dict[str, Any]:
    """The figures of all proxies or of one family."""
    loads = {name: foreign_load(sum(answers, [])) for name, answers in turns.items()}
    if max(loads.values()) > _QUIET:
        print(f"warning: other processes used the machine meanwhile: {loads}", file=sys.stderr)
    wall, cpu = (
        {
            name: [
                spread([getattr(answer, kind) for answer in of_one])["median_seconds"]
                for of_one in zip(*answers, strict=True)
            ]
            for name, answers in turns.items()
        }
        for kind in ("seconds", "cpu_seconds")
    )
    of_wall, of_cpu = (ratio(times["ntknas"], times["torch"]) for times in (wall, cpu))
    return {
        **{
            name: {
                "mean_seconds": float(np.mean(wall[name])),
                "mean_cpu_seconds": float(np.mean(cpu[name])),
                "first_call_seconds": first[name],
                "foreign_load": loads[name],
            }
            for name in turns
        },
        **of_wall,
        "cpu_ratio": of_cpu["ratio"],
        "cpu_interval": of_cpu["interval"],
    }


def _differences(ours: dict[str, float], theirs: dict[str, float]) -> dict[str, float]:
    """The difference of every score of the peer, relative to ntknas's."""
    if set(ours) != set(theirs):
        raise RuntimeError(f"scores of torch: {', '.join(theirs)}; expected {', '.join(ours)}")
    found = {}
    for name, value in ours.items():
        difference = abs(theirs[name] - value) / max(abs(value), 1e-12)
        if not difference <= TOLERANCE:
            raise RuntimeError(
                f"{name} of torch differs from ntknas's by {difference:.1e}: "
                f"{theirs[name]:.6g} and {value:.6g}"
            )
        found[name] = difference
    return found


if __name__ == "__main__":
    command(run, ProxyConfig(), __doc__)
