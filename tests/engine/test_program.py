"""The compiled program against networks of static operations, dead edges, parameter choices."""

from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ntknas
from ntknas.attack import attack
from ntknas.engine import gram_of, seed_inputs
from ntknas.images import load_images, scoring_batch
from ntknas.kernel import Batch
from ntknas.layers import Norm
from ntknas.network import Network, NetworkSpec, initial_variables
from ntknas.runs import ScoringSpec
from ntknas.spaces.nasbench201 import Architecture, live_edges, live_operations
from tests.engine.tiny import NOT_REPRESENTATIVE, TINY

COUPLED = ScoringSpec(batch_size=6, batches=(Batch.CLEAN,), network=NetworkSpec(4, 1)).compiled


def batch_of(spec, seed):
    return scoring_batch(load_images(), spec.batch_size, seed=seed)


def clean_gram(ops, spec, seed=0):
    inputs = seed_inputs(spec, batch_of(spec, seed), seed)
    ops, rhos = jnp.asarray(ops, jnp.int32), jnp.zeros(0, inputs.images.dtype)
    return np.asarray(gram_of(ops, inputs, rhos, spec=spec).whole[0])


def static_network(spec, norm, ops, seed):
    """`apply_fn` of a network of these operations alone, and its float64 or float32 parameters."""
    network = replace(spec, norm=norm)
    variables = jax.tree.map(jnp.asarray, initial_variables(network, seed, ops))
    variables = jax.tree.map(lambda a: a.astype(jnp.zeros(()).dtype), variables)
    rest = {name: value for name, value in variables.items() if name != "params"}

    def apply_fn(params, images):
        return Network(network).apply({"params": params, **rest}, images, ops)

    return apply_fn, variables["params"]


def with_dead_edges(count):
    """Architectures that connect input to output and have operations off every path between."""
    found: list[Architecture] = []
    index = 0
    while len(found) < count:
        architecture = Architecture.from_id(index)
        live = live_edges(architecture)
        dead = [op for op, alive in zip(architecture.ops, live, strict=True) if op and not alive]
        if any(live) and dead and architecture.ops != live_operations(architecture):
            found.append(architecture)
        index += 1
    return found


@pytest.mark.parametrize(
    ("code", "live"),
    [
        ("333333", [3, 3, 3, 3, 3, 3]),
        ("300030", [3, 0, 0, 0, 3, 0]),
        ("300230", [3, 0, 0, 2, 3, 0]),
        ("014133", [0, 1, 0, 1, 3, 3]),  # a pool of zeros is nothing, a convolution is its bias
        ("333000", [0, 0, 0, 0, 0, 0]),
        ("030001", [0, 3, 0, 0, 0, 1]),
        ("003001", [0, 0, 3, 0, 0, 1]),
        ("330010", [3, 0, 0, 0, 1, 0]),
    ],
)
def test_live_operations_keep_what_matters(code, live):
    assert live_operations(Architecture.from_code(code)) == tuple(live)


@pytest.mark.slow
@pytest.mark.usefixtures("float64")
def test_dead_edges_change_no_gram():
    constant = Architecture.from_code("003030")  # its output is a bias behind zeros
    assert constant.is_constant
    assert live_operations(constant) == (0, 0, 0, 0, 3, 0)
    for architecture in (constant, *with_dead_edges(6)):
        live = live_operations(architecture)
        whole = clean_gram(architecture.ops, COUPLED)
        np.testing.assert_allclose(
            clean_gram(live, COUPLED), whole, rtol=1e-10, atol=1e-10 * abs(whole).max()
        )


@pytest.mark.usefixtures("float64")
@pytest.mark.slow
def test_coupled_kernel_is_that_of_the_static_network():
    # Nothing reaches the convolution 1 -> 3; the bias behind it has a gradient all the same.
    architecture, batch = Architecture.from_code("014133"), batch_of(COUPLED, 3)
    apply_fn, params = static_network(COUPLED.network, Norm.BATCH, architecture.ops, 3)
    expected = ntknas.kernel_blocks(
        apply_fn, params, batch.pixels.astype(float), batch.labels, batches=(Batch.CLEAN,)
    ).clean
    found = clean_gram(live_operations(architecture), COUPLED, seed=3)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-10 * abs(expected).max())


