"""Networks to take kernels of, and plain Jacobians of them."""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import torch

from ntknas.layers import Norm
from ntknas.network import Network, NetworkSpec, initial_variables, load_torch_weights
from ntknas.spaces.nasbench201 import Architecture
from tests.network.reference import Normalised, to_torch, torch_network

# Both convolutions, pooling and a skip connection.
ARCH = Architecture.from_code("324131")
CLASSES = 3

# These tests are about values, and their time is compiling: LLVM need not optimise.
quick_jit = partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})


def draws(num_images: int = 5, size: int = 8, seed: int = 0):
    """Images in [0, 1] in JAX's default type, and labels."""
    rng = np.random.default_rng(seed)
    images = rng.uniform(size=(num_images, size, size, 3))
    return jnp.asarray(images), jnp.arange(num_images) % CLASSES


class UserCNN(nn.Module):
    """A small network of a user's own; smooth, so that its gradients have no kinks."""

    coupled: bool = False

    @nn.compact
    def __call__(self, x):
        """Logits [N, 3]."""
        x = nn.Conv(4, (3, 3), param_dtype=x.dtype)(x)
        if self.coupled:
            x = (x - x.mean((0, 1, 2), keepdims=True)) / (0.1 + x.std((0, 1, 2), keepdims=True))
        x = nn.avg_pool(nn.tanh(x), (2, 2), (2, 2))
        x = nn.tanh(nn.Dense(6, param_dtype=x.dtype)(x.reshape(len(x), -1)))
        return nn.Dense(CLASSES, param_dtype=x.dtype)(x)


def user_cnn(images, *, coupled: bool = False):
    """`apply_fn` and parameters."""
    network = UserCNN(coupled)
    shapes = jax.eval_shape(network.init, jax.random.key(0), images)
    rng = np.random.default_rng(1)
    return network.apply, jax.tree.map(
        lambda a: jnp.asarray(0.3 * rng.normal(size=a.shape), images.dtype), shapes
    )


def plain_jacobian(apply_fn, params, images, direction) -> np.ndarray:
    """All gradients at once by jax.jacrev, one row an image."""
    return flat(_jacrev(apply_fn, params, images, direction))


@partial(quick_jit, static_argnums=0)
def _jacrev(apply_fn, params, images, direction):
    return jax.jacrev(lambda p: apply_fn(p, images) @ direction)(params)


def flat(rows) -> np.ndarray:
    """A Jacobian's pytree as a matrix."""
    return np.concatenate([np.asarray(a).reshape(len(a), -1) for a in jax.tree.leaves(rows)], 1)


def nas_network(norm: Norm, *, static: bool = False, cells: int = 1):
    """A PyTorch network, and ours with the same weights: oracle, `apply_fn` and parameters.

    Operations are data, and the weights that the cell does not use keep random values; or they
    are static, which compiles faster.
    """
    spec = NetworkSpec(channels=4, cells=cells, classes=CLASSES, image_size=8, norm=norm)
    oracle = torch_network(ARCH, channels=4, cells=cells, classes=CLASSES, dtype=torch.float64)
    loaded = load_torch_weights(
        oracle.state_dict(), ARCH, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25)
    ).variables
    variables = _overwrite(initial_variables(spec, 0, ARCH.ops if static else None), loaded)
    dtype = jnp.result_type(float)
    variables = jax.tree.map(lambda a: jnp.asarray(a, dtype), variables)
    params = variables.pop("params")
    network, ops = Network(spec), ARCH.ops if static else jnp.array(ARCH.ops)

    def apply_fn(params, images):
        return network.apply({"params": params, **variables}, images, ops)

    return oracle, apply_fn, params


def _overwrite(target, source):
    if not isinstance(target, dict):
        return target if source is None else source
    return {k: _overwrite(v, (source or {}).get(k)) for k, v in target.items()}


def torch_jacobian(oracle, images, norm: Norm) -> np.ndarray:
    """Gradients of the sum of each image's logits by one backward pass an image."""
    model = Normalised(_without_norm(oracle) if norm is Norm.NONE else oracle)
    model.train(norm in (Norm.BATCH, Norm.IMAGE))
    pixels = to_torch(images, torch.float64)
    outputs = (
        [model(pixels[i : i + 1]).sum() for i in range(len(pixels))]
        if norm is Norm.IMAGE
        else model(pixels).sum(1)
    )
    parameters = list(model.parameters())
    rows = []
    for output in outputs:
        grads = torch.autograd.grad(output, parameters, retain_graph=True, allow_unused=True)
        rows.append(np.concatenate([g.numpy().ravel() for g in grads if g is not None]))
    return np.array(rows)


def _without_norm(module):
    for name, child in module.named_children():
        if isinstance(child, torch.nn.BatchNorm2d):
            setattr(module, name, torch.nn.Identity())
        else:
            _without_norm(child)
    return module
