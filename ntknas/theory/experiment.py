"""Experiments on one fully connected network: kernels, bound terms, errors, infinite width."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import jax
import jax.numpy as jnp

from ntknas.attack import AttackSpec, check_radius
from ntknas.errors import InputError, shorten
from ntknas.images import load_images
from ntknas.kernel import JointGram, KernelName, check_beta
from ntknas.theory.analytic import analytic_kernel
from ntknas.theory.bound import bound_terms, weyl_bound
from ntknas.theory.fully_connected import FullyConnectedSpec
from ntknas.theory.infinite_width import infinite_width
from ntknas.theory.kernels import initial_blocks
from ntknas.theory.task import Task, image_task, sphere_task
from ntknas.theory.validation import measure
from ntknas.training import TrainingSpec

__all__ = ["TASKS", "TheoryResult", "TheorySpec", "theory_experiment"]

TASKS = ("two", "ten", "sphere")
"""Names of the learning tasks.

They are airplanes and automobiles of CIFAR-10, all ten classes of CIFAR-10, and a sphere.
"""

_KERNELS = {"K_all": KernelName.MIXED_CLEAN, "K~_all": KernelName.MIXED_ROBUST}


@dataclass(frozen=True)
class TheorySpec:
    """Settings of a theory experiment.

    Attributes:
        network: The network; classes, mean and std are taken from the task.
        task: Name of the task, one of `TASKS`.
        data: Path of CIFAR-10; None means the embedded sample.
        num_train: Number of training images N.
        num_test: Number of test images.
        pooling: Side, in pixels, of the squares that are averaged.
        dimension: Dimension of the sphere.
        rho: Attack radius in pixel units.
        betas: Weights of the robust loss.
        attack: The attack on images of kernels and of tests.
        train: Whether to train at every beta and measure errors.
        training_steps: Number of steps of SGD.
        learning_rate: Constant learning rate.
        infinite: Whether to compute kernels and errors at infinite width as well.
        seed: Seed of images, weights, batches and attacks.

    Raises:
        InputError: For a value of a wrong type or outside its range.
    """

    network: FullyConnectedSpec = field(
        default_factory=lambda: FullyConnectedSpec(depth=4, skips=(1.0, 1.0))
    )
    task: str = "two"
    data: str | None = None
    num_train: int = 32
    num_test: int = 32
    pooling: int = 1
    dimension: int = 20
    rho: float = 8 / 255
    betas: tuple[float, ...] = (0.0, 0.5, 1.0)
    attack: AttackSpec = field(default_factory=AttackSpec)
    train: bool = False
    training_steps: int = 200
    learning_rate: float = 0.5
    infinite: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        if self.task not in TASKS:
            raise InputError(f"task must be one of {', '.join(TASKS)}, got {self.task!r}")
        if isinstance(self.betas, str) or not isinstance(self.betas, Iterable):
            raise InputError(f"betas must be a tuple of numbers, got {shorten(self.betas)}")
        betas = tuple(map(check_beta, self.betas))
        if not betas:
            raise InputError("expected at least one beta in [0, 1], got none")
        object.__setattr__(self, "betas", betas)
        check_radius(self.rho)
        if not 0 <= self.seed < 2**32:
            raise InputError(f"seed must be between 0 and 4294967295, got {self.seed}")
        if self.task == "sphere" and (self.data is not None or self.pooling != 1):
            raise InputError("data and pooling are for images, not for the task sphere")


@dataclass(frozen=True, eq=False)
class TheoryResult:
    """Results of a theory experiment.

    Attributes:
        network: The network, with the task's classes, mean and std.
        task: The task, with its images and labels.
        blocks: Joint Gram matrix at initialisation.
        kernels: One row per width, kernel and beta: spectrum, bound terms, Weyl's bound.
        errors: One row per width and beta: 0-1 errors on test images.
    """

    network: FullyConnectedSpec
    task: Task
    blocks: JointGram
    kernels: list[dict[str, Any]]
    errors: list[dict[str, Any]]


def theory_experiment(
    spec: TheorySpec, *, on_trained: Callable[[float], None] | None = None
) -> TheoryResult:
    """Kernels and bound terms of a network at initialisation, and its errors after training.

    Args:
        spec: Settings of the experiment.
        on_trained: Function that is called with beta after each training; None calls none.

    Returns:
        Rows to print or to plot.

    Raises:
        InputError: For images that cannot be read, or a network without a limit at infinite width.
    """
    task = _task(spec)
    network = replace(spec.network, classes=task.classes, mean=task.mean, std=task.std)
    if spec.infinite:  # a network without a limit is refused before anything is computed
        analytic_kernel(network, jnp.asarray(task.train_images[:1]))
    blocks = initial_blocks(network, task, rho=spec.rho, attack=spec.attack, seed=spec.seed)
    kernels = _kernel_rows(blocks, task, network, spec.betas, width=str(network.width))
    errors = _trained(spec, network, task, on_trained) if spec.train else []
    if spec.infinite:
        limit = infinite_width(
            network, task, rho=spec.rho, betas=spec.betas, attack=spec.attack, seed=spec.seed
        )
        kernels += _kernel_rows(limit.blocks, task, network, spec.betas, width="infinite")
        errors += [
            {"width": "infinite", "beta": beta, "clean_error": clean, "robust_error": robust}
            for beta, clean, robust in zip(
                limit.betas, limit.clean_errors, limit.robust_errors, strict=True
            )
        ]
    return TheoryResult(network, task, blocks, kernels, errors)


def _task(spec: TheorySpec) -> Task:
    """The task that the settings describe."""
    sizes = {"num_train": spec.num_train, "num_test": spec.num_test, "seed": spec.seed}
    if spec.task == "sphere":
        return sphere_task(spec.dimension, margin=0.1, **sizes)
    test = None if spec.data is None else load_images("cifar10", spec.data, split="test")
    return image_task(
        load_images("cifar10", spec.data),
        test,
        classes=(0, 1) if spec.task == "two" else None,
        pooling=spec.pooling,
        **sizes,
    )


def _kernel_rows(
    blocks: JointGram,
    task: Task,
    network: FullyConnectedSpec,
    betas: Sequence[float],
    *,
    width: str,
) -> list[dict[str, Any]]:
    """Spectrum, bound terms and Weyl's bound, one row per mixed kernel and beta."""
    rows = []
    for name, kernel in _KERNELS.items():
        for beta in betas:
            terms = bound_terms(
                blocks.kernel(kernel, beta),
                task.train_labels,
                depth=network.depth,
                epsilon=blocks.epsilon,
            )
            weyl = weyl_bound(blocks, kernel, beta)
            rows.append(
                {"width": width, "kernel": name, "beta": beta}
                | terms._asdict()
                | {"weyl_bound": weyl.bound, "weyl_holds": weyl.holds}
            )
    return rows


def _trained(
    spec: TheorySpec,
    network: FullyConnectedSpec,
    task: Task,
    on_trained: Callable[[float], None] | None,
) -> list[dict[str, Any]]:
    """Errors of the network trained at every beta, one row per beta."""
    training = TrainingSpec(
        steps=spec.training_steps, learning_rate=spec.learning_rate, test_attack=spec.attack
    )
    rows = []
    for beta in spec.betas:
        measured = measure(
            network,
            [task],
            beta=beta,
            rho=spec.rho,
            training=training,
            attack=spec.attack,
            keys=jax.random.key(spec.seed)[None],  # the weights of `initial_blocks`
        )
        if on_trained is not None:
            on_trained(beta)
        rows.append(
            {
                "width": str(network.width),
                "beta": beta,
                "clean_error": float(measured.clean_errors[0]),
                "robust_error": float(measured.robust_errors[0]),
            }
        )
    return rows
