"""The cells of a bundle of architectures: gather by operation, one convolution, scatter.

On each edge, the activations of those architectures that have a 3x3 convolution there are gathered,
one plain convolution with the shared weights runs on all their images, and the results are added to
the target node of these architectures. The same holds for 1x1 convolutions and pooling. A skip
connection is a masked sum. Operations stay data, so one program serves all bundles; only the number
of architectures and the capacities of the edges are static.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ntknas.errors import InputError
from ntknas.kernel.bundled import bundled_conv_norm
from ntknas.kernel.layerwise import Probe
from ntknas.layers.convolution import avg_pool_3x3
from ntknas.layers.norm import Norm
from ntknas.network.cells import EdgeWeights
from ntknas.spaces.nasbench201 import EDGES, OPERATIONS, Ops

__all__ = ["Capacities", "EdgeRoute", "Route", "bundled_cell", "route"]

_SKIP, _CONV_1X1, _CONV_3X3, _POOL = map(
    OPERATIONS.index, ("skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
)

Capacities = tuple[tuple[int, int, int], ...]
"""Most architectures of a bundle with a 1x1 convolution, a 3x3 convolution and a pooling on an
edge, for each of the six edges."""


class EdgeRoute(NamedTuple):
    """Which architectures of a bundle have which operation on one edge.

    Attributes:
        skip: 1 for architectures with a skip connection, else 0; floats [k].
        conv_1x1: Places of the architectures with a 1x1 convolution, integers; free places hold k.
        conv_3x3: Places of those with a 3x3 convolution.
        pool: Places of those with a pooling.
    """

    skip: Array | np.ndarray
    conv_1x1: Array | np.ndarray
    conv_3x3: Array | np.ndarray
    pool: Array | np.ndarray


Route = tuple[EdgeRoute, ...]
"""The routes of the six edges."""


def route(cells: Sequence[Ops], size: int, capacities: Capacities, dtype: str) -> Route:
    """The route of the architectures of one bundle, on the host.

    Args:
        cells: Operation codes of at most `size` architectures.
        size: Number of places k of the bundle; free places compute nothing.
        capacities: Capacities of the edges.
        dtype: Type of the activations.

    Raises:
        InputError: If the architectures do not fit.

    Example:
        >>> edges = route([(3, 0, 0, 1, 4, 3)], 2, ((1, 1, 1),) * 6, "float32")
        >>> edges[0].conv_3x3, edges[0].conv_1x1, edges[3].skip
        (array([0], dtype=int32), array([2], dtype=int32), array([1., 0.], dtype=float32))
    """
    if len(cells) > size:
        raise InputError(f"expected at most {size} architectures in a bundle, got {len(cells)}")
    edges = []
    for edge, most in enumerate(capacities):
        skip = np.zeros(size, dtype)
        skip[[place for place, ops in enumerate(cells) if ops[edge] == _SKIP]] = 1
        places = []
        for op, capacity in zip((_CONV_1X1, _CONV_3X3, _POOL), most, strict=True):
            found = [place for place, ops in enumerate(cells) if ops[edge] == op]
            if len(found) > capacity:
                raise InputError(
                    f"expected at most {capacity} architectures with operation {op} on edge "
                    f"{edge}, got {len(found)}"
                )
            places.append(np.array(found + [size] * (capacity - len(found)), np.int32))
        edges.append(EdgeRoute(skip, *places))
    return tuple(edges)


def bundled_cell(
    norm: Norm,
    edges: Route,
    weights: tuple[EdgeWeights, ...],
    x: Float[Array, "k g n h w c"],
    probes: tuple[Probe, ...] | None = None,
) -> Float[Array, "k g n h w c"]:
    """The last node of the cells of a bundle.

    Args:
        norm: Normalisation statistics.
        edges: Which architectures have which operation.
        weights: Weights of both convolutions of every edge, shared by all architectures.
        x: Values of the first node.
        probes: A probe for every edge. With probes, the weights have no cotangent.

    Returns:
        The values of the last node.
    """
    nodes = [x, *[jnp.zeros_like(x)] * 3]
    each = probes or (None,) * len(EDGES)
    for edge, edge_weights, probe, (source, target) in zip(
        edges, weights, each, EDGES, strict=True
    ):
        value, total = nodes[source], nodes[target]
        total += edge.skip.reshape(-1, *(1,) * (x.ndim - 1)) * value
        if len(edge.pool):
            pooled = _pool(_gather(value, edge.pool))
            total = total.at[edge.pool].add(pooled, mode="drop")
        rectified = jax.nn.relu(value)
        for places, layer in (
            (edge.conv_1x1, edge_weights.conv_1x1),
            (edge.conv_3x3, edge_weights.conv_3x3),
        ):
            if len(places):
                assert layer is not None
                its_probe = None if probe is None else Probe(*(_gather(p, places) for p in probe))
                part = bundled_conv_norm(
                    _gather(rectified, places), layer, norm=norm, probe=its_probe
                )
                total = total.at[places].add(part, mode="drop")
        nodes[target] = total
    return nodes[-1]


def _gather(values: Float[Array, "k ..."], places: Any) -> Float[Array, "a ..."]:
    """The values of some architectures; zeros for free places."""
    return jnp.take(values, places, axis=0, mode="fill", fill_value=0)


def _pool(x: Float[Array, "a g n h w c"]) -> Float[Array, "a g n h w c"]:
    """Average pooling of all images."""
    return avg_pool_3x3(x.reshape(-1, *x.shape[3:])).reshape(x.shape)
