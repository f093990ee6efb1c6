"""Seconds of the full set of kernels (clean, robust, twice) over those of the clean one alone.

    python -m benchmarks.full_set --out FILE

Each has a process of its own, and they take turns: architecture by architecture, one at a time,
and before that the whole list in one go by `ntknas.score`, as users get it.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

import ntknas
from benchmarks import engine
from benchmarks.common import Worker, command, describe, foreign_load, ratio, spread, summary
from ntknas.attack import AttackSpec
from ntknas.engine import run_cost
from ntknas.errors import InputError
from ntknas.kernel import Batch
from ntknas.layers import Norm
from ntknas.spaces.nasbench201 import Architecture

__all__ = ["FullSetConfig", "run"]


@dataclass(frozen=True)
class FullSetConfig:
    """What to time.

    Attributes:
        archs: Architectures, as `ntknas.architectures` takes them.
        norm: Normalisation statistics.
        batch_size: Number of images N.
        channels: Channels of the network's first stage.
        cells: Cells per stage.
        rho: Radius of the attack in pixel units.
        steps: Steps of PGD.
        repeats: Number of turns after the warm-up.

    Raises:
        InputError: If there is no turn.
    """

    archs: str = "random:32:0"
    norm: Norm = Norm.BATCH
    batch_size: int = 16
    channels: int = 16
    cells: int = 5
    rho: float = 8 / 255
    steps: int = 10
    repeats: int = 2

    def __post_init__(self) -> None:
        if self.repeats < 1:
            raise InputError(f"repeats must be at least 1, got {self.repeats}")


def run(config: FullSetConfig) -> dict[str, Any]:
    """Time both sets on every architecture.

    Args:
        config: Settings, see `FullSetConfig`.

    Returns:
        The entries of `benchmarks.common.describe` and

        * `sets`: for each set the seconds per architecture, the seconds of its first call, and the
          share of the machine that other processes used;
        * `ratio`: full over clean, the geometric mean over architectures one at a time, and its
          interval;
        * `score_ratio`: the same for the seconds of the whole list in `ntknas.score`, the median
          over turns;
        * `operations_ratio`: the ratio that the cost model expects of the list;
        * `rows`: one per architecture.
    """
    clean, batch = engine.clean_setting(
        config.batch_size, config.channels, config.cells, config.norm
    )
    full = replace(
        clean,
        batches=tuple(Batch),
        rhos=(config.rho,),
        attack=AttackSpec(steps=config.steps),
        attack_norm=config.norm,
    )
    specs = {"clean": clean, "full": full}
    ids = tuple(a.id for a in ntknas.architectures(config.archs))
    with (
        Worker(engine.competitor, clean, batch) as first,
        Worker(engine.competitor, full, batch) as second,
    ):
        workers = {"clean": first, "full": second}
        warm = {n: [worker(index).seconds for index in ids] for n, worker in workers.items()}
        for worker in workers.values():
            worker(ids)  # compiles what a launch of several needs
        lists, turns = [], []
        for turn in range(config.repeats):
            lists.append({n: worker(ids) for n, worker in workers.items()})
            turns.append([{n: worker(index) for n, worker in workers.items()} for index in ids])
            print(f"turn {turn + 1} of {config.repeats}", flush=True)
    medians = {
        name: [float(np.median([turn[i][name].seconds for turn in turns])) for i in range(len(ids))]
        for name in workers
    }
    scored = [turn["full"].seconds / turn["clean"].seconds for turn in lists]
    operations = {
        name: sum(run_cost(Architecture.from_id(index), spec).flops for index in ids)
        for name, spec in specs.items()
    }
    return {
        **describe("full_set", config),
        "sets": {
            name: {
                **summary(medians[name]),
                "compile_seconds": warm[name][0],
                "score": spread([turn[name].seconds / len(ids) for turn in lists]),
                "foreign_load": foreign_load(
                    [t[name] for t in lists] + [answer[name] for turn in turns for answer in turn]
                ),
            }
            for name in workers
        },
        "ratio": ratio(medians["full"], medians["clean"]),
        "score_ratio": float(np.median(scored)),
        "operations_ratio": operations["full"] / operations["clean"],
        "rows": [
            {"id": index} | {name: medians[name][i] for name in workers}
            for i, index in enumerate(ids)
        ],
    }


if __name__ == "__main__":
    command(run, FullSetConfig(), __doc__)
