"""Random initial weights, drawn on the host.

A weight's draw depends on the seed, its path and its cell. It does not depend on the architecture,
the number of cells, the device, or the version of JAX. All architectures therefore share the draws
of one super-network, and a network with fewer cells per stage shares those of its first cells.
"""

import math
import zlib
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ntknas.network.skeleton import Network
from ntknas.network.spec import Init, NetworkSpec

__all__ = ["initial_variables"]


def initial_variables(
    spec: NetworkSpec, seed: int, ops: Sequence[int] | None = None
) -> dict[str, Any]:
    """Variables of `Network(spec)` at initialisation.

    Args:
        spec: The network; `spec.init` chooses the distribution.
        seed: Seed of the draws, not negative.
        ops: Six operation codes, whose weights alone are drawn. None means the weights of every
            operation, for a network whose operations are data.

    Returns:
        Collections `params` and, for frozen normalisation, `batch_stats` (mean 0, variance 1), as
        float32 NumPy arrays. Weights of cells are stacked [cells, ...].

    Example:
        >>> spec = NetworkSpec(channels=4, cells=2)
        >>> initial_variables(spec, 0)["params"]["stage_0"]["edge_0_1_conv_3x3"]["kernel"].shape
        (2, 3, 3, 4, 4)
    """
    # Flax makes parameters of JAX's default type, and a convolution's inputs must have that type.
    dtype = jnp.result_type(float)
    image = jax.ShapeDtypeStruct((1, spec.image_size, spec.image_size, 3), dtype)
    network, key = Network(spec), jax.random.key(0)
    if ops is None:
        codes = jax.ShapeDtypeStruct((6,), jnp.int32)
        shapes = jax.eval_shape(network.init, key, image, codes)
    else:
        shapes = jax.eval_shape(lambda key, image: network.init(key, image, ops), key, image)
    return jax.tree_util.tree_map_with_path(
        lambda path, leaf: _draw(spec, seed, tuple(entry.key for entry in path), leaf.shape),
        shapes,
    )


def _draw(spec: NetworkSpec, seed: int, path: tuple[str, ...], shape: tuple[int, ...]):
    """Initial values of the variable at a path; those of the cells of a stage are stacked."""
    name = path[-1]
    if name in ("scale", "variance"):
        return np.ones(shape, np.float32)
    classifier_bias = path[-2:] == ("classifier", "bias")
    if name == "mean" or (name == "bias" and (not classifier_bias or spec.init is Init.KAIMING)):
        return np.zeros(shape, np.float32)
    path_code = zlib.crc32("/".join(path).encode())
    stacked = path[1].startswith("stage_")
    cells = [
        _weights(
            np.random.default_rng([seed, path_code, cell]),
            spec.init,
            shape[stacked:],
            fan_in=4 * spec.channels if classifier_bias else math.prod(shape[stacked:-1]),
        )
        for cell in range(shape[0] if stacked else 1)
    ]
    return (np.stack(cells) if stacked else cells[0]).astype(np.float32)


def _weights(rng: np.random.Generator, init: Init, shape: tuple[int, ...], *, fan_in: int):
    """Random weights of one layer."""
    if init is Init.KAIMING:
        return rng.normal(0, math.sqrt(2 / fan_in), shape)
    return rng.uniform(-1 / math.sqrt(fan_in), 1 / math.sqrt(fan_in), shape)
