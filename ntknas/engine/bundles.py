"""The program for accelerators: bundles of architectures in one launch, without branches.

All architectures share one super-network's weights per seed. A bundle gathers the architectures by
operation, and runs every convolution once for all that have it (`ntknas.network.bundles`). Which
architectures share a bundle is chosen on the host (`ntknas.engine.packing`). The results do not
depend on that choice, up to rounding.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from operator import itemgetter

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, PartitionSpec

from ntknas.engine.branches import BranchProgram, SeedInputs, unstacked
from ntknas.engine.packing import bundle_capacities, pack, power_of_two
from ntknas.images import ScoringBatch
from ntknas.kernel import Batch, Grams, bundled_gram
from ntknas.network import Network, Route, cell_layers, route
from ntknas.runs import ScoringSpec
from ntknas.spaces.nasbench201 import Architecture, live_operations

__all__ = ["BundleProgram", "bundle_grams", "bundle_size"]

_WINDOW = 8
_MOST = 128


def bundle_size(spec: ScoringSpec, device: jax.Device) -> int:
    """The number of architectures that a device computes together.

    It is a power of two of at most 128, such that a bundle takes about half of the device's memory.
    The memory per architecture is that of the largest activations, times a factor that was measured
    on an H200 with bundles of 128: 18 where images interact (37.0 GB for 16 images), 80 otherwise
    (10.7 GB for 16 images, 21.6 GB for 32).

    Args:
        spec: Settings of the run.
        device: The device.
    """
    stats = device.memory_stats() if device.platform != "cpu" else None
    memory = (stats or {}).get("bytes_limit", 2**32) / 2
    network, n = spec.cell_network, spec.batch_size
    per_radius = len(set(spec.batches) - {Batch.CLEAN})
    images = n * (len(spec.batches) - per_radius + per_radius * max(len(spec.rhos), 1))
    pixels = network.image_size**2 * network.channels * jnp.zeros(()).dtype.itemsize
    each = 18 * n * images * pixels if spec.images_coupled else 80 * images * pixels
    return min(power_of_two(memory / each), _MOST)


def _grams(
    edges: Route,
    inputs: SeedInputs,
    rhos: jax.Array,
    *,
    spec: ScoringSpec,
    size: int,
    weight_gradients: str,
) -> Grams:
    """The joint Gram matrices [k, r, m, m] of one bundle."""
    variables = inputs.variables

    def logits_fn(images):
        norm = spec.attack_norm or spec.cell_network.norm
        network = Network(replace(spec.cell_network, norm=norm))
        return network.apply(variables, images, edges)

    def probed_fn(probes, images):
        return Network(spec.cell_network).apply(variables, images, edges, probes)

    return bundled_gram(
        inputs.key,
        logits_fn,
        probed_fn,
        inputs.images,
        inputs.labels,
        size=size,
        rhos=rhos,
        batches=spec.batches,
        spec=spec.attack,
        layers=cell_layers(spec.parts, biases=spec.parameters == "all"),
        coupled=spec.images_coupled,
        logits=spec.logits,
        weight_gradients=weight_gradients,
    )


@partial(jax.jit, static_argnames=("spec", "size", "devices", "weight_gradients"))
def bundle_grams(
    edges: Route,
    inputs: SeedInputs,
    rhos: jax.Array,
    *,
    spec: ScoringSpec,
    size: int,
    devices: tuple[jax.Device, ...],
    weight_gradients: str = "batch",
) -> Grams:
    """The joint Gram matrices of one bundle per device, under one seed.

    Args:
        edges: Routes of the bundles, with a leading axis d of devices.
        inputs: Inputs that the seed fixes, the same for all architectures.
        rhos: Attack radii in pixel units.
        spec: Settings of the run, static: each spec compiles another program.
        size: Number of architectures k of a bundle.
        devices: The d devices.
        weight_gradients: A member of `ntknas.kernel.WEIGHT_GRADIENTS`, static.

    Returns:
        Matrices [d, k, r, m, m], sharded over the devices.
    """

    def on_device(edges, inputs, rhos):
        own = jax.tree.map(lambda a: a[0], edges)
        found = _grams(own, inputs, rhos, spec=spec, size=size, weight_gradients=weight_gradients)
        return jax.tree.map(lambda a: a[None], found)

    if len(devices) == 1:
        return on_device(edges, inputs, rhos)
    shares = PartitionSpec("bundles")
    return jax.shard_map(
        on_device,
        mesh=Mesh(np.array(devices), ("bundles",)),
        in_specs=(shares, PartitionSpec(), PartitionSpec()),
        out_specs=shares,
        check_vma=False,
    )(edges, inputs, rhos)


class BundleProgram:
    """Bundles, for accelerators; see `ntknas.engine.Program`.

    Args:
        spec: Settings of the run.
        batches: Images of each seed.
        seeds: Seed of each batch; None means 0, 1 and so on.
        size: Number of architectures of a bundle; None means `bundle_size` of the first device.
    """

    def __init__(
        self,
        spec: ScoringSpec,
        batches: Sequence[ScoringBatch],
        *,
        seeds: Sequence[int] | None = None,
        size: int | None = None,
    ):
        self._spec = spec
        # Inputs, proxies and counts are those of the program with branches.
        self._cells = BranchProgram(spec, batches, seeds=seeds)
        self._devices = tuple(jax.local_devices())
        self.size = bundle_size(spec, self._devices[0]) if size is None else size
        self._capacities = bundle_capacities(self.size)

    @property
    def launch_size(self) -> int:
        """The number of architectures that are packed together."""
        return _WINDOW * self.size * len(self._devices)

    def grams(self, launch: Sequence[Architecture]) -> list[Grams]:
        """The joint Gram matrices [s, r, m, m] of each architecture of a launch."""
        cells = [live_operations(architecture) for architecture in launch]
        bundles = pack(cells, self.size, self._capacities)
        count = len(self._devices)
        # Launches are queued first and read afterwards, so that devices never wait for the host.
        queued = []
        for start in range(0, len(bundles), count):
            together = bundles[start : start + count]
            per_seed = [self._start(together, cells, inputs) for inputs in self._cells.inputs]
            queued.append((together, per_seed))
        found: dict[int, Grams] = {}
        for together, per_seed in queued:
            arrays = jax.tree.map(  # [d, k, s, r, m, m]
                lambda *of_seeds: np.stack([np.asarray(one) for one in of_seeds], axis=2), *per_seed
            )
            for device, bundle in enumerate(together):
                of_device = jax.tree.map(itemgetter(device), arrays)
                found |= dict(zip(bundle, unstacked(of_device, len(bundle)), strict=True))
        return [found[position] for position in range(len(launch))]

    def _start(
        self, bundles: list[list[int]], cells: list[tuple[int, ...]], inputs: SeedInputs
    ) -> Grams:
        """Start one launch under one seed; devices without a bundle get an empty one."""
        dtype = inputs.images.dtype.name
        routes = [
            route([cells[position] for position in bundle], self.size, self._capacities, dtype)
            for bundle in (*bundles, *[[]] * (len(self._devices) - len(bundles)))
        ]
        edges = jax.tree.map(lambda *arrays: np.stack(arrays), *routes)
        return bundle_grams(
            edges,
            inputs,
            self._cells.rhos,
            spec=self._spec.compiled,
            size=self.size,
            devices=self._devices,
        )

    def proxies(self, architecture: Architecture) -> list[dict[str, float]]:
        """The zero-cost proxies under each seed; an empty list if the run has none."""
        return self._cells.proxies(architecture)

    def counts(self, architecture: Architecture) -> dict[str, float]:
        """The counts of the graph, of parameters and of FLOPs."""
        return self._cells.counts(architecture)
