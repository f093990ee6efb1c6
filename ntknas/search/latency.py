"""The latency of a network, measured on this machine.

It is the time from images on the device to logits, in milliseconds, of a network at initialisation
with running statistics. Cells of NAS-Bench-201 run in one compiled program whose operations are
data, of which the chosen ones alone run; every other network is compiled by itself.

A machine that other work slows down, or whose clock changes, is slower in one second than in the
next. Passes of the network therefore take turns with passes of a reference, the first network that
is measured. The latency is the median of their ratios times the latency of the reference, so that
networks which are measured minutes apart can be compared. Times depend on the machine and on JAX:
they rank networks of one run.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from ntknas.errors import InputError
from ntknas.images import dataset_info
from ntknas.layers import Norm
from ntknas.network import Network, NetworkSpec, initial_variables
from ntknas.search.costs import Cost
from ntknas.spaces import NASBENCH201, Space

__all__ = ["latency"]

_WARM_UP = 2


def latency(
    space: Space[Any],
    dataset: str = "cifar10",
    *,
    batch_size: int = 1,
    repeats: int = 15,
    network: NetworkSpec | None = None,
) -> Cost:
    """The time of a forward pass, in milliseconds per batch.

    Args:
        space: Space of the architectures.
        dataset: Data set whose number of classes and image size the network has.
        batch_size: Number of images per pass.
        repeats: Number of turns whose median is taken; two more go first.
        network: Network around a cell of NAS-Bench-201; None means that of the benchmark for the
            data set.

    Returns:
        A function from architectures to milliseconds, which measures when it is called.

    Raises:
        InputError: If a number is below 1, or the data set is unknown.
    """
    for name, number in (("batch_size", batch_size), ("repeats", repeats)):
        if number < 1:
            raise InputError(f"expected {name} of at least 1, got {number}")
    info = dataset_info(dataset)
    size = info.image_size if network is None else network.image_size
    images = jnp.asarray(np.random.default_rng(0).random((batch_size, size, size, 3)), float)
    if space.name == NASBENCH201.name:
        spec = network or NetworkSpec(classes=info.classes, image_size=info.image_size)
        make = _of_cells(replace(spec, norm=Norm.FROZEN), images)
    else:
        make = _of_networks(space, images)
    reference: list[tuple[Callable[[], jax.Array], float]] = []  # its pass and its milliseconds

    def one(architecture: Any) -> float:
        run = make(architecture)
        if not reference:
            reference.append((run, float(np.median(_turns([run], repeats)))))
        unit, milliseconds = reference[0]
        times = _turns([run, unit], repeats)
        return float(np.median(times[:, 0] / times[:, 1])) * milliseconds

    def cost(architectures: Sequence[Any]) -> list[float]:
        return [one(architecture) for architecture in architectures]

    return cost


def _of_cells(spec: NetworkSpec, images: jax.Array) -> Callable[[Any], Callable[[], jax.Array]]:
    """Forward passes of cells, in one program."""
    variables = jax.tree.map(jnp.asarray, initial_variables(spec, 0))
    program = jax.jit(Network(spec).apply)

    def make(architecture: Any) -> Callable[[], jax.Array]:
        ops = jnp.asarray(architecture.ops, jnp.int32)
        return lambda: program(variables, images, ops)

    return make


def _of_networks(space: Space[Any], images: jax.Array) -> Callable[[Any], Callable[[], jax.Array]]:
    """Forward passes of networks that the space builds, one program each."""

    def make(architecture: Any) -> Callable[[], jax.Array]:
        network = space.build(architecture)
        variables = network.init(jax.random.key(0), images)
        program = jax.jit(network.apply)
        return lambda: program(variables, images)

    return make


def _turns(runs: Sequence[Callable[[], jax.Array]], repeats: int) -> NDArray[np.float64]:
    """The milliseconds of calls that take turns, `[repeats, runs]`."""
    for run in _WARM_UP * list(runs):
        run().block_until_ready()
    times = np.zeros((repeats, len(runs)))
    for turn in times:
        for at, run in enumerate(runs):
            begun = time.perf_counter()
            run().block_until_ready()
            turn[at] = 1000 * (time.perf_counter() - begun)
    return times
