"""Agreement with xautodl's PyTorch network, and of the two ways to give operations."""

from dataclasses import replace
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

from ntknas.errors import InputError
from ntknas.layers import Norm
from ntknas.network import Network, NetworkSpec, initial_variables, load_torch_weights
from ntknas.spaces.nasbench201 import Architecture, architectures
from tests.conftest import real_data
from tests.network.reference import Normalised, to_numpy, to_torch, torch_network
from tests.tolerances import TOLERANCES

CONSTANT = [10, 12, 74, 172, 879]
PARITY = [a.id for a in architectures("random:30:7")] + CONSTANT
QUICK = PARITY[:8] + CONSTANT[:2]


@pytest.fixture(scope="module")
def images():
    with np.load(real_data("cifar10/cifar10_subset.npz")) as file:
        return file["x_train"][:4].astype(np.float64) / 255


@cache
def data_program(norm: Norm, dtype: str):
    """One compiled program for all architectures: logits, and gradient of their squares' sum."""
    network = Network(NetworkSpec(norm=norm))

    @jax.jit
    def program(variables, images, ops):
        logits, pull_back = jax.vjp(lambda x: network.apply(variables, x, ops), images)
        return logits, pull_back(2 * logits)[0]

    return program


@cache
def empty_super_network(norm: Norm, dtype: str) -> dict:
    """Shapes of the variables of the program with operations as data."""
    images = jax.ShapeDtypeStruct((1, 32, 32, 3), dtype)
    ops = jax.ShapeDtypeStruct((6,), jnp.int32)
    network = Network(NetworkSpec(norm=norm))
    return jax.eval_shape(network.init, jax.random.key(0), images, ops)


def super_network(norm: Norm, dtype: str, variables: dict) -> dict:
    """Variables of the program with operations as data, holding the given ones."""

    def fill(target, source):
        if isinstance(target, dict):
            return {k: fill(v, (source or {}).get(k)) for k, v in target.items()}
        return np.zeros(target.shape, dtype) if source is None else source.astype(dtype)

    return fill(empty_super_network(norm, dtype), variables)


@cache
def oracle(norm: Norm, index: int) -> tuple:
    """Weights, and PyTorch's logits and input gradient in float64 on four images."""
    with np.load(real_data("cifar10/cifar10_subset.npz")) as file:
        images = (file["x_train"][:4] / 255).astype(np.float32)
    arch = Architecture.from_id(index)
    network = torch_network(arch, seed=index)
    variables = load_torch_weights(network.state_dict(), arch).variables
    network.double().train(norm is Norm.BATCH)
    pixels = to_torch(images, torch.float64).requires_grad_()
    logits = Normalised(network)(pixels)
    logits.square().sum().backward()
    gradient = np.zeros(images.shape) if pixels.grad is None else to_numpy(pixels.grad)
    return images, variables, (logits.detach().numpy(), gradient)


def errors(norm: Norm, dtype: str, ids: list[int]) -> np.ndarray:
    """Relative errors of logits and of input gradients, per architecture."""
    program = data_program(norm, dtype)
    found = []
    for index in ids:
        images, variables, expected = oracle(norm, index)
        ops = jnp.array(Architecture.from_id(index).ops)
        got = program(super_network(norm, dtype, variables), images.astype(dtype), ops)
        pairs = zip(got, expected, strict=True)
        found.append([np.abs(a - b).max() / max(np.abs(b).max(), 1e-30) for a, b in pairs])
    return np.array(found).T


BOTH = pytest.mark.parametrize("norm", [Norm.BATCH, Norm.FROZEN])
SIZES = pytest.mark.parametrize(
    "ids", [QUICK, pytest.param(PARITY, marks=pytest.mark.slow)], ids=["quick", "all"]
)


@BOTH
@SIZES
def test_float64_equals_pytorch(norm, ids, float64):
    logits, gradients = errors(norm, "float64", ids)
    assert logits.max() < 1e-9
    assert gradients.max() < 1e-9


@BOTH
@SIZES
def test_float32_equals_pytorch_to_rounding(norm, ids):
    logits, gradients = errors(norm, "float32", ids)
    assert logits.max() < 1e-4
    # A ReLU input within rounding of zero falls on either side of it, and small batch variances
    # amplify such a flip in the gradient; PyTorch's own float32 gradient is as far from its
    # float64 one (up to 0.1 on these networks). So most must agree closely and none be far off.
    assert np.quantile(gradients, 0.25) < 1e-4
    assert gradients.max() < 0.2


