"""Zero-cost proxies of an architecture, in two compiled programs that serve every architecture."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ntknas.layers import Norm
from ntknas.network import NetworkSpec, initial_variables
from ntknas.proxies.layers import is_weight
from ntknas.proxies.proxy import PROXIES, ProxyInputs
from ntknas.scores import ScoreKind, score_names

__all__ = ["proxy_inputs", "proxy_scores"]


def proxy_inputs(
    network: NetworkSpec,
    variables: dict[str, Any],
    images: Float[Array, "n h w c"],
    labels: Int[Array, " n"],
    seed: int,
) -> ProxyInputs:
    """The inputs of a batch under a seed.

    Args:
        network: The network's specification.
        variables: Variables of the network, with the weights of every operation.
        images: Pixels in [0, 1].
        labels: Classes of the images.
        seed: Seed of Zen-NAS's weights and images.

    Example:
        >>> network = NetworkSpec(channels=2, cells=1)
        >>> variables, images = initial_variables(network, 0), jnp.zeros((2, 32, 32, 3))
        >>> inputs = proxy_inputs(network, variables, images, jnp.array([0, 1]), 0)
        >>> inputs.gaussian["classifier"]["kernel"].shape
        (8, 10)
    """
    rng = np.random.default_rng([seed, 0])
    params = initial_variables(replace(network, norm=Norm.BATCH), seed)["params"]
    gaussian = jax.tree_util.tree_map_with_path(
        lambda path, leaf: jnp.asarray(
            rng.normal(size=leaf.shape) if is_weight(path) else leaf, images.dtype
        ),
        params,
    )
    return ProxyInputs(variables, gaussian, images, labels, jax.random.key(seed))


def proxy_scores(
    network: NetworkSpec,
    ops: Int[Array, "6"] | Sequence[int],
    inputs: ProxyInputs,
    names: Collection[str] | None = None,
) -> dict[str, float]:
    """Proxies of one architecture (formulas and sources: `ntknas.scores.SCORES`).

    Args:
        network: The network's specification. All proxies use its normalisation, except SynFlow and
            CRoZe (no normalisation) and Zen-NAS (statistics of the batch).
        ops: Six operation codes of the cell. Edges that cannot reach the output count in NASWOT and
            Zen-NAS alone, so set them to none before (`live_operations`).
        inputs: Inputs that the seed fixes.
        names: Names of the proxies; None means all. Nothing is computed for the others.

    Returns:
        One score per proxy, in the order of tables; NaN where float arithmetic overflows.
    """
    every = score_names(ScoreKind.PROXY)
    asked = every if names is None else tuple(name for name in every if name in names)
    codes = jnp.asarray(ops, jnp.int32)
    double, single = (_families(asked, double=double) for double in (True, False))
    values: dict[str, dict[str, Array]] = {}
    if double:
        with jax.enable_x64(True):
            values |= _without_normalisation(network, codes, inputs, double)
    if single:
        values |= _with_normalisation(network, codes, inputs, single)
    scores: dict[str, float] = {}
    for name, arrays in values.items():
        exact = {key: np.asarray(array, np.float64) for key, array in arrays.items()}
        scores |= PROXIES[name].host(exact)
    return {name: scores[name] if np.isfinite(scores[name]) else np.nan for name in asked}


_Families = tuple[tuple[str, tuple[str, ...]], ...]
"""Families by name, each with the names of the scores that are asked of it."""


def _families(asked: Collection[str], *, double: bool) -> _Families:
    """The families of one precision that have some of the scores."""
    names = {
        family: tuple(name for name in member.names if name in asked)
        for family, member in PROXIES.items()
        if member.double == double
    }
    return tuple((family, own) for family, own in names.items() if own)


@partial(jax.jit, static_argnums=(0, 3))
def _without_normalisation(
    network: NetworkSpec, ops, inputs: ProxyInputs, families: _Families
) -> dict[str, dict[str, Array]]:
    """The values of families with absolute weights and no normalisation, in float64."""
    params = jax.tree.map(lambda x: abs(x.astype(jnp.float64)), inputs.variables["params"])
    double = inputs._replace(variables={"params": params}, images=inputs.images.astype(jnp.float64))
    bare = replace(network, norm=Norm.NONE)
    return {name: PROXIES[name].device(bare, ops, double, asked) for name, asked in families}


@partial(jax.jit, static_argnums=(0, 3))
def _with_normalisation(
    network: NetworkSpec, ops, inputs: ProxyInputs, families: _Families
) -> dict[str, dict[str, Array]]:
    """The values of the other families."""
    return {name: PROXIES[name].device(network, ops, inputs, asked) for name, asked in families}
