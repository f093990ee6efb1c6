"""Gram matrices of Jacobians: the empirical neural tangent kernel of one or several batches.

Three functions compute the same products:

* `ntk` multiplies the Jacobians of any network on one or two batches.
* `chained_gram` takes several batches whose images are coupled. It holds the Jacobians of three
  batches at a time, whatever the number of batches.
* `probed_gram` holds no Jacobian. It takes networks whose layers form their part of the kernel
  during the backward pass (`ntknas.kernel.layerwise`).
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, PyTree

from ntknas.kernel.jacobians import ApplyFn, jacobian
from ntknas.kernel.layerwise import Probe
from ntknas.kernel.names import Logits
from ntknas.kernel.parts import Grams, Layers, layers_of_paths

__all__ = [
    "LayerProducts",
    "ProbedFn",
    "assemble",
    "chained_gram",
    "joint_blocks",
    "layers_of",
    "logit_directions",
    "ntk",
    "parameter_path",
    "probed_gram",
    "zero_probes",
]

ProbedFn = Callable[[Mapping[str, Probe], Array], Array]
"""Type of a network that takes a probe for each layer, by the layer's name:
`(probes, images [n, ...]) -> logits [n, k]`."""

LayerProducts = Probe
"""Products of the gradients of weights and of biases, layer by layer: entries [L, ..., m, m]."""

Groups = Sequence[tuple[int, ...]]
"""For each joint matrix, the ascending positions of its batches among all batches."""


def logit_directions(logits: Logits, classes: int, dtype) -> Float[Array, "d k"]:
    """The directions in logit space whose kernels are averaged.

    Args:
        logits: Convention over the logits.
        classes: Number of logits k.
        dtype: Type of the directions.

    Returns:
        Ones for `Logits.SUM`, the k unit vectors for `Logits.TRACE`.
    """
    ones = logits is Logits.SUM
    directions = jnp.ones((1, classes), dtype) if ones else jnp.eye(classes, dtype=dtype)
    # Without the barrier they would reach the classifier's products as constants, and XLA for CPUs
    # (jaxlib 0.10.2) takes a product of two constant matrices for 1 inside a large fusion.
    return lax.optimization_barrier(directions)


def _contract(rows: PyTree, columns: PyTree) -> Float[Array, "n m"]:
    """The product of two Jacobians, summed over all parameters."""
    products = jax.tree.map(
        lambda a, b: jnp.dot(
            a.reshape(len(a), -1), b.reshape(len(b), -1).T, precision=lax.Precision.HIGHEST
        ),
        rows,
        columns,
    )
    return jax.tree.reduce(jnp.add, products)


def _mean_over_logits(kernel, apply_fn, params, images, logits):
    """The mean of `kernel(direction)` over the directions of the logits convention."""
    classes = jax.eval_shape(apply_fn, params, images).shape[-1]
    of_directions = lax.map(kernel, logit_directions(logits, classes, images.dtype))
    return jax.tree.map(lambda a: a.mean(0), of_directions)


def ntk(
    apply_fn: ApplyFn,
    params: PyTree,
    x1: Float[Array, "n ..."],
    x2: Float[Array, "m ..."] | None = None,
    *,
    coupled: bool,
    logits: Logits = Logits.SUM,
) -> Float[Array, "n m"]:
    """The empirical neural tangent kernel J(x1) J(x2)^T; x2 = None means x1.

    Args:
        apply_fn: The network, `(params, images) -> logits [., k]`.
        params: Pytree of the parameters that the kernel is taken over.
        x1: Images of the rows.
        x2: Images of the columns, a batch separate from that of the rows; None means x1.
        coupled: Whether the images of a batch interact (see `jacobian`).
        logits: Convention over the logits.

    Returns:
        Kernel [n, m].

    References:
        Jacot et al., Neural tangent kernel, NeurIPS 2018.

    Example:
        >>> x = jnp.array([[3.0, 4.0], [0.0, 1.0]])
        >>> ntk(lambda w, x: x @ w, jnp.zeros((2, 1)), x, coupled=False)
        Array([[25.,  4.],
               [ 4.,  1.]], dtype=float32)
    """

    def kernel(direction):
        rows = jacobian(apply_fn, params, x1, direction, coupled=coupled)
        if x2 is None:
            return _contract(rows, rows)
        return _contract(rows, jacobian(apply_fn, params, x2, direction, coupled=coupled))

    return _mean_over_logits(kernel, apply_fn, params, x1, logits)


def parameter_path(path: tuple) -> tuple[str, ...]:
    """The path of a leaf of a pytree as names.

    Args:
        path: Path as `jax.tree_util` gives it.

    Example:
        >>> parameter_path(jax.tree_util.tree_leaves_with_path({"a": [0, 1]})[1][0])
        ('a', '1')
    """
    names = (
        getattr(entry, "key", getattr(entry, "name", getattr(entry, "idx", entry)))
        for entry in path
    )
    return tuple(map(str, names))


def layers_of(params: PyTree, keep: str = "none") -> Layers:
    """The layers of any network: parameters of one module are one layer.

    Args:
        params: Pytree of the parameters.
        keep: A member of `ntknas.kernel.PARTS`. The groups are the outermost modules.
    """
    leaves = jax.tree_util.tree_leaves_with_path(params)
    return layers_of_paths([parameter_path(path) for path, _ in leaves], keep)


def _layer_products(rows: PyTree, columns: PyTree, layers: Layers) -> LayerProducts:
    """The products of two Jacobians layer by layer, entries [L, n, m]."""
    paths, left = zip(*jax.tree_util.tree_leaves_with_path(rows), strict=True)
    sums: list[dict[str, Array]] = [{}, {}]  # of weights, of biases
    for path, a, b in zip(paths, left, jax.tree.leaves(columns), strict=True):
        names = parameter_path(path)
        layer, kind = layers.of(names), sums[names[-1:] == ("bias",)]
        product = _contract(a, b)
        kind[layer] = kind[layer] + product if layer in kind else product
    zeros = jnp.zeros((len(left[0]), len(jax.tree.leaves(columns)[0])), left[0].dtype)
    return LayerProducts(
        *(jnp.stack([kind.get(name, zeros) for name in layers.names]) for kind in sums)
    )


def assemble(products: LayerProducts, layers: Layers) -> Grams:
    """The kernel, its layer cosine kernel and its parts, from the products of every layer.

    Args:
        products: Products of the gradients of weights and of biases, entries [L, ..., m, m].
        layers: The L layers.

    Returns:
        Matrices [..., m, m] (definitions: `ntknas.kernel.parts`).
    """
    weights = products.weights
    of_layers = weights + products.biases if layers.biases else weights
    squares = jnp.diagonal(weights, axis1=-2, axis2=-1)  # [L, ..., m]
    inverse = jnp.where(squares > 0, lax.rsqrt(jnp.where(squares > 0, squares, 1)), 0)
    cosines = weights * inverse[..., :, None] * inverse[..., None, :]
    live = (squares > 0).any(-1).sum(0)
    parts = OrderedDict(
        (name, sum(of_layers[layers.names.index(layer)] for layer in held))
        for name, held in layers.parts
    )
    mean = cosines.sum(0) / jnp.maximum(live, 1)[..., None, None]
    return Grams(of_layers.sum(0), mean, parts)


def chained_gram(
    apply_fn: ApplyFn,
    params: PyTree,
    batches: Float[Array, "b n ..."],
    groups: Groups,
    *,
    coupled: bool,
    logits: Logits = Logits.SUM,
    layers: Layers | None = None,
) -> Grams:
    """Joint Gram matrices of groups of batches that are chained.

    Each batch has separate normalisation statistics. A batch's Jacobian is multiplied with itself,
    with that of the batch before it and with that of batch 0; robust kernels need no other
    products. Three Jacobians are held at a time, and the Jacobian is compiled once.

    Args:
        apply_fn: The network, `(params, images [n, ...]) -> logits [n, k]`.
        params: Pytree of the parameters that the kernel is taken over.
        batches: All b batches of n images.
        groups: Positions of the batches of each matrix. Two batches of a group must be neighbours,
            or the first of them must be batch 0.
        coupled: Whether the images of a batch interact (see `jacobian`).
        logits: Convention over the logits.
        layers: The layers that the parameters belong to; None means one for each module.

    Returns:
        One matrix per group [g, m, m], where m is n times the number of its batches. Each block off
        the diagonal is exactly the transpose of the block opposite to it.
    """
    known = layers_of(params) if layers is None else layers

    def kernel(direction):
        def rows(images):
            return jacobian(apply_fn, params, images, direction, coupled=coupled)

        if len(batches) == 1:
            current = rows(batches[0])
            products = _layer_products(current, current, known)
            return jax.tree.map(lambda p: jnp.broadcast_to(p, (1, 3, *p.shape)), products)

        def step(carry, batch):
            t, images = batch
            current = rows(images)
            first, previous = jax.tree.map(
                lambda a, b: jnp.where(t == 0, a, b), (current, current), carry
            )
            products = [
                _layer_products(left, current, known) for left in (first, previous, current)
            ]
            return (first, current), jax.tree.map(lambda *three: jnp.stack(three), *products)

        zeros = jax.tree.map(
            lambda p: jnp.zeros((batches.shape[1], *p.shape), p.dtype), (params, params)
        )
        return lax.scan(step, zeros, (jnp.arange(len(batches)), batches))[1]

    products = _mean_over_logits(kernel, apply_fn, params, batches[0], logits)

    def joint(of_kind: Float[Array, "b 3 l n n"]) -> Float[Array, "l g m m"]:
        # For every batch t: J_0 J_t^T, J_{t-1} J_t^T, J_t J_t^T.
        with_first, with_previous, with_itself = of_kind.swapaxes(0, 1)

        def product(s: int, t: int) -> Array:
            if s == t:
                return with_itself[t]
            if s > t:
                return product(t, s).swapaxes(-1, -2)
            assert s in (0, t - 1)
            return with_first[t] if s == 0 else with_previous[t]

        return joint_blocks(product, groups).swapaxes(0, 1)

    return assemble(jax.tree.map(joint, products), known)


def joint_blocks(product: Callable[[int, int], Array], groups: Groups) -> Float[Array, "g *s m m"]:
    """One matrix per group, put together from the products of its batches.

    Args:
        product: Function from the positions of two batches to the products of their Jacobians,
            [..., n, n].
        groups: Positions of the batches of each matrix.

    Returns:
        The matrices, m = n times the batches of a group.
    """
    return jnp.stack(
        [jnp.block([[product(s, t) for t in group] for s in group]) for group in groups]
    )


def zero_probes(
    layers: Layers, weights: Float[Array, "*s"], biases: Float[Array, "*s"] | None = None
) -> dict[str, Probe]:
    """A probe for every layer.

    Args:
        layers: The layers.
        weights: The probes' entry of weights; its values are never read.
        biases: The entry of biases; None means one like that of weights.
    """
    return dict.fromkeys(layers.names, Probe(weights, weights if biases is None else biases))


def probed_gram(
    probed_fn: ProbedFn,
    batches: Float[Array, "b n ..."],
    groups: Groups,
    *,
    layers: Layers,
    coupled: bool,
    logits: Logits = Logits.SUM,
) -> Grams:
    """`chained_gram` of a network that takes probes, without holding a Jacobian.

    Every layer gives its part of the kernel in the backward pass (`ntknas.kernel.layerwise`).

    Args:
        probed_fn: The network, `(probes, images [n, ...]) -> logits [n, k]`. The kernel of a layer
            is the cotangent of its probe.
        batches: All b batches of n images. With coupled images b must be 1, because rows of
            different batches are never multiplied.
        groups: Positions of the batches of each matrix, without restriction.
        layers: The layers of the network.
        coupled: Whether the images of a batch interact (see `jacobian`).
        logits: Convention over the logits.

    Returns:
        The matrices, as `chained_gram` returns them.
    """
    b, n = batches.shape[:2]
    assert b == 1 or not coupled
    images = batches.reshape(b * n, *batches.shape[2:])
    probes = zero_probes(layers, jnp.zeros((n,) if coupled else (b * n, b * n), images.dtype))

    def kernel(direction):
        values, pull_back = jax.vjp(lambda probes: probed_fn(probes, images), probes)
        if coupled:
            return jax.vmap(lambda one: pull_back(one[:, None] * direction[None])[0])(
                jnp.eye(n, dtype=values.dtype)
            )
        return pull_back(jnp.broadcast_to(direction, values.shape))[0]

    classes = jax.eval_shape(probed_fn, probes, images).shape[-1]
    of_directions = lax.map(kernel, logit_directions(logits, classes, images.dtype))
    products = jax.tree.map(
        lambda *of_layers: jnp.stack(of_layers).reshape(-1, b, n, b, n),
        *(jax.tree.map(lambda a: a.mean(0), of_directions[name]) for name in layers.names),
    )

    def joint(of_kind: Float[Array, "l b n b n"]) -> Float[Array, "l g m m"]:
        def product(s: int, t: int) -> Array:
            return of_kind[:, s, :, t] if s <= t else of_kind[:, t, :, s].swapaxes(-1, -2)

        return joint_blocks(product, groups).swapaxes(0, 1)

    return assemble(jax.tree.map(joint, products), layers)