def test_static_and_data_operations_give_equal_logits(images):
    network = Network(NetworkSpec(channels=4, cells=2))
    x = images.astype(np.float32)
    data = initial_variables(network.spec, 3)
    data_apply = jax.jit(network.apply)
    for arch in architectures("random:3:1"):
        static = initial_variables(network.spec, 3, arch.ops)
        a = jax.jit(network.apply, static_argnums=2)(static, x, arch.ops)
        b = data_apply(data, x, jnp.array(arch.ops))
        np.testing.assert_allclose(a, b, **TOLERANCES["float32"])


@pytest.mark.slow
def test_flax_init_has_the_same_tree_and_distribution(images):
    network = Network(NetworkSpec(channels=4, cells=1))
    ops = Architecture.from_id(0).ops
    x = images.astype(np.float32)
    flax = jax.jit(network.init, static_argnums=2)(jax.random.key(0), x, ops)
    ours = initial_variables(network.spec, 0, ops)
    assert jax.tree.map(jnp.shape, flax) == jax.tree.map(jnp.shape, ours)
    for a, b in zip(jax.tree.leaves(flax), jax.tree.leaves(ours), strict=True):
        if a.size > 500:  # enough values to compare their spread
            assert float(a.std()) == pytest.approx(float(b.std()), rel=0.15)


def test_image_norm_equals_batch_norm_on_a_batch_of_one(images):
    arch = Architecture.from_id(0)
    x = images.astype(np.float32)
    batch = Network(NetworkSpec(channels=4, cells=1))
    image = Network(replace(batch.spec, norm=Norm.IMAGE))
    variables = initial_variables(batch.spec, 0, arch.ops)
    together = jax.jit(image.apply, static_argnums=2)(variables, x, arch.ops)
    apply = jax.jit(batch.apply, static_argnums=2)
    alone = [apply(variables, x[i : i + 1], arch.ops) for i in range(3)]
    np.testing.assert_allclose(together[:3], np.concatenate(alone), **TOLERANCES["float32"])


def test_norm_none_has_no_normalisation_weights():
    variables = initial_variables(NetworkSpec(channels=4, cells=1, norm=Norm.NONE), 0)
    names = [str(path) for path, _ in jax.tree_util.tree_leaves_with_path(variables)]
    assert names
    assert not any("norm" in name for name in names)


# 1x1 and 3x3 convolutions, pooling, a skip connection and no edge at all.
MIXED = Architecture.from_code("324130")


def test_running_statistics_move_as_in_pytorch(float64):
    network = torch_network(MIXED, channels=4, cells=2, dtype=torch.float64)
    before = load_torch_weights(
        {name: tensor.clone() for name, tensor in network.state_dict().items()}, MIXED
    )
    images = jnp.asarray(np.random.default_rng(0).random((5, 32, 32, 3)))
    expected = Normalised(network).train()(to_torch(images, torch.float64)).detach()
    logits, moved = Network(before.spec).apply(
        jax.tree.map(jnp.asarray, before.variables), images, MIXED.ops, mutable=["batch_stats"]
    )
    np.testing.assert_allclose(logits, expected, **TOLERANCES["float64"])
    after = load_torch_weights(network.state_dict(), MIXED).variables["batch_stats"]
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, **TOLERANCES["float64"]),
        moved["batch_stats"],
        after,
    )
    changes = jax.tree.map(
        lambda a, b: np.abs(a - b).min(), before.variables["batch_stats"], moved["batch_stats"]
    )
    assert min(jax.tree.leaves(changes)) > 0


def test_running_statistics_of_traced_operations_do_not_move(images):
    spec = NetworkSpec(channels=4, cells=1, norm=Norm.FROZEN)
    variables, ops = initial_variables(spec, 0), jnp.array(MIXED.ops)
    floats = jnp.asarray(images, jnp.float32)
    with pytest.raises(InputError, match=r"static operations.*got norm frozen and traced"):
        Network(spec).apply(variables, floats, ops, mutable=["batch_stats"])


def test_other_normalisations_have_no_statistics_that_move(images):
    spec = NetworkSpec(channels=4, cells=1)
    variables = initial_variables(spec, 0, MIXED.ops)
    with pytest.raises(InputError, match="got norm batch and static"):
        Network(spec).apply(
            variables, jnp.asarray(images, jnp.float32), MIXED.ops, mutable=["batch_stats"]
        )


def test_one_value_per_channel_has_no_statistics():
    spec = NetworkSpec(channels=2, cells=1, image_size=4, norm=Norm.FROZEN)
    variables = jax.tree.map(jnp.asarray, initial_variables(spec, 0, MIXED.ops))
    image = jnp.full((1, 4, 4, 3), 0.5)
    with pytest.raises(InputError, match=r"expected at least two values per channel.*, got 1"):
        Network(spec).apply(variables, image, MIXED.ops, mutable=["batch_stats"])
