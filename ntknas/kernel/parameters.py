"""Which parameters a kernel is taken over, and checks of networks of any kind.

A network comes as a function with a pytree of parameters, with the variables of a Flax Linen
module, or as a Flax NNX module or state. Only parameters are differentiated; running statistics
and every other collection are constants.
"""

import sys
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree

from ntknas.errors import InputError, shorten
from ntknas.kernel.jacobians import ApplyFn

__all__ = ["SplitNetwork", "check_logits", "check_separate_images", "split_network"]

_NOT_PARAMETERS = ("batch_stats", "cache", "intermediates", "buffers")


class SplitNetwork(NamedTuple):
    """A network whose parameters are told apart from everything else that it holds.

    Attributes:
        apply_fn: The network, `(params, rest, images [n, h, w, c]) -> logits [n, k]`.
        params: Pytree of the parameters, which are differentiated.
        rest: Pytree of the constants, such as running statistics; None if there are none.
        description: What is differentiated, for readers.
    """

    apply_fn: Callable[[PyTree, PyTree, Array], Array]
    params: PyTree
    rest: PyTree
    description: str

    @property
    def num_parameters(self) -> int:
        """Number of values that are differentiated."""
        return sum(np.size(leaf) for leaf in jax.tree.leaves(self.params))

    def bind(self, rest: PyTree) -> ApplyFn:
        """The network as a function of its parameters and images."""
        return lambda params, images: self.apply_fn(params, rest, images)


def split_network(apply_fn: Any, params: Any) -> SplitNetwork:
    """A network of any kind, with its parameters told apart and checked.

    Args:
        apply_fn: The network, `(params, images) -> logits`, or a Flax module.
        params: A pytree of parameters. Of a Flax Linen variable dict, the collection "params" is
            differentiated, and the others are constants. Of an NNX module or state, the variables
            of type `nnx.Param` are. None if `apply_fn` is an NNX module.

    Returns:
        The network.

    Raises:
        InputError: If it is not clear what the parameters are, there are none, or one of them is
            not finite or not in float32 or float64.

    Example:
        >>> variables = {"params": {"w": jnp.ones(3)}, "batch_stats": {"mean": jnp.zeros(3)}}
        >>> split_network(lambda variables, x: x @ variables["params"]["w"], variables).description
        '3 parameters of the collection params; constant: batch_stats'
    """
    network = _of_nnx(apply_fn, params) or _of_linen(apply_fn, params)
    if network is None:
        if not callable(apply_fn):
            raise InputError(
                f"expected a network (params, images) -> logits, got {type(apply_fn).__name__}"
            )
        network = SplitNetwork(lambda params, _, images: apply_fn(params, images), params, None, "")
    _check_leaves(network.params, "parameter")
    _check_leaves(network.rest, "constant")
    if not network.num_parameters:
        raise InputError("expected parameters to differentiate, got none")
    return network._replace(
        description=f"{network.num_parameters:,} parameters{network.description}"
    )


def _of_linen(apply_fn: Any, params: Any) -> SplitNetwork | None:
    """A network with a Linen variable dict; None if it is of another kind."""
    linen = sys.modules.get("flax.linen")
    if linen is not None and isinstance(apply_fn, linen.Module):
        apply_fn = apply_fn.apply
    if not isinstance(params, Mapping):
        return None
    if "params" not in params:
        found = [name for name in _NOT_PARAMETERS if isinstance(params.get(name), Mapping)]
        if found:
            raise InputError(
                f"expected a collection 'params' beside {', '.join(found)}, got only "
                f"{_listing(params)}"
            )
        return None
    rest = {name: tree for name, tree in params.items() if name != "params"}
    odd = [name for name, tree in rest.items() if not isinstance(tree, Mapping)]
    if odd:
        raise InputError(
            "expected a Flax variable dict, whose entries are collections, or a pytree without an "
            f"entry 'params'; got 'params' beside {_listing(odd)}: which of them are parameters?"
        )
    constant = f"; constant: {', '.join(map(str, rest))}" if rest else ""
    return SplitNetwork(
        lambda params, rest, images: apply_fn({**rest, "params": params}, images),
        params["params"],
        rest,
        f" of the collection params{constant}",
    )


