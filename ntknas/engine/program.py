"""The one compiled program of a run: architectures' operations in, their Gram blocks out."""

from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.sharding import Mesh, PartitionSpec

from ntknas.architecture import EDGES, OPERATIONS, Architecture
from ntknas.engine.spec import ScoringSpec
from ntknas.images import ScoringBatch
from ntknas.kernel import robust_gram
from ntknas.network import Network, Norm, initial_variables
from ntknas.network.layerwise import Probe

__all__ = ["SeedInputs", "gram_blocks", "live_operations", "many_gram_blocks", "seed_inputs"]

_CONVOLUTIONS = (OPERATIONS.index("nor_conv_1x1"), OPERATIONS.index("nor_conv_3x3"))


class SeedInputs(NamedTuple):
    """What a seed fixes for every architecture: weights, images, labels, attack start."""

    variables: dict[str, Any]
    images: jax.Array
    labels: jax.Array
    key: jax.Array


def seed_inputs(spec: ScoringSpec, batch: ScoringBatch, seed: int) -> SeedInputs:
    """The inputs that all architectures share under a seed."""
    dtype = jnp.zeros(()).dtype  # float64 where JAX is told to use it
    network = spec.network
    if spec.attack_norm is Norm.FROZEN:  # running statistics must then exist
        network = replace(network, norm=Norm.FROZEN)
    variables = initial_variables(network, seed)
    return SeedInputs(
        jax.tree.map(lambda a: jnp.asarray(a, dtype), variables),
        jnp.asarray(batch.pixels, dtype),
        jnp.asarray(batch.labels),
        jax.random.key(seed),
    )


def live_operations(architecture: Architecture) -> np.ndarray:
    """Operation codes with every edge that cannot matter set to none; this only saves time.

    An edge matters if its value gets to the output, and if something gets to it or it brings
    parameters along: a convolution of zeros still ends in a normalisation, whose bias has a
    gradient.
    """
    edges = list(zip(architecture.ops, EDGES, strict=True))
    filled, useful = {0}, {3}
    for op, (source, target) in edges:
        if op in _CONVOLUTIONS or (op and source in filled):
            filled.add(target)
    for op, (source, target) in reversed(edges):
        if op and target in useful:
            useful.add(source)
    ops = [
        op if target in useful and (op in _CONVOLUTIONS or source in filled) else 0
        for op, (source, target) in edges
    ]
    return np.array(ops, np.int32)


@partial(jax.jit, static_argnames="spec")
def gram_blocks(
    ops: jax.Array, inputs: SeedInputs, rhos: jax.Array, *, spec: ScoringSpec
) -> jax.Array:
    """Gram blocks (`ntknas.kernel.robust_gram`) of one architecture under one seed.

    Args:
      ops: six operation codes, as data.
      inputs: of the seed.
      rhos: attack radii, as data.
      spec: static; two specs are two programs.

    Returns:
      Blocks [b, 3, n, n].
    """
    variables = inputs.variables
    selected, rest = _split(variables["params"], spec.parameters)

    def network(norm):
        module = Network(replace(spec.network, norm=norm))

        def apply_fn(selected, images):
            params = _merge(selected, rest)
            return module.apply({**variables, "params": params}, images, ops)

        return apply_fn

    def probed_fn(probe, images):
        biases = probe if spec.parameters == "all" else lax.stop_gradient(probe)
        return Network(spec.network).apply(variables, images, ops, Probe(probe, biases))

    return robust_gram(
        inputs.key,
        network(spec.network.norm),
        selected,
        inputs.images,
        inputs.labels,
        rhos=rhos,
        batches=spec.kernels,
        spec=spec.attack,
        coupled=spec.network.norm.coupled,
        logits=spec.logits,
        attack_fn=network(spec.attack_norm),
        probed_fn=probed_fn,
    )


@partial(jax.jit, static_argnames=("spec", "devices", "branch_free"))
def many_gram_blocks(
    ops: jax.Array,
    inputs: SeedInputs,
    rhos: jax.Array,
    *,
    spec: ScoringSpec,
    devices: tuple[jax.Device, ...],
    branch_free: bool = False,
) -> jax.Array:
    """`gram_blocks` of several architectures in one launch, shared out over devices.

    Args:
      ops: [a, 6] operation codes; a is a multiple of the number of devices.
      inputs: of the seed, the same for all.
      rhos: attack radii.
      spec: static.
      devices: each takes the same number of architectures.
      branch_free: False: a device takes its architectures in turn and runs only the operations
        that they have. True: all at once, every operation of every edge is computed and the
        architecture's own is selected, so that a launch is wide and has no branch.

    Returns:
      Blocks [a, b, 3, n, n], sharded over the devices.
    """

    def on_device(ops, inputs, rhos):
        one = lambda ops: gram_blocks(ops, inputs, rhos, spec=spec)  # noqa: E731
        return jax.vmap(one)(ops) if branch_free else lax.map(one, ops)

    shares = PartitionSpec("architectures")
    return jax.shard_map(
        on_device,
        mesh=Mesh(np.array(devices), ("architectures",)),
        in_specs=(shares, PartitionSpec(), PartitionSpec()),
        out_specs=shares,
        check_vma=False,
    )(ops, inputs, rhos)


def _split(params: dict, parameters: str) -> tuple[dict, dict]:
    """Parameters that the kernel is taken over, and the others."""

    def part(keep_bias):
        return jax.tree_util.tree_map_with_path(
            lambda path, leaf: leaf if (path[-1].key == "bias") == keep_bias else None, params
        )

    return (params, {}) if parameters == "all" else (part(False), part(True))


def _merge(selected: dict, rest: dict) -> dict:
    if not rest:
        return selected
    is_none = lambda leaf: leaf is None  # noqa: E731
    return jax.tree.map(lambda a, b: b if a is None else a, selected, rest, is_leaf=is_none)
