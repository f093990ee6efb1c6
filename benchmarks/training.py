"""Seconds of PGD and of adversarial training: ntknas and PyTorch with torchattacks, in turns.

    python -m benchmarks.training --out FILE

Three jobs per architecture, each on the same weights and images for both competitors:

* `attack`: PGD-10 on a batch, in `eval()`, as in an evaluation.
* `epoch`: adversarial training on some batches, PGD-7 in `eval()` and a step in `train()`.
* `stacked` (ntknas alone): the same for two seeds in one program, with stacked weights. Its ratio
  is that to two seeds one after the other.

Every competitor has a process of its own, and one works at a time. PyTorch takes a GPU where it
finds one, as JAX does. Compiling is not in the times.
The attacked images are compared: both start at the images and take the same steps. PyTorch's
threads wait for each other, so that other load on the machine (`foreign_load`) flatters ntknas.
"""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import ntknas
from benchmarks.common import Answer, Worker, command, describe, foreign_load, ratio, spread
from ntknas.errors import InputError
from ntknas.layers import Norm
from ntknas.network import Network, initial_variables
from ntknas.training import Recipe, initial_state, training_step

__all__ = ["JOBS", "TrainingConfig", "run"]

JOBS = ("attack", "epoch")
_RHO, _STEP = 8 / 255, 2 / 255
_LEAST_EQUAL = 0.9
"""Least share of attacked pixels that are equal; rounding turns the sign of some gradients."""


@dataclass(frozen=True)
class TrainingConfig:
    """What to time.

    Attributes:
        archs: Architectures, as `ntknas.architectures` takes them.
        batch_size: Images per batch.
        batches: Batches of the epoch.
        channels: Channels of the first stage.
        cells: Cells per stage.
        repeats: Number of turns after the warm-up.

    Raises:
        InputError: If there is no turn.
    """

    archs: str = "random:8:0"
    batch_size: int = 64
    batches: int = 2
    channels: int = 16
    cells: int = 5
    repeats: int = 3

    def __post_init__(self) -> None:
        if self.repeats < 1:
            raise InputError(f"repeats must be at least 1, got {self.repeats}")

    @property
    def network(self) -> ntknas.NetworkSpec:
        """The network around the cells."""
        return ntknas.NetworkSpec(channels=self.channels, cells=self.cells, norm=Norm.FROZEN)

    @property
    def recipe(self) -> Recipe:
        """The benchmark's recipe without what is random."""
        attack = ntknas.AttackSpec(steps=7, step_size=_STEP, random_start=False)
        return Recipe(attack=attack, augment=False)

    def images(self) -> tuple[np.ndarray, np.ndarray]:
        """Pixels in [0, 1] and labels of all batches; images come again where they run out."""
        images = ntknas.load_images()
        wanted = self.batch_size * self.batches
        batch = ntknas.scoring_batch(images, min(wanted, len(images)), seed=0)
        again = np.arange(wanted) % len(batch.labels)
        return batch.pixels[again], batch.labels[again]


def ours(config: TrainingConfig) -> Callable[[Any], Callable[[], Any]]:
    """The competitor ntknas, see `benchmarks.common.Worker`."""
    spec, recipe, size = config.network, config.recipe, config.batch_size
    pixels, labels = map(jnp.asarray, config.images())
    network, rate = Network(spec), jnp.float32(0.01)
    batches = [jnp.arange(i * size, (i + 1) * size) for i in range(config.batches)]

    def prepare(request: tuple[str, int]) -> Callable[[], Any]:
        job, index = request
        ops = ntknas.Architecture.from_id(index).ops
        variables = jax.tree.map(jnp.asarray, initial_variables(spec, 0, ops))
        if job == "attack":
            program = jax.jit(
                lambda images, labels: ntknas.attack.attack(
                    jax.random.key(0),
                    lambda variables, images: network.apply(variables, images, ops),
                    variables,
                    images,
                    labels,
                    spec=ntknas.AttackSpec(steps=10, step_size=_STEP, random_start=False),
                    rho=_RHO,
                )
            )
            return lambda: np.asarray(program(pixels[:size], labels[:size]))
        step, state = training_step(network, ops, recipe), initial_state(variables)
        if job == "stacked":
            state = jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), state)
            step = jax.jit(jax.vmap(step, (0, None, None, None, None, None)))

        def epoch() -> Any:
            # A step takes the memory of the state that it is given.
            now, results = jax.tree.map(jnp.array, state), []
            for positions in batches:
                now, result = step(now, jax.random.key(0), pixels, labels, positions, rate)
                results.append(result.loss)
            return np.asarray(jax.block_until_ready(results))

        return epoch

    return prepare


