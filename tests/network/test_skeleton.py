"""Agreement with xautodl's PyTorch network, and of the two ways to give operations."""

from dataclasses import replace
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

from ntknas.architecture import Architecture, architectures
from ntknas.network import Init, Network, NetworkSpec, Norm, load_torch_weights
from tests.network.reference import Normalised, to_numpy, to_torch, torch_network

CONSTANT = [10, 12, 74, 172, 879]
PARITY = [a.id for a in architectures("random:30:7")] + CONSTANT


@pytest.fixture(scope="module")
def images():
    from tests.conftest import real_data

    with np.load(real_data("cifar10/cifar10_subset.npz")) as file:
        return file["x_train"][:8].astype(np.float64) / 255


@cache
def data_program(norm: Norm, cells: int):
    """One compiled program for all architectures: logits and input gradients."""
    network = Network(NetworkSpec(norm=norm, cells=cells))

    def logits(variables, images, ops):
        return network.apply(variables, images, ops)

    def input_gradient(variables, images, ops):
        return jax.grad(lambda x: jnp.square(logits(variables, x, ops)).sum())(images)

    return jax.jit(logits), jax.jit(input_gradient)


def super_network(norm: Norm, cells: int, variables: dict) -> dict:
    """Variables of the program with operations as data, holding the given ones."""
    network = Network(NetworkSpec(norm=norm, cells=cells))
    dtype = variables["params"]["stem"]["kernel"].dtype
    shape = jax.ShapeDtypeStruct((1, 32, 32, 3), dtype)
    ops = jax.ShapeDtypeStruct((6,), jnp.int32)
    empty = jax.eval_shape(network.init, jax.random.key(0), shape, ops)

    def fill(target, source):
        if isinstance(target, dict):
            return {k: fill(v, (source or {}).get(k)) for k, v in target.items()}
        return np.zeros(target.shape, dtype) if source is None else source

    return fill(empty, variables)


@pytest.mark.parametrize("norm", [Norm.BATCH, Norm.FROZEN])
@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-4), ("float64", 1e-9)])
def test_logits_and_input_gradients_equal_pytorch(norm, dtype, tolerance, images, request):
    if dtype == "float64":
        request.getfixturevalue("float64")
    cells = 5
    torch_dtype = getattr(torch, dtype)
    logits_fn, gradient_fn = data_program(norm, cells)
    ids = PARITY if dtype == "float64" else PARITY[:3] + PARITY[-5:] + PARITY[3:30]
    for index in ids:
        arch = Architecture.from_id(index)
        oracle = torch_network(arch, cells=cells, seed=index, dtype=torch_dtype)
        oracle.train(norm is Norm.BATCH)
        state = {k: v.clone() for k, v in oracle.state_dict().items()}
        loaded = load_torch_weights(state, arch)
        variables = super_network(norm, cells, loaded.variables)
        x = to_torch(images, torch_dtype).requires_grad_()
        expected = Normalised(oracle)(x)
        expected.square().sum().backward()
        ops = jnp.array(arch.ops)
        got = logits_fn(variables, images.astype(dtype), ops)
        scale = float(expected.detach().abs().max())
        np.testing.assert_allclose(got, expected.detach().numpy(), rtol=0, atol=tolerance * scale)
        gradient = to_numpy(x.grad) if x.grad is not None else np.zeros_like(images)
        got = gradient_fn(variables, images.astype(dtype), ops)
        bound = tolerance * max(np.abs(gradient).max(), 1e-12 * scale)
        # A ReLU input within float32 rounding of zero may fall on either side of it; such a flip
        # moves a few pixels by more than rounding. Float64 has no such slack.
        error = np.abs(got - gradient)
        if dtype == "float32":
            assert np.quantile(error, 0.99) <= 10 * bound, arch
            assert np.linalg.norm(error) <= 1e-2 * max(np.linalg.norm(gradient), 1e-20), arch
        else:
            assert error.max() <= bound, arch


def test_static_and_data_operations_share_draws_and_values(images):
    spec = NetworkSpec(channels=4, cells=2)
    network = Network(spec)
    x = images.astype(np.float32)
    for arch in architectures("random:3:1"):
        data = jax.jit(network.init)(jax.random.key(3), x, jnp.array(arch.ops))
        static = jax.jit(network.init, static_argnums=2)(jax.random.key(3), x, arch.ops)
        flat = dict(jax.tree_util.tree_leaves_with_path(data))
        for path, leaf in jax.tree_util.tree_leaves_with_path(static):
            np.testing.assert_array_equal(leaf, flat[path])
        a = jax.jit(network.apply, static_argnums=2)(static, x, arch.ops)
        b = jax.jit(network.apply)(data, x, jnp.array(arch.ops))
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("init", list(Init))
def test_initial_distribution(init):
    network = Network(NetworkSpec(init=init, cells=1))
    shapes = (jnp.zeros((1, 32, 32, 3)), jnp.zeros(6, jnp.int32))
    params = jax.jit(network.init)(jax.random.key(0), *shapes)["params"]
    kernel = np.asarray(params["stage_2"]["edge_0_1_conv_3x3"]["kernel"])
    fan_in = 9 * 64
    expected = 1 / (3 * fan_in) if init is Init.PYTORCH else 2 / fan_in
    assert kernel.shape == (1, 3, 3, 64, 64)
    assert kernel.var() == pytest.approx(expected, rel=0.02)
    assert abs(kernel.mean()) < 5 * (expected / kernel.size) ** 0.5
    if init is Init.PYTORCH:
        assert np.abs(kernel).max() <= fan_in**-0.5
    bias = np.asarray(params["classifier"]["bias"])
    assert (np.abs(bias).max() > 0) == (init is Init.PYTORCH)
    assert np.abs(bias).max() <= 64**-0.5


def test_cells_of_a_stage_differ(images):
    network = Network(NetworkSpec(channels=4, cells=3))
    params = jax.jit(network.init)(
        jax.random.key(0), images.astype(np.float32), jnp.zeros(6, jnp.int32)
    )
    kernel = params["params"]["stage_0"]["edge_0_1_conv_1x1"]["kernel"]
    assert float(jnp.abs(kernel[0] - kernel[1]).min()) > 0


def test_image_norm_equals_batch_norm_on_a_batch_of_one(images):
    arch = Architecture.from_id(0)
    x = images.astype(np.float32)
    batch = Network(NetworkSpec(channels=4, cells=1))
    image = Network(replace(batch.spec, norm=Norm.IMAGE))
    variables = jax.jit(batch.init, static_argnums=2)(jax.random.key(0), x, arch.ops)
    together = jax.jit(image.apply, static_argnums=2)(variables, x, arch.ops)
    alone = [jax.jit(batch.apply, static_argnums=2)(variables, x[i : i + 1], arch.ops) for i in range(3)]
    np.testing.assert_allclose(together[:3], np.concatenate(alone), rtol=1e-4, atol=1e-5)


def test_norm_none_has_no_normalisation_weights(images):
    network = Network(NetworkSpec(channels=4, cells=1, norm=Norm.NONE))
    variables = jax.jit(network.init)(
        jax.random.key(0), images.astype(np.float32), jnp.zeros(6, jnp.int32)
    )
    names = {str(path) for path, _ in jax.tree_util.tree_leaves_with_path(variables)}
    assert not any("norm" in name for name in names)