def _of_nnx(apply_fn: Any, params: Any) -> SplitNetwork | None:
    """A network given as an NNX module or state; None if it is of another kind."""
    nnx = sys.modules.get("flax.nnx")  # whoever has such an object has imported it
    if nnx is None:
        return None
    if params is None and isinstance(apply_fn, nnx.Module):
        params, apply_fn = apply_fn, lambda module, images: module(images)
    if isinstance(params, nnx.Module):
        graph, chosen, rest = nnx.split(params, nnx.Param, ...)

        def call(state: Any, rest: Any, images: Array) -> Any:
            return apply_fn(nnx.merge(graph, state, rest, copy=True), images)

    elif isinstance(params, nnx.State):
        chosen, rest = nnx.split_state(params, nnx.Param, ...)

        def call(state: Any, rest: Any, images: Array) -> Any:
            return apply_fn(nnx.merge_state(state, rest), images)

    else:
        return None
    structure = jax.tree.structure(chosen)

    def run(params: Any, rest: Any, images: Array) -> Any:
        return call(jax.tree.unflatten(structure, jax.tree.leaves(params)), rest, images)

    constants = sum(leaf.size for leaf in jax.tree.leaves(rest))
    text = f"; constant: {constants:,} other values" if constants else ""
    # As a dict, the path of a parameter ends in its name, like that of a Linen parameter.
    return SplitNetwork(run, nnx.to_pure_dict(chosen), rest, f" of type nnx.Param{text}")


def _check_leaves(tree: PyTree, kind: str) -> None:
    """Raise InputError for values that are no numbers; constants may have any type of number."""
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        name = f"{kind} {jax.tree_util.keystr(path) or 'pytree'}"
        if not isinstance(leaf, (jax.Array, np.ndarray, np.generic, float, int, complex)):
            raise InputError(f"{name}: expected an array of numbers, got {type(leaf).__name__}")
        dtype = jnp.result_type(leaf)
        if kind == "parameter" and dtype not in (jnp.float32, jnp.float64):
            raise InputError(f"{name}: expected float32 or float64, got {dtype}")
        if jnp.issubdtype(dtype, jnp.inexact):
            # On the host: one program for each shape would take seconds.
            array = np.asarray(leaf)
            bad = array.size - int(np.isfinite(array).sum())
            if bad:
                raise InputError(
                    f"{name}: expected finite values, got {bad} of {array.size} NaN or infinite"
                )


def check_logits(apply_fn: ApplyFn, params: PyTree, images: Array, *, name: str = "") -> int:
    """The number of logits of a network, after a check of what it returns.

    Args:
        apply_fn: The network, `(params, images [n, h, w, c]) -> logits [n, k]`.
        params: Its parameters.
        images: Images [n, h, w, c].
        name: Name of the network in error messages.

    Raises:
        InputError: If the network returns anything else than logits [n, k] in float32 or float64.
    """
    of = f" of network {name}" if name else ""
    logits = jax.eval_shape(apply_fn, params, images)
    expected = f"expected logits [{len(images)}, classes]{of}"
    if not isinstance(logits, jax.ShapeDtypeStruct):
        kind = type(logits).__name__
        raise InputError(f"{expected}, got a {kind}: return the logits alone")
    if len(logits.shape) != 2 or logits.shape[0] != len(images):
        raise InputError(f"{expected}, got {list(logits.shape)}")
    if logits.dtype not in (jnp.float32, jnp.float64):
        raise InputError(f"expected logits{of} in float32 or float64, got {logits.dtype}")
    return int(logits.shape[1])


def check_separate_images(
    apply_fn: ApplyFn, params: PyTree, images: Array, *, name: str = ""
) -> None:
    """Refuse `coupled=False` for a network whose output on an image depends on the others.

    The logits of the first and of the last image, each alone, are compared with those of the batch.

    Args:
        apply_fn: The network, `(params, images [n, h, w, c]) -> logits [n, k]`.
        params: Its parameters.
        images: Images [n, h, w, c].
        name: Name of the network in error messages.

    Raises:
        InputError: If they differ by more than rounding.
    """
    if len(images) < 2:
        return

    @jax.jit
    def compare(params, images):
        together = apply_fn(params, images)
        ends = jnp.array([0, len(images) - 1])
        alone = jax.lax.map(lambda end: apply_fn(params, images[end][None])[0], ends)
        return jnp.abs(together[ends] - alone).max(), jnp.abs(together).max(), jnp.abs(alone).max()

    difference, *sizes = (float(value) for value in compare(params, images))
    if difference > float(np.sqrt(jnp.finfo(images.dtype).eps)) * max(sizes):
        raise InputError(
            f"coupled=False needs images that do not interact, but logits{name and ' of network '}"
            f"{name} on an image alone differ from those in the batch by {difference:.3g}, as "
            "under batch normalisation: expected coupled=True"
        )


def _listing(names: Any) -> str:
    """The first names of a list, for error messages."""
    return shorten(", ".join(map(str, names)))
