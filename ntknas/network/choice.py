"""A choice among functions by data, whose derivatives of every order are choices as well.

`lax.switch` alone is differentiated by parts: every branch returns zero-filled residuals of all the
others. Here a derivative saves the arguments and what a branch keeps, and nothing else. It is a
choice among the branches' derivatives, taken by those arguments that vary.
"""

from collections.abc import Callable
from functools import cache, partial
from typing import Any, NamedTuple

import jax
from jax import lax
from jaxtyping import Array, Int

__all__ = ["Branch", "choose"]


class Branch(NamedTuple):
    """A function in two steps. The derivative keeps what is between them.

    Both are functions at module level or kept by a cache, so that each is traced once per shape.

    Attributes:
        first: From the arguments to what is kept, and to what is kept as a constant. It is linear
            in each argument or cheap, because a derivative computes it again where it reads its
            inner values.
        last: From what is kept, the constants and the arguments to the value.
        linear: Whether the derivative by any one array of the arguments does not depend on this
            array, for given kept values. Where one array varies, its second derivative is then
            that by the kept values alone.
    """

    first: Callable[..., tuple[Any, Any]]
    last: Callable[..., Any]
    linear: bool = False


def choose(index: Int[Array, ""], branches: tuple[Branch, ...], *args: Any) -> tuple[Any, Any]:
    """The value of one of the branches, and what it kept.

    Args:
        index: Position of the branch, as data.
        branches: Branches, whose results have the same shapes.
        args: Arguments of the branches: trees of arrays of floats.
    """
    value, kept, _ = _choose(branches, index, args)
    return value, kept


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _choose(branches: tuple[Branch, ...], index, args: Any) -> tuple[Any, Any, Any]:
    """The value of one of the branches, what it kept, and its constants."""
    return lax.switch(index, _programs(branches), args)


@cache
def _programs(branches: tuple[Branch, ...]) -> list[Callable]:
    """The functions of all branches, from the arguments to the three results."""

    def program(branch, args):
        kept, constants = branch.first(*args)
        return branch.last(kept, constants, *args), kept, constants

    return [partial(program, branch) for branch in branches]


@jax.tree_util.register_static
class _Marks(tuple):
    """Which leaves vary; part of the program, not of its data."""


def _forward(branches, index, args):
    """The results, and all that the derivative reads."""
    leaves, tree = jax.tree.flatten(args, is_leaf=_is_primal)
    values = jax.tree.unflatten(tree, [leaf.value for leaf in leaves])
    results = _choose(branches, index.value, values)
    marks = _Marks(leaf.perturbed for leaf in leaves)
    return results, (index.value, values, *results[1:], marks)


def _backward(branches, saved, cotangents):
    """Cotangents of the arguments that vary; the others have none."""
    index, args, kept, constants, varying = saved
    leaves, _ = jax.tree.flatten(cotangents[:2], is_leaf=_is_zero)
    arriving = tuple(not _is_zero(leaf) for leaf in leaves)
    arrived = [leaf for leaf, there in zip(leaves, arriving, strict=True) if there]
    if not arrived:
        return None, None
    values, tree = jax.tree.flatten(args)
    if sum(varying) == 1 and all(branch.linear for branch in branches):
        both = zip(varying, values, strict=True)
        args = jax.tree.unflatten(tree, [lax.stop_gradient(a) if v else a for v, a in both])
    pull_backs = _pull_backs(branches, tuple(varying), arriving)
    given = (args, kept, lax.stop_gradient(constants), arrived)
    results = iter(_choose(pull_backs, index, given)[0])
    full = [next(results) if v else None for v, _ in zip(varying, values, strict=True)]
    return None, jax.tree.unflatten(tree, full)


_choose.defvjp(_forward, _backward, symbolic_zeros=True)


@cache
def _pull_backs(
    branches: tuple[Branch, ...], varying: tuple[bool, ...], arriving: tuple[bool, ...]
) -> tuple[Branch, ...]:
    """For each branch its transpose, from arguments, kept values, constants and cotangents."""

    def pull_back(branch, _kept, _constants, args, kept, constants, arrived):
        leaves, tree = jax.tree.flatten(args)

        def join(part):
            rest = iter(part)
            both = zip(leaves, varying, strict=True)
            return jax.tree.unflatten(tree, [next(rest) if v else leaf for leaf, v in both])

        inputs = [leaf for leaf, v in zip(leaves, varying, strict=True) if v]
        num_values = len(arriving) - len(jax.tree.leaves(kept))
        d_kept = iter(arrived[sum(arriving[:num_values]) :])
        # What arrives at the kept values themselves, and what comes by way of the value.
        d_of_kept = [next(d_kept) if there else None for there in arriving[num_values:]]
        totals = [0.0 * leaf for leaf in inputs]
        if any(arriving[:num_values]):

            def value_of(part, kept):
                return _some(branch.last(kept, constants, *join(part)), arriving)

            _, pull = jax.vjp(value_of, inputs, kept)
            totals, through = pull(arrived[: sum(arriving[:num_values])])
            d_of_kept = [
                a if b is None else a + b
                for a, b in zip(jax.tree.leaves(through), d_of_kept, strict=True)
            ]
        if any(d is not None for d in d_of_kept):
            marks = tuple(d is not None for d in d_of_kept)
            _, pull = jax.vjp(lambda part: _some(branch.first(*join(part))[0], marks), inputs)
            (more,) = pull([d for d in d_of_kept if d is not None])
            totals = [a + b for a, b in zip(totals, more, strict=True)]
        return totals

    return tuple(Branch(_nothing, partial(pull_back, branch)) for branch in branches)


def _nothing(*_: Any) -> tuple[tuple, tuple]:
    """A first step that keeps nothing."""
    return (), ()


def _some(tree: Any, marks: tuple[bool, ...]) -> list:
    """The marked leaves of a tree."""
    return [leaf for leaf, there in zip(jax.tree.leaves(tree), marks, strict=False) if there]


def _is_zero(leaf: Any) -> bool:
    """Whether a cotangent is known to be zero."""
    return isinstance(leaf, jax.custom_derivatives.SymbolicZero)


def _is_primal(leaf: Any) -> bool:
    """Whether a value is one that JAX marks as varying or not."""
    return hasattr(leaf, "perturbed")
