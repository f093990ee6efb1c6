"""Robust-ZCP: a bound of the adversarial loss, without training (Feng et al., ICLR 2025).

The paper's abstract says what the proxy is: an upper bound of the adversarial loss that needs the
initial weights alone and rests on the neural tangent kernel and on the landscape of the loss by the
input. Its text could not be read again for this version. The score is **as we read it**:

    R = -exp(2 T) C

* T is the mean of the tangent kernel over pairs of images and over layers (as the mean of Xu et
  al., KNAS, ICML 2021). A row of the kernel is the gradient of the sum of an image's logits by the
  weights, so that T = |d sum / dw|^2 / (M n^2) for M layers and the sum of the logits of n images.
* C is the curvature of the loss by the image, by a finite difference (Moosavi-Dezfooli et al.,
  CURE, CVPR 2019): the mean over images of |(g(x + h z) - g(x)) / h|^2, where g is the gradient of
  the image's loss by its pixels, and z is the sign of g(x), of length 1. The step is CURE's, h =
  1.5, which moves every pixel of a 32 x 32 image by 7/255. Pixels are not cut to [0, 1].

`robust_zcp` is -log(-R) = -2 T - log C, which ranks as R does and does not overflow. The sign of T
could not be confirmed. The bound of the training loss that the theory of the kernel gives falls
with the kernel, as exp(-2 T). That sign is `robust_zcp_minus` = 2 T - log C. The two rank almost
the other way round where T varies most, so neither is evidence about the paper. C is a score of its
own, `input_curvature`, for it needs no reading.
"""

from collections.abc import Collection

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ntknas.network import Network, NetworkSpec
from ntknas.proxies.layers import count_layers, layer_weights, replace_weights
from ntknas.proxies.proxy import TINY, ProxyInputs, cross_entropy

__all__ = ["ROBUST_ZCP", "RobustZcp"]

_STEP = 1.5  # h


class RobustZcp:
    """The family of the curvature and of both readings; see `ntknas.proxies.Proxy`."""

    names = ("input_curvature", "robust_zcp", "robust_zcp_minus")
    double = False

    def device(
        self,
        network: NetworkSpec,
        ops: Int[Array, "6"],
        inputs: ProxyInputs,
        names: Collection[str],
    ) -> dict[str, Array]:
        """The curvature, and the mean of the kernel over images and layers."""
        params, labels = inputs.variables["params"], inputs.labels
        weights = [w for _, w in layer_weights(params)]
        n = len(labels)

        def logits(weights, images):
            variables = {**inputs.variables, "params": replace_weights(params, weights)}
            values, activations = Network(network).apply(variables, images, ops, method="watch")
            return values, count_layers(activations)

        def move(images, turn):
            """The images a step up their loss, what the step follows, and the kernel."""
            # Turn 0 is at the images, turn 1 a step ahead. One loop compiles the network once.
            values, pull_back, layers = jax.vjp(logits, weights, images, has_aux=True)

            def kernel():
                total = sum(jnp.square(g).sum() for g in pull_back(jnp.ones_like(values))[0])
                return total / (layers * n**2)

            of_images = pull_back(n * jax.grad(cross_entropy)(values, labels))[1]
            there = jnp.zeros((), values.dtype)
            if set(names) - {"input_curvature"}:
                there = jax.lax.cond(turn == 0, kernel, lambda: jnp.zeros((), values.dtype))
            signs = jnp.sign(of_images)
            return images + _STEP * signs / _lengths(signs), (of_images, there)

        _, (gradients, kernels) = jax.lax.scan(move, inputs.images, jnp.arange(2))
        change = (gradients[1] - gradients[0]) / _STEP
        return {"curvature": jnp.square(change).sum() / n, "kernel": kernels[0]}

    def host(self, values: dict[str, np.ndarray]) -> dict[str, float]:
        """The curvature, and the negative logarithms of its products."""
        curvature, exponent = float(values["curvature"]), 2 * float(values["kernel"])
        flat = -float(np.log(curvature + TINY))
        return {
            "input_curvature": curvature,
            "robust_zcp": flat - exponent,
            "robust_zcp_minus": flat + exponent,
        }


def _lengths(images: Float[Array, "n h w c"]) -> Float[Array, "n 1 1 1"]:
    """The length of every image; 1 for an image of zeros."""
    squares = jnp.square(images).sum((1, 2, 3), keepdims=True)
    return jnp.sqrt(jnp.where(squares > 0, squares, 1))


ROBUST_ZCP = RobustZcp()
"""The family's instance."""
