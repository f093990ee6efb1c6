"""A convolution and its gradients, to the second derivative, against torch.nn.functional."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from torch.nn import functional

from ntknas.layers.bilinear import conv_input, conv_kernel, conv_output
from tests.network.reference import to_numpy, to_torch
from tests.tolerances import TOLERANCES

# In float64 few channels are matrix products, and many are XLA's convolution.
CASES = [(1, 1, 2, 4), (1, 2, 2, 4), (3, 1, 2, 4), (3, 2, 2, 4), (3, 1, 18, 20), (3, 2, 18, 20)]


def draws(size, stride, inputs, outputs, dtype):
    """Images [2, 6, 8, i], a kernel, a cotangent of the output, and directions of the first two."""
    rng = np.random.default_rng(0)
    x, of_x = rng.normal(size=(2, 2, 6, 8, inputs))
    kernel, of_kernel = rng.normal(size=(2, size, size, inputs, outputs))
    g = rng.normal(size=(2, 6 // stride, 8 // stride, outputs))
    return [jnp.asarray(value, dtype) for value in (x, kernel, g, of_x, of_kernel)]


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("size", "stride", "inputs", "outputs"), CASES)
def test_values_and_two_derivatives(size, stride, inputs, outputs, dtype):
    x, kernel, g, of_x, of_kernel = draws(size, stride, inputs, outputs, dtype)

    @jax.jit
    def ours(x, kernel, g):
        def gradients(x, kernel):
            """Of a loss that is not linear in the output, so that second derivatives are full."""
            return jax.grad(lambda *a: (g * conv_output(*a, stride) ** 2).sum(), (0, 1))(x, kernel)

        first, pull_back = jax.vjp(gradients, x, kernel)
        direct = conv_input(g, kernel, stride), conv_kernel(x, g, size, stride)
        return conv_output(x, kernel, stride), direct, first, pull_back((of_x, of_kernel))

    images, cotangent = (to_torch(v, torch.float64).requires_grad_() for v in (x, g))
    weight = torch.tensor(np.asarray(kernel, float).transpose(3, 2, 0, 1), requires_grad=True)
    out = functional.conv2d(images, weight, stride=stride, padding=size // 2)
    both = (images, weight)
    direct = torch.autograd.grad(out, both, cotangent, retain_graph=True)
    first = torch.autograd.grad((cotangent * out**2).sum(), both, create_graph=True)
    directions = (
        to_torch(of_x, torch.float64),
        torch.tensor(np.asarray(of_kernel, float).transpose(3, 2, 0, 1)),
    )
    second = torch.autograd.grad(first, both, directions)
    plain = lambda pair: (to_numpy(pair[0]), pair[1].detach().numpy().transpose(2, 3, 1, 0))  # noqa: E731
    expected = (to_numpy(out), plain(direct), plain(first), plain(second))
    found = jax.tree.leaves(ours(x, kernel, g))
    for a, b in zip(found, jax.tree.leaves(expected), strict=True):
        assert a.dtype == dtype
        scale = float(np.abs(b).max())  # sums of many products share the rounding of the largest
        np.testing.assert_allclose(a / scale, b / scale, rtol=0, atol=TOLERANCES[dtype]["rtol"])
