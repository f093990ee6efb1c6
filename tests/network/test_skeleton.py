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


def compare(norm: Norm, dtype: str, images):
    """Relative errors of logits and input gradients against PyTorch in float64."""
    logits_fn, gradient_fn = data_program(norm, 5)
    x = images.astype(dtype)
    errors = []
    for index in PARITY:
        arch = Architecture.from_id(index)
        oracle = torch_network(arch, seed=index)
        loaded = load_torch_weights(oracle.to(getattr(torch, dtype)).state_dict(), arch)
        variables = super_network(norm, 5, loaded.variables)
        oracle.double().train(norm is Norm.BATCH)
        pixels = to_torch(x, torch.float64).requires_grad_()
        logits = Normalised(oracle)(pixels)
        logits.square().sum().backward()
        gradient = np.zeros_like(images) if pixels.grad is None else to_numpy(pixels.grad)
        ops = jnp.array(arch.ops)
        pairs = (
            (logits_fn(variables, x, ops), logits.detach().numpy()),
            (gradient_fn(variables, x, ops), gradient),
        )
        errors.append([np.abs(a - b).max() / max(np.abs(b).max(), 1e-30) for a, b in pairs])
    return np.array(errors).T


@pytest.mark.parametrize("norm", [Norm.BATCH, Norm.FROZEN])
def test_float64_equals_pytorch(norm, images, float64):
    data_program.cache_clear()
    logits, gradients = compare(norm, "float64", images)
    assert logits.max() < 1e-9
    assert gradients.max() < 1e-9


@pytest.mark.parametrize("norm", [Norm.BATCH, Norm.FROZEN])
def test_float32_equals_pytorch_to_rounding(norm, images):
    data_program.cache_clear()
    logits, gradients = compare(norm, "float32", images)
    assert logits.max() < 1e-4
    # A ReLU input within rounding of zero falls on either side of it, and small batch variances
    # amplify such a flip in the gradient; PyTorch's own float32 gradient is as far from its
    # float64 one (up to 0.1 on these networks). So most must agree closely and none be far off.
    assert np.quantile(gradients, 0.25) < 1e-4
    assert gradients.max() < 0.2


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
    alone = [
        jax.jit(batch.apply, static_argnums=2)(variables, x[i : i + 1], arch.ops) for i in range(3)
    ]
    np.testing.assert_allclose(together[:3], np.concatenate(alone), rtol=1e-4, atol=1e-5)


def test_norm_none_has_no_normalisation_weights(images):
    network = Network(NetworkSpec(channels=4, cells=1, norm=Norm.NONE))
    variables = jax.jit(network.init)(
        jax.random.key(0), images.astype(np.float32), jnp.zeros(6, jnp.int32)
    )
    names = {str(path) for path, _ in jax.tree_util.tree_leaves_with_path(variables)}
    assert not any("norm" in name for name in names)
