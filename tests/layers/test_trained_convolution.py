"""The weight gradient of training against the plain one and against PyTorch, in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from ntknas.layers import convolve, convolve_trained
from ntknas.layers.trained_convolution import _by_library, _by_products
from tests.layers.test_convolution import CASES, draws, torch_convolution
from tests.tolerances import TOLERANCES

TOLERANCE = TOLERANCES["float64"]
pytestmark = pytest.mark.usefixtures("float64")


@pytest.mark.parametrize(("size", "stride", "height", "width"), [*CASES, (5, 1, 6, 7)])
def test_value_and_gradients_equal_pytorch(size, stride, height, width):
    x, kernel, cotangents = draws(size, stride, height, width)
    out, d_x, d_kernel = torch_convolution(x, kernel, cotangents, stride)
    ours, pull_back = jax.vjp(lambda x, k: convolve_trained(x, k, stride=stride), x, kernel)
    np.testing.assert_allclose(ours, out, **TOLERANCE)
    ours_x, ours_kernel = jax.jit(pull_back)(cotangents[0])
    np.testing.assert_allclose(ours_x, d_x[0], **TOLERANCE)
    np.testing.assert_allclose(ours_kernel, d_kernel[0], **TOLERANCE)


@pytest.mark.parametrize(("size", "stride", "height", "width"), CASES)
def test_products_equal_the_gradient_of_accelerators(size, stride, height, width):
    x, kernel, cotangents = draws(size, stride, height, width)
    products = _by_products(size, stride, x, cotangents[0])
    library = _by_library(kernel.shape, stride, x, cotangents[0])
    np.testing.assert_allclose(products, library, **TOLERANCE)


def test_the_program_of_a_cpu_has_no_convolution_for_the_weight_gradient():
    """XLA's own weight gradient of a convolution is slow on CPUs."""
    x, kernel, _ = draws(3, 1, 8, 8)
    of_kernel = jax.jit(jax.grad(lambda kernel: jnp.square(convolve_trained(x, kernel)).sum()))
    text = of_kernel.lower(kernel).compile().as_text()
    plain = jax.jit(
        jax.grad(
            lambda kernel: jnp.square(
                lax.conv_general_dilated(
                    x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
                )
            ).sum()
        )
    )
    assert text.count(" convolution(") < plain.lower(kernel).compile().as_text().count(
        " convolution("
    )


def test_convolve_is_its_value():
    x, kernel, _ = draws(3, 1, 5, 7)
    np.testing.assert_array_equal(convolve_trained(x, kernel), convolve(x, kernel))
