"""Seconds per image of attacks on trained networks, against torchattacks.

    python -m benchmarks.attacks --out FILE

Both attack the same images on the same weights with the same numbers of steps, in processes of
their own that take turns. Compiling is apart. How many images stand is compared.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import ntknas
from benchmarks.common import Answer, Worker, command, describe, foreign_load, ratio
from benchmarks.peers import torch_attacks
from ntknas.attack import ATTACKS, AttackSpec, evaluate
from ntknas.errors import InputError
from ntknas.network import Network
from ntknas.spaces.nasbench201 import Architecture

__all__ = ["AttacksConfig", "competitor", "run"]

_COMPETITORS = ("ntknas", "torchattacks")


@dataclass(frozen=True)
class AttacksConfig:
    """What to time.

    Attributes:
        weights: File of trained networks (`tests/attack/train_networks.py` makes it).
        networks: For each network its name in the file, op codes, and the radius in 255ths.
        attacks: Attacks, names of `ntknas.attack.ATTACKS`.
        images: Number of images of the embedded sample.
        steps: Number of steps of gradients; Square makes 50 queries per step.
        repeats: Number of turns after the warm-up.

    Raises:
        InputError: For another attack, or no turn.
    """

    weights: str = "tests/attack/networks.npz"
    networks: tuple[str, ...] = (
        "standard:324131:1",
        "robust:333123:4",
        "more_robust:221421:8",
    )
    attacks: tuple[str, ...] = ("pgd", "apgd-ce", "apgd-t", "fab-t", "square", "autoattack")
    images: int = 200
    steps: int = 10
    repeats: int = 2

    def __post_init__(self) -> None:
        if self.repeats < 1:
            raise InputError(f"repeats must be at least 1, got {self.repeats}")
        for name in self.attacks:
            ATTACKS.check(name)


def competitor(
    path: str, pixels: np.ndarray, labels: np.ndarray, steps: int
) -> Callable[[tuple[str, str, str, float]], Callable[[], int]]:
    """A function from a network and an attack to a callable that counts what stands.

    Args:
        path: File of the weights.
        pixels: Images in [0, 1], float32 [n, h, w, c].
        labels: Classes of the images.
        steps: Number of steps of the gradient attacks; Square makes 50 queries per step.
    """

    def prepare(request: tuple[str, str, str, float]) -> Callable[[], int]:
        name, code, attack, rho = request
        loaded = torch_attacks.checkpoint(path, name, code)
        network, ops = Network(loaded.spec), Architecture.from_code(code).ops
        spec = AttackSpec(attack, 50 * steps if attack == "square" else steps)

        def apply_fn(variables: Any, images: Any) -> Any:
            return network.apply(variables, images, ops)

        def standing() -> int:
            found = evaluate(apply_fn, loaded.variables, pixels, labels, attacks=[spec], rho=rho)
            return found.results[0].accuracy.correct

        return standing

    return prepare


def run(config: AttacksConfig) -> dict[str, Any]:
    """Time every attack on every network.

    Args:
        config: Settings, see `AttacksConfig`.

    Returns:
        The entries of `benchmarks.common.describe` and

        * `attacks`: for each attack the median seconds per image of both; `ratio`, ntknas over
          torchattacks, the geometric mean over networks with its interval, and the same of the
          seconds of all threads below `cpu`; `compile_seconds`, those by which the first call of
          ntknas took longer, the median over networks;
        * `largest_difference`: the largest difference of images that stand;
        * `foreign_load`: the share of the machine that other processes used;
        * `rows`: one per network and attack.
    """
    sample = ntknas.load_images()
    pixels = (sample.pixels[: config.images] / 255).astype(np.float32)
    labels = sample.labels[: config.images]
    arguments = (config.weights, pixels, labels, config.steps)
    rows: list[dict[str, Any]] = []
    answers: list[Answer] = []
    with (
        Worker(competitor, *arguments) as ours,
        Worker(torch_attacks.competitor, *arguments) as theirs,
    ):
        for text in config.networks:
            name, code, radius = text.split(":")
            for attack in config.attacks:
                request = (name, code, attack, float(radius) / 255)
                first = ours(request), theirs(request)
                turns = [(ours(request), theirs(request)) for _ in range(config.repeats)]
                answers += [answer for turn in turns for answer in turn]
                rows.append({"network": name, "attack": attack, **_row(first, turns)})
                print(rows[-1], flush=True)
    by_attack = {a: [row for row in rows if row["attack"] == a] for a in config.attacks}
    return {
        **describe("attacks", config),
        "attacks": {a: _summary(found, len(labels)) for a, found in by_attack.items()},
        "largest_difference": max(abs(row["standing"][0] - row["standing"][1]) for row in rows),
        "foreign_load": foreign_load(answers),
        "rows": rows,
    }


def _row(first: tuple[Answer, Answer], turns: list[tuple[Answer, Answer]]) -> dict[str, Any]:
    """One network's figures for one attack, of ntknas and of torchattacks."""
    row: dict[str, Any] = {"standing": [answer.value for answer in first]}
    for number, name in enumerate(_COMPETITORS):
        answers = [turn[number] for turn in turns]
        row[f"{name}_seconds"] = float(np.median([answer.seconds for answer in answers]))
        row[f"{name}_cpu_seconds"] = float(np.median([answer.cpu_seconds for answer in answers]))
    return row | {"compile_seconds": first[0].seconds - row["ntknas_seconds"]}


def _summary(rows: list[dict[str, Any]], images: int) -> dict[str, Any]:
    """The figures of one attack over all networks."""
    seconds, cpu = (
        [[row[f"{name}_{kind}"] for row in rows] for name in _COMPETITORS]
        for kind in ("seconds", "cpu_seconds")
    )
    per_image = {
        f"{name}_seconds_per_image": float(np.median(values)) / images
        for name, values in zip(_COMPETITORS, seconds, strict=True)
    }
    return {
        **per_image,
        **ratio(*seconds),
        "cpu": ratio(*cpu),
        "compile_seconds": float(np.median([row["compile_seconds"] for row in rows])),
    }


if __name__ == "__main__":
    command(run, AttacksConfig(), __doc__)