@pytest.mark.slow
def test_a_run_holds_the_robust_kernels_of_the_static_network(run):
    architecture, seed, rho = Architecture.from_id(NOT_REPRESENTATIVE), 1, 8 / 255
    batch = batch_of(TINY, seed)
    apply_fn, params = static_network(TINY.network, Norm.IMAGE, architecture.ops, seed)
    expected = ntknas.kernel_blocks(
        apply_fn,
        params,
        batch.pixels,
        batch.labels,
        rho=rho,
        attack=TINY.attack,
        coupled=False,
        seed=seed,
    )
    found = run.kernels(architecture, rho=rho, seed=seed)
    scale = abs(expected.gram).max()
    for rows, columns in [*((batch, batch) for batch in Batch), (Batch.CLEAN, Batch.ATTACKED)]:
        block = found.cross(rows, columns)
        wanted = expected.cross(rows, columns)
        np.testing.assert_allclose(block, wanted, rtol=1e-4, atol=1e-4 * scale)


@pytest.mark.slow
@pytest.mark.usefixtures("float64")
def test_weights_alone_and_an_attack_in_another_mode():
    """Attack the frozen network, differentiate the per-image one by its weights without biases."""
    spec = replace(
        TINY,
        batches=(Batch.ATTACKED,),
        rhos=(8 / 255,),
        parameters="weights",
        attack_norm=Norm.FROZEN,
        seeds=1,
    )
    architecture, batch = Architecture.from_id(NOT_REPRESENTATIVE), batch_of(spec, 0)
    inputs = seed_inputs(spec, batch, 0)
    ops = jnp.asarray(live_operations(architecture))
    found = gram_of(ops, inputs, jnp.array(spec.rhos), spec=spec.compiled).whole[0]

    frozen, params = static_network(spec.network, Norm.FROZEN, architecture.ops, 0)
    apply_fn, _ = static_network(spec.network, Norm.IMAGE, architecture.ops, 0)

    @jax.jit
    def gradients(params):
        key = jax.random.split(inputs.key, 2)[0]
        attacked = attack(
            key, frozen, params, inputs.images, inputs.labels, spec=spec.attack, rho=8 / 255
        )
        return jax.jacrev(lambda params: apply_fn(params, attacked).sum(1))(params)

    leaves = jax.tree_util.tree_leaves_with_path(gradients(params))
    assert any(path[-1].key == "bias" for path, _ in leaves)
    rows = [np.asarray(g).reshape(6, -1) for path, g in leaves if path[-1].key != "bias"]
    expected = np.concatenate(rows, 1) @ np.concatenate(rows, 1).T
    np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-10 * abs(expected).max())


def test_a_seed_fixes_weights_images_and_attack():
    first, again, other = (seed_inputs(TINY, batch_of(TINY, s), s) for s in (0, 0, 1))
    same = partial(jax.tree.map, lambda a, b: bool((a == b).all()))
    assert all(jax.tree.leaves(same(first, again)))
    kernel = lambda inputs: inputs.variables["params"]["stem"]["kernel"]  # noqa: E731
    assert (kernel(first) != kernel(other)).all()
    assert (first.images != other.images).any()
    assert first.key != other.key
    assert first.images.dtype == jnp.float32
    assert set(first.variables) == {"params"}


def test_a_frozen_attack_has_running_statistics():
    spec = replace(TINY, attack_norm=Norm.FROZEN)
    assert set(seed_inputs(spec, batch_of(spec, 0), 0).variables) == {"params", "batch_stats"}


@pytest.mark.usefixtures("float64")
def test_inputs_are_of_the_precision_in_force():
    inputs = seed_inputs(TINY, batch_of(TINY, 0), 0)
    leaves = [*jax.tree.leaves(inputs.variables), inputs.images]
    assert {leaf.dtype.name for leaf in leaves} == {"float64"}
