"""Analytic kernels of fully connected networks of infinite width.

Layers come from `neural_tangents.stax` (Novak et al., ICLR 2020). A skip adds f_{l-1} to
s act_l(W_l f_{l-1}). Neither term is Gaussian or of mean zero, and stax does not add such terms.
The sum is therefore written here. Units are independent draws of one distribution, and W_l is
independent of f_{l-1}, so with mu the mean of a unit,

    Sigma_l(x, x') = s^2 E[act act'] + alpha^2 Sigma_{l-1}(x, x')
                     + s alpha (E[act] mu_{l-1}(x') + mu_{l-1}(x) E[act'])
    Theta_l(x, x') = s^2 Theta_act(x, x') + alpha^2 Theta_{l-1}(x, x')
    mu_l           = s E[act] + alpha mu_{l-1}

(products of gradients across the two branches vanish as the width grows). Attacked images are
points like all others, so one kernel function gives clean, robust, twice-perturbed and cross
kernels.
"""

import warnings
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ntknas.errors import InputError
from ntknas.kernel import Batch, JointGram
from ntknas.theory.fully_connected import (
    Activation,
    FullyConnectedSpec,
    Parametrisation,
    Variances,
    unit_inputs,
)
from ntknas.theory.neural_tangents import neural_tangents

__all__ = ["analytic_blocks", "analytic_kernel"]

_QUADRATURE_POINTS = 40


def analytic_kernel(
    spec: FullyConnectedSpec,
    x1: Float[Array, "n h w c"],
    x2: Float[Array, "m h w c"] | None = None,
) -> Float[Array, "n m"]:
    """The kernel of the network as its width goes to infinity; the spec's width is not used.

    Traceable and differentiable in x1 and x2. With an image equal to the spec's mean, the kernel is
    0 if the activations are homogeneous and NaN otherwise, and its gradient is NaN.

    Args:
        spec: The network, in the NTK parametrisation. All outputs have the same kernel.
        x1: Images of the rows, pixels in [0, 1].
        x2: Images of the columns; None means x1.

    Returns:
        The limit of the empirical kernel of one output.

    Raises:
        InputError: For the standard parametrisation, whose kernel grows without limit, for
            variances `SMALL` with activations that are not homogeneous, or if neural-tangents is
            missing.

    Example:
        >>> spec = FullyConnectedSpec(depth=2)
        >>> image = jnp.array([[[[1.0, 0.5]]], [[[0.5, 1.0]]]])  # two orthogonal unit vectors
        >>> np.asarray(analytic_kernel(spec, image)).round(4)
        array([[2.    , 0.3183],
               [0.3183, 2.    ]], dtype=float32)
    """
    if spec.parametrisation is not Parametrisation.NTK:
        raise InputError("a kernel of infinite width needs the NTK parametrisation, got standard")
    if spec.variances is Variances.SMALL and not all(
        a.homogeneous for a in spec.hidden_activations
    ):
        raise InputError(
            "variances small and infinite width need homogeneous activations (relu, leaky_relu), "
            f"got {', '.join(spec.hidden_activations)}"
        )
    stax = neural_tangents().stax
    gain = np.sqrt(spec.weight_variance)
    # stax divides a layer's variance by its number of inputs, but the inputs of W_1 have norm 1.
    points = [
        unit_inputs(x, spec.mean, spec.std) * np.sqrt(x[0].size)
        for x in (x1, x1 if x2 is None else x2)
    ]

    def layer(activation: Activation):
        return stax.serial(stax.Dense(1, W_std=gain), _activation(stax, activation))[2]

    def means(activation: Activation, variances: list[Array]) -> list[Array]:
        return [_mean(activation, spec.weight_variance * v) for v in variances]

    first, *others = spec.hidden_activations
    kernel = layer(first)(*points)
    # The norms of inputs are exactly 1, or 0 for an image equal to the mean.
    mean = means(first, [x.any(1).astype(x.dtype) for x in points])
    for activation, alpha in zip(others, spec.alphas, strict=True):
        branch_mean = means(activation, [kernel.cov1, kernel.cov2])
        branch = layer(activation)(kernel)
        kernel = _add(branch, branch_mean, kernel, mean, spec.hidden_scale, alpha)
        mean = [spec.hidden_scale * b + alpha * a for a, b in zip(mean, branch_mean, strict=True)]
    return spec.output_variance * (kernel.nngp + kernel.ntk)


def _activation(stax: Any, activation: Activation):
    """The layer of stax that applies an activation."""
    if activation is Activation.RELU:
        return stax.Relu()
    if activation is Activation.LEAKY_RELU:
        return stax.LeakyRelu(0.01)
    with warnings.catch_warnings():  # stax warns that quadrature is not exact; a test bounds it
        warnings.simplefilter("ignore")
        return stax.ElementwiseNumerical(activation.function, deg=_QUADRATURE_POINTS)


def _mean(activation: Activation, variance: Float[Array, " n"]) -> Float[Array, " n"]:
    """E[act(z)] for z normal with mean 0 and this variance."""
    deviation = jnp.sqrt(variance)
    if activation.homogeneous:
        ends = activation.function(jnp.array([1.0, -1.0], variance.dtype))
        return deviation * ends.sum() / np.sqrt(2 * np.pi)
    nodes, weights = np.polynomial.hermite_e.hermegauss(_QUADRATURE_POINTS)
    values = activation.function(deviation[:, None] * jnp.asarray(nodes, variance.dtype)[None])
    return values @ jnp.asarray(weights / weights.sum(), variance.dtype)


def _add(
    branch: Any,
    branch_mean: list[Array],
    skip: Any,
    skip_mean: list[Array],
    scale: float,
    alpha: float,
):
    """The kernels of scale * branch + alpha * skip (see the module's docstring).

    Each list of means has an entry for the images of the rows and one for those of the columns.
    """

    def variance(a, b, side):
        crossed = 2 * branch_mean[side] * skip_mean[side]
        return scale**2 * a + alpha**2 * b + scale * alpha * crossed

    crossed = jnp.outer(branch_mean[0], skip_mean[1]) + jnp.outer(skip_mean[0], branch_mean[1])
    return branch.replace(
        nngp=scale**2 * branch.nngp + alpha**2 * skip.nngp + scale * alpha * crossed,
        ntk=scale**2 * branch.ntk + alpha**2 * skip.ntk,
        cov1=variance(branch.cov1, skip.cov1, 0),
        cov2=variance(branch.cov2, skip.cov2, 1),
    )


def analytic_blocks(spec: FullyConnectedSpec, batches: Float[np.ndarray, "b n h w c"]) -> JointGram:
    """The joint Gram matrix at infinite width of clean, attacked and twice-attacked images.

    Args:
        spec: The network.
        batches: The first one, two or three of the batches x, A_rho(x), A_rho(A_rho(x)).

    Returns:
        The matrix, computed in float64; `mixed_clean` and `mixed_robust` mix it.
    """
    with jax.enable_x64(True):
        images = jnp.asarray(np.concatenate(batches), jnp.float64)
        gram = np.asarray(jax.jit(lambda x: analytic_kernel(spec, x))(images))
    # The arc cosine of a correlation near 1 has half of its digits: hence the root of the epsilon.
    return JointGram(
        (gram + gram.T) / 2, tuple(Batch)[: len(batches)], float(np.sqrt(np.finfo(gram.dtype).eps))
    )
