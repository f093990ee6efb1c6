"""The program for any network of any space; each network is traced and compiled by itself."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ntknas.errors import InputError
from ntknas.images import ScoringBatch
from ntknas.kernel import robust_gram
from ntknas.runs import ScoringSpec
from ntknas.spaces import Candidate, NetworkLike, Space

__all__ = ["StaticProgram"]


class StaticProgram:
    """One compilation per network; see `ntknas.engine.Program`.

    A network of a space is drawn anew for each seed, from a key of that seed. The kernel is taken
    over its collection "params"; other collections, such as running statistics, are constants.

    Args:
        spec: Settings of the run.
        batches: Images of each seed.
        space: The space that builds the networks.
    """

    launch_size = 1

    def __init__(self, spec: ScoringSpec, batches: Sequence[ScoringBatch], space: Space[Any]):
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
        self._classes = batches[0].classes

    def grams(self, launch: Sequence[Candidate]) -> list[np.ndarray]:
        """The joint Gram matrices [s, r, m, m] of each architecture of a launch."""
        return [self._gram(architecture) for architecture in launch]

    def _gram(self, architecture: Candidate) -> np.ndarray:
        """The joint Gram matrices [s, r, m, m] of one architecture."""
        spec, network = self._spec, self._build(architecture)
        rhos = jnp.array(spec.rhos, self._dtype)

        @jax.jit
        def compute(key, params, rest, images, labels):
            def apply_fn(params, images):
                return network.apply({**rest, "params": params}, images)

            return robust_gram(
                key,
                apply_fn,
                params,
                images,
                labels,
                rhos=rhos,
                batches=spec.batches,
                spec=spec.attack,
                coupled=spec.images_coupled,
                logits=spec.logits,
            )

        seed_grams = []
        for seed, (images, labels) in enumerate(self._batches):
            variables = _variables(network, architecture, seed, images)
            params = variables["params"]
            rest = {name: tree for name, tree in variables.items() if name != "params"}
            logits = jax.eval_shape(network.apply, {**rest, "params": params}, images)
            if logits.shape != (len(images), self._classes):
                raise InputError(
                    f"expected logits [{len(images)}, {self._classes}] of network "
                    f"{architecture.id}, got {list(logits.shape)}"
                )
            key = jax.random.key(seed)
            seed_grams.append(np.asarray(compute(key, params, rest, images, labels)))
        return np.stack(seed_grams)

    def _build(self, architecture: Candidate) -> NetworkLike:
        """The network of an architecture."""
        return self._space.build(architecture, self._spec.network)

    def proxies(self, architecture: Candidate) -> list[dict[str, float]]:
        """An empty list, since proxies exist for NAS-Bench-201 networks alone."""
        return []

    def counts(self, architecture: Candidate) -> dict[str, float]:
        """The counts of the space, and the number of parameters if they lack it."""
        counts = self._space.counts(architecture, self._spec.sizes)
        if "params" in counts:
            return counts
        network, (images, _) = self._build(architecture), self._batches[0]
        shapes = jax.eval_shape(network.init, jax.random.key(0), images)
        params = jax.tree.leaves(shapes["params"])
        return counts | {"params": float(sum(leaf.size for leaf in params))}


def _variables(
    network: NetworkLike, architecture: Candidate, seed: int, images: jax.Array
) -> dict[str, Any]:
    """The variables of a network under a seed, in the arithmetic of the images."""
    variables = network.init(jax.random.key(seed), images)
    if not isinstance(variables, Mapping) or "params" not in variables:
        names = ", ".join(variables) if isinstance(variables, Mapping) else type(variables).__name__
        raise InputError(
            f"expected variables with a collection 'params' of network {architecture.id}, "
            f"got {names}"
        )

    def in_arithmetic(leaf: Any) -> jax.Array:
        array = jnp.asarray(leaf)
        floating = jnp.issubdtype(array.dtype, jnp.floating)
        return jnp.asarray(leaf, images.dtype) if floating else array

    return jax.tree.map(in_arithmetic, dict(variables))