def theirs(config: TrainingConfig) -> Callable[[Any], Callable[[], Any]]:
    """The competitor PyTorch with torchattacks, see `benchmarks.common.Worker`."""
    import copy

    import torch
    import torchattacks

    from benchmarks.peers.weights import initial_network

    spec, recipe, size = config.network, config.recipe, config.batch_size
    pixels, labels = config.images()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    images = torch.tensor(pixels.transpose(0, 3, 1, 2).copy(), device=device)
    classes = torch.tensor(labels, device=device).long()

    class Normalised(torch.nn.Module):
        """Pixels to logits."""

        def __init__(self, network: Any):
            super().__init__()
            self.network = network
            for name, values in (("mean", spec.mean), ("std", spec.std)):
                self.register_buffer(name, torch.tensor(values)[:, None, None])

        def forward(self, images: Any) -> Any:
            """The logits."""
            return self.network((images - self.mean) / self.std)[1]

    def prepare(request: tuple[str, int]) -> Callable[[], Any]:
        job, index = request
        architecture = ntknas.Architecture.from_id(index)
        model = Normalised(initial_network(architecture, spec, 0)).to(device)
        if job == "attack":
            pgd = torchattacks.PGD(model.eval(), _RHO, _STEP, 10, random_start=False)
            return lambda: pgd(images[:size], classes[:size]).cpu().numpy().transpose(0, 2, 3, 1)

        def epoch() -> Any:
            now = copy.deepcopy(model)
            optimiser = torch.optim.SGD(
                now.parameters(),
                lr=0.01,
                momentum=recipe.momentum,
                weight_decay=recipe.weight_decay,
            )
            pgd = torchattacks.PGD(now, _RHO, _STEP, recipe.attack.steps, random_start=False)
            losses = []
            for start in range(0, len(images), size):
                batch, truth = images[start : start + size], classes[start : start + size]
                attacked = pgd(batch, truth)
                now.train()
                loss = torch.nn.functional.cross_entropy(now(attacked), truth)
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                losses.append(loss.item())
            return np.array(losses, np.float32)

        return epoch

    return prepare


def run(config: TrainingConfig) -> dict[str, Any]:
    """Time all jobs on every architecture.

    Args:
        config: Settings, see `TrainingConfig`.

    Returns:
        The entries of `benchmarks.common.describe` and

        * `rows`: for each architecture id, code, the share of equal pixels of the attacked images,
          and for each job and competitor median and quartiles of seconds;
        * `jobs`: for each job the geometric mean of the ratios of ntknas's seconds to PyTorch's,
          and its interval; below 1, ntknas is faster;
        * `stacked`: the same for two seeds in one program to two one after the other;
        * `foreign_load`: the share of the machine that other processes used meanwhile.

    Raises:
        RuntimeError: If the attacked images or the first loss differ by more than rounding.
    """
    rows: list[dict[str, Any]] = []
    answers: list[Answer] = []
    with contextlib.ExitStack() as stack:
        workers = {
            name: stack.enter_context(Worker(make, config))
            for name, make in (("ntknas", ours), ("torch", theirs))
        }
        for architecture in ntknas.architectures(config.archs):
            row, timed = _row(workers, architecture, config.repeats)
            rows.append(row)
            answers += timed
            print(
                architecture.id,
                *(f"{j} {row[j]['ntknas'][_M]:.2f}/{row[j]['torch'][_M]:.2f} s" for j in JOBS),
                flush=True,
            )
    medians = {
        name: [row[job]["ntknas"][_M] for row in rows]
        for name, job in (("epoch", "epoch"), ("stacked", "stacked"))
    }
    return {
        **describe("training", config),
        "jobs": {
            job: ratio(*([row[job][name][_M] for row in rows] for name in ("ntknas", "torch")))
            for job in JOBS
        },
        "stacked": ratio(medians["stacked"], [2 * seconds for seconds in medians["epoch"]]),
        "foreign_load": foreign_load(answers),
        "rows": rows,
    }


_M = "median_seconds"


def _row(
    workers: dict[str, Worker], architecture: ntknas.Architecture, repeats: int
) -> tuple[dict[str, Any], list[Answer]]:
    """The figures of one architecture, and all timed answers."""
    calls = [(job, name) for job in JOBS for name in workers] + [("stacked", "ntknas")]
    first = {call: workers[call[1]]((call[0], architecture.id)).value for call in calls}
    attacked = [first["attack", name] for name in workers]
    equal = float((np.abs(attacked[0] - attacked[1]) < 1e-5).mean())
    mine, other = losses = [float(first["epoch", name][0]) for name in workers]
    if equal < _LEAST_EQUAL or not np.isclose(mine, other, rtol=0.05):
        raise RuntimeError(
            f"architecture {architecture.id}: {equal:.3f} of the attacked pixels are equal, losses "
            f"{losses}"
        )
    turns: dict[tuple[str, str], list[Answer]] = {call: [] for call in calls}
    for _ in range(repeats):
        for job, name in calls:
            turns[job, name].append(workers[name]((job, architecture.id)))
    row: dict[str, Any] = {"id": architecture.id, "code": architecture.code, "equal": equal}
    for (job, name), timed in turns.items():
        row.setdefault(job, {})[name] = spread([answer.seconds for answer in timed])
    return row, [answer for timed in turns.values() for answer in timed]


if __name__ == "__main__":
    command(run, TrainingConfig(), __doc__)
