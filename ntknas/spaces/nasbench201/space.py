"""NAS-Bench-201 as a `Space`."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ntknas.errors import InputError
from ntknas.registry import Registry
from ntknas.spaces.nasbench201.cell import Architecture
from ntknas.spaces.nasbench201.listing import representatives
from ntknas.spaces.nasbench201.neighbourhood import neighbours
from ntknas.spaces.nasbench201.paths import structure
from ntknas.spaces.nasbench201.selection import architectures
from ntknas.spaces.nasbench201.size import flops, num_parameters

__all__ = ["BUILDERS", "NASBENCH201", "NASBench201"]

BUILDERS: Registry[Any] = Registry("builder", {"nasbench201": "ntknas.network.build:build"})
"""Functions that build networks. Their code is imported when a network is built: it needs JAX."""


class NASBench201:
    """The search space of Dong & Yang, NAS-Bench-201, ICLR 2020: 15,625 cells in 6,466 classes.

    Example:
        >>> [cell.id for cell in NASBENCH201.parse("0,5")]
        [0, 5]
        >>> NASBENCH201.counts(Architecture.from_id(0), {})["depth"]
        1.0
    """

    name = "nasbench201"

    def parse(self, spec: Any) -> list[Architecture]:
        """The architectures that `spec` names (see `architectures`)."""
        return architectures(spec)

    def representative(self, architecture: Architecture) -> Architecture:
        """The cell with the smallest id of its class; benchmarks trained only that one."""
        return architecture.representative

    def sample(self, count: int, seed: int) -> list[Architecture]:
        """The first `count` of a random order of the 6,466 representatives.

        Args:
            count: Number of architectures to draw.
            seed: Seed of the random order.

        Raises:
            InputError: If `count` is below 1 or above 6,466.
        """
        pool = sorted(set(representatives()))
        if not 1 <= count <= len(pool):
            raise InputError(f"expected 1 to {len(pool)} architectures to sample, got {count}")
        order = np.random.default_rng(seed).permutation(len(pool))
        return [Architecture.from_id(pool[position]) for position in order[:count]]

    def neighbours(self, architecture: Architecture) -> list[Architecture]:
        """The 24 cells that differ in the operation of exactly one edge."""
        return neighbours(architecture)

    def counts(self, architecture: Architecture, sizes: Mapping[str, int]) -> dict[str, float]:
        """Counts of the live graph (`structure`) of the class, parameters and FLOPs of the cell.

        All cells of a class compute the same function, so they have the counts of the class's
        representative.

        Args:
            architecture: Cell to count.
            sizes: Any of the sizes channels, cells, classes and image_size, by name.
        """
        of_parameters = {name: size for name, size in sizes.items() if name != "image_size"}
        return structure(architecture.representative) | {
            "params": num_parameters(architecture, **of_parameters),
            "flops": flops(architecture, **sizes),
        }

    def build(self, architecture: Architecture, network: Any = None) -> Any:
        """The network of one cell, with the weights of this cell's operations only.

        Args:
            architecture: Cell to build.
            network: Settings of the network (a `NetworkSpec`); None means those of the benchmark.
        """
        return BUILDERS[self.name](architecture, network)


NASBENCH201 = NASBench201()
"""The search space NAS-Bench-201."""
