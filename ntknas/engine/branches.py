"""The program of NAS-Bench-201: operations are data, and only the chosen ones run.

All architectures share one super-network's weights per seed. One compiled program therefore serves
all of them: it takes operation codes and returns joint Gram matrices.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from operator import itemgetter
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.sharding import Mesh, PartitionSpec

from ntknas.images import ScoringBatch
from ntknas.kernel import Grams, robust_gram
from ntknas.layers import Norm
from ntknas.network import Network, cell_layers, initial_variables
from ntknas.proxies import proxy_inputs, proxy_scores
from ntknas.runs import ScoringSpec
from ntknas.spaces.nasbench201 import NASBENCH201, Architecture, live_operations

__all__ = ["BranchProgram", "SeedInputs", "gram_of", "many_grams", "seed_inputs", "unstacked"]


class SeedInputs(NamedTuple):
    """Inputs that a seed fixes for every architecture.

    Attributes:
        variables: Weights of the super-network.
        images: Pixels in [0, 1], [n, h, w, c].
        labels: Classes of the images.
        key: Key of the attack's random starts.
    """

    variables: dict[str, Any]
    images: jax.Array
    labels: jax.Array
    key: jax.Array


def seed_inputs(spec: ScoringSpec, batch: ScoringBatch, seed: int) -> SeedInputs:
    """The inputs that all architectures share under a seed.

    Args:
        spec: Settings of the run.
        batch: Images of the seed.
        seed: Seed of the weights and of the attack's random starts.
    """
    dtype = jnp.zeros(()).dtype  # float64 where JAX is told to use it
    network = spec.cell_network
    if spec.attack_norm is Norm.FROZEN:  # the attacked network needs running statistics
        network = replace(network, norm=Norm.FROZEN)
    variables = initial_variables(network, seed)
    return SeedInputs(
        jax.tree.map(lambda a: jnp.asarray(a, dtype), variables),
        jnp.asarray(batch.pixels, dtype),
        jnp.asarray(batch.labels),
        jax.random.key(seed),
    )


@partial(jax.jit, static_argnames="spec")
def gram_of(ops: jax.Array, inputs: SeedInputs, rhos: jax.Array, *, spec: ScoringSpec) -> Grams:
    """The joint Gram matrices of one architecture under one seed.

    Args:
        ops: Six operation codes of the cell, as data.
        inputs: Inputs that the seed fixes.
        rhos: Attack radii in pixel units, as data.
        spec: Settings of the run, static: each spec compiles another program.

    Returns:
        One matrix per radius, [r, m, m] (`ntknas.kernel.robust_gram`).
    """
    variables = inputs.variables
    selected, rest = _split(variables["params"], spec.parameters)

    def network(norm):
        module = Network(replace(spec.cell_network, norm=norm))

        def apply_fn(selected, images):
            params = _merge(selected, rest)
            return module.apply({**variables, "params": params}, images, ops)

        return apply_fn

    def probed_fn(probes, images):
        return Network(spec.cell_network).apply(variables, images, ops, probes)

    return robust_gram(
        inputs.key,
        network(spec.cell_network.norm),
        selected,
        inputs.images,
        inputs.labels,
        rhos=rhos,
        batches=spec.batches,
        spec=spec.attack,
        coupled=spec.images_coupled,
        logits=spec.logits,
        attack_fn=network(spec.attack_norm),
        probed_fn=probed_fn,
        layers=cell_layers(spec.parts, biases=spec.parameters == "all"),
    )


@partial(jax.jit, static_argnames=("spec", "devices"))
def many_grams(
    ops: jax.Array,
    inputs: SeedInputs,
    rhos: jax.Array,
    *,
    spec: ScoringSpec,
    devices: tuple[jax.Device, ...],
) -> Grams:
    """`gram_of` of several architectures in one launch, distributed over devices.

    Args:
        ops: Operation codes [a, 6], where a is a multiple of the number of devices.
        inputs: Inputs that the seed fixes, the same for all architectures.
        rhos: Attack radii in pixel units.
        spec: Settings of the run, static.
        devices: Devices, each of which takes the same number of architectures, one after the other.

    Returns:
        Matrices [a, r, m, m], sharded over the devices.
    """

    def on_device(ops, inputs, rhos):
        one = lambda ops: gram_of(ops, inputs, rhos, spec=spec)  # noqa: E731
        return lax.map(one, ops)

    shares = PartitionSpec("architectures")
    return jax.shard_map(
        on_device,
        mesh=Mesh(np.array(devices), ("architectures",)),
        in_specs=(shares, PartitionSpec(), PartitionSpec()),
        out_specs=shares,
        check_vma=False,
    )(ops, inputs, rhos)


class BranchProgram:
    """Branches over operations, for CPUs; see `ntknas.engine.Program`.

    Args:
        spec: Settings of the run.
        batches: Images of each seed.
        seeds: Seed of each batch; None means 0, 1 and so on.

    Attributes:
        inputs: Inputs that each seed fixes for every architecture.
        rhos: Attack radii in pixel units.
    """

    def __init__(
        self,
        spec: ScoringSpec,
        batches: Sequence[ScoringBatch],
        *,
        seeds: Sequence[int] | None = None,
    ):
        self._spec = spec
        seeds = range(len(batches)) if seeds is None else seeds
        self.inputs = [
            seed_inputs(spec, batch, seed) for seed, batch in zip(seeds, batches, strict=True)
        ]
        self.rhos = jnp.array(spec.rhos, self.inputs[0].images.dtype)
        self._devices = tuple(jax.local_devices())
        self._proxy_inputs = [
            proxy_inputs(spec.cell_network, i.variables, i.images, i.labels, seed)
            for seed, i in zip(seeds, self.inputs, strict=True)
            if spec.proxies
        ]

    @property
    def launch_size(self) -> int:
        """The number of local devices, for each takes one architecture."""
        return len(self._devices)

    def grams(self, launch: Sequence[Architecture]) -> list[Grams]:
        """The joint Gram matrices [s, r, m, m] of each architecture of a launch."""
        ops = np.zeros((self.launch_size, 6), np.int32)  # devices without an architecture idle
        ops[: len(launch)] = [live_operations(architecture) for architecture in launch]
        spec = self._spec.compiled
        per_seed = []
        for inputs in self.inputs:
            if self.launch_size == 1:
                one = gram_of(jnp.asarray(ops[0]), inputs, self.rhos, spec=spec)
                per_seed.append(jax.tree.map(lambda a: np.asarray(a)[None], one))
            else:
                many = many_grams(
                    jnp.asarray(ops), inputs, self.rhos, spec=spec, devices=self._devices
                )
                per_seed.append(jax.tree.map(np.asarray, many))
        of_all = jax.tree.map(lambda *arrays: np.stack(arrays, axis=1), *per_seed)
        return unstacked(of_all, len(launch))

    def proxies(self, architecture: Architecture) -> list[dict[str, float]]:
        """The zero-cost proxies under each seed; an empty list if the run has none."""
        network = self._spec.cell_network
        ops = live_operations(architecture)
        names = self._spec.proxies
        return [proxy_scores(network, ops, inputs, names) for inputs in self._proxy_inputs]

    def counts(self, architecture: Architecture) -> dict[str, float]:
        """The counts of the graph, of parameters and of FLOPs."""
        return NASBENCH201.counts(architecture, self._spec.sizes)


def unstacked(grams: Grams, count: int) -> list[Grams]:
    """The first matrices of a stack, one by one.

    Args:
        grams: Matrices with an axis of architectures in front.
        count: Number of architectures.
    """
    return [jax.tree.map(itemgetter(i), grams) for i in range(count)]


def _split(params: dict, parameters: str) -> tuple[dict, dict]:
    """The parameters that the kernel is taken over, and the others."""

    def part(keep_bias):
        return jax.tree_util.tree_map_with_path(
            lambda path, leaf: leaf if (path[-1].key == "bias") == keep_bias else None, params
        )

    return (params, {}) if parameters == "all" else (part(False), part(True))


def _merge(selected: dict, rest: dict) -> dict:
    """All parameters, from the two parts that `_split` returns."""
    if not rest:
        return selected
    is_none = lambda leaf: leaf is None  # noqa: E731
    return jax.tree.map(lambda a, b: b if a is None else a, selected, rest, is_leaf=is_none)
