"""The program for any network of any space; each network is traced and compiled by itself."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ntknas.errors import InputError
from ntknas.images import ScoringBatch
from ntknas.kernel import (
    Grams,
    SplitNetwork,
    check_logits,
    check_separate_images,
    layers_of,
    robust_gram,
    split_network,
)
from ntknas.network import cell_layers
from ntknas.runs import ScoringSpec
from ntknas.spaces import Candidate, Label, NetworkLike, Space

__all__ = ["StaticProgram"]


class StaticProgram:
    """One compilation per network; see `ntknas.engine.Program`.

    A network of a space is drawn anew for each seed, from a key of that seed. The kernel is taken
    over its collection "params"; other collections, such as running statistics, are constants.

    Args:
        spec: Settings of the run.
        batches: Images of each seed.
        space: The space that builds the networks.
        seeds: Seed of each batch; None means 0, 1 and so on.
    """

    launch_size = 1

    def __init__(
        self,
        spec: ScoringSpec,
        batches: Sequence[ScoringBatch],
        space: Space[Any],
        *,
        seeds: Sequence[int] | None = None,
    ):
        network = spec.network
        if network is not None and (
            (spec.attack_norm, spec.parameters, spec.zero_cost) != (network.norm, "all", False)
        ):
            raise InputError(
                "the program static attacks the network that it differentiates, by all parameters, "
                "and has no proxies: choose the program branches"
            )
        self._spec = spec
        self._space = space
        self._dtype = jnp.zeros(()).dtype
        self._batches = [
            (jnp.asarray(batch.pixels, self._dtype), jnp.asarray(batch.labels)) for batch in batches
        ]
        self._seeds = tuple(range(len(batches)) if seeds is None else seeds)
        self._classes = batches[0].classes
        self._num_parameters: dict[Label, int] = {}

    def grams(self, launch: Sequence[Candidate]) -> list[Grams]:
        """The joint Gram matrices [s, r, m, m] of each architecture of a launch."""
        return [self._gram(architecture) for architecture in launch]

    def _gram(self, architecture: Candidate) -> Grams:
        """The joint Gram matrices [s, r, m, m] of one architecture."""
        spec, network = self._spec, self._build(architecture)
        rhos = jnp.array(spec.rhos, self._dtype)
        drawn = [
            _in_arithmetic(_split(network, architecture, seed, images), images.dtype)
            for seed, (images, _) in zip(self._seeds, self._batches, strict=True)
        ]
        self._check(architecture, drawn[0])
        layers = cell_layers(spec.parts) if spec.network else None

        @jax.jit
        def compute(key, params, rest, images, labels):
            return robust_gram(
                key,
                drawn[0].bind(rest),
                params,
                images,
                labels,
                rhos=rhos,
                batches=spec.batches,
                spec=spec.attack,
                coupled=spec.images_coupled,
                logits=spec.logits,
                layers=layers or layers_of(params, spec.parts),
            )

        per_seed = [
            compute(jax.random.key(seed), one.params, one.rest, images, labels)
            for seed, one, (images, labels) in zip(self._seeds, drawn, self._batches, strict=True)
        ]
        return jax.tree.map(lambda *arrays: np.stack([np.asarray(a) for a in arrays]), *per_seed)

    def _check(self, architecture: Candidate, network: SplitNetwork) -> None:
        """Check what a network returns, before its kernel is computed, and count its parameters."""
        images, _ = self._batches[0]
        bound, name = network.bind(network.rest), str(architecture.id)
        classes = check_logits(bound, network.params, images, name=name)
        if classes != self._classes:
            raise InputError(
                f"expected logits [{len(images)}, {self._classes}] of network {name}, "
                f"got {[len(images), classes]}"
            )
        if not self._spec.images_coupled:
            check_separate_images(bound, network.params, images, name=name)
        self._num_parameters[architecture.id] = network.num_parameters

    def _build(self, architecture: Candidate) -> NetworkLike:
        """The network of an architecture."""
        return self._space.build(architecture, self._spec.network)

    def proxies(self, architecture: Candidate) -> list[dict[str, float]]:
        """An empty list, since proxies exist for NAS-Bench-201 networks alone."""
        return []

    def counts(self, architecture: Candidate) -> dict[str, float]:
        """The counts of the space, and the number of parameters if they lack it.

        Args:
            architecture: An architecture whose matrices were computed.
        """
        counts = self._space.counts(architecture, self._spec.sizes)
        if "params" in counts:
            return counts
        return counts | {"params": float(self._num_parameters[architecture.id])}


def _split(
    network: NetworkLike, architecture: Candidate, seed: int, images: jax.Array
) -> SplitNetwork:
    """A network under a seed, with its parameters told apart."""
    variables = network.init(jax.random.key(seed), images)
    try:
        return split_network(network.apply, variables)
    except InputError as error:
        raise InputError(f"network {architecture.id}: {error}") from None


def _in_arithmetic(network: SplitNetwork, dtype: Any) -> SplitNetwork:
    """The network with its floating-point values in the arithmetic of the images."""

    def cast(leaf: Any) -> jax.Array:
        array = jnp.asarray(leaf)
        floating = jnp.issubdtype(array.dtype, jnp.floating)
        return jnp.asarray(leaf, dtype) if floating else array

    params, rest = jax.tree.map(cast, (network.params, network.rest))
    return network._replace(params=params, rest=rest)
