"""Networks of infinite width after training, and how finite networks converge to them.

The infinite network trained on the squared loss is kernel regression with its analytic kernel
(Jacot et al., NeurIPS 2018). The attacks on it use its input gradients.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, Int

from ntknas.attack import AttackSpec, attack as run_attack, check_radius
from ntknas.errors import InputError
from ntknas.kernel import ApplyFn, JointGram, KernelName
from ntknas.theory.analytic import analytic_blocks, analytic_kernel
from ntknas.theory.fully_connected import FullyConnected, FullyConnectedSpec
from ntknas.theory.kernels import layerwise_gram
from ntknas.theory.neural_tangents import neural_tangents
from ntknas.theory.task import Task
from ntknas.training.adversarial import measured_errors

__all__ = ["Convergence", "InfiniteWidth", "convergence", "infinite_width", "kernel_regression"]


def kernel_regression(
    spec: FullyConnectedSpec,
    images: Float[Array, "n h w c"],
    labels: Int[Array, " n"],
    *,
    attacked: Float[Array, "n h w c"] | None = None,
    beta: float = 0.0,
    ridge: float = 1e-6,
) -> ApplyFn:
    """The infinite network trained to convergence on the squared loss (`neural_tangents.predict`).

    The feature of image i is (1 - beta) phi(x_i) + beta phi(A(x_i)), phi the gradient of an output.
    With K_all their kernel, f(x) = ((1 - beta) k(x, X) + beta k(x, A(X))) K_all^{-1} Y. Targets are
    +-1; more than two classes have one target per class, of this class against the rest.

    Args:
        spec: The network.
        images: Training images X, pixels in [0, 1].
        labels: Classes of the images.
        attacked: Attacked training images A(X); needed if beta > 0.
        beta: Weight of the attacked images.
        ridge: Jitter added to the diagonal of K_all, as a share of the diagonal's mean.

    Returns:
        A function `(params, images) -> logits` that ignores its params. It is traceable and
        differentiable in the images, so that attacks of `ntknas.attack` follow its gradients.

    Raises:
        InputError: For a beta outside [0, 1], or one above 0 without attacked images.

    Example:
        >>> spec = FullyConnectedSpec()
        >>> images = jnp.array([[[[0.9, 0.5]]], [[[0.1, 0.5]]]])
        >>> predict = kernel_regression(spec, images, jnp.array([1, 0]))
        >>> predict(None, images).argmax(1).tolist()
        [1, 0]
    """
    if not 0 <= beta <= 1:
        raise InputError(f"beta must lie in [0, 1], got {beta}")
    if beta > 0 and attacked is None:
        raise InputError(f"attacked images are needed for beta {beta}")
    parts = [(1 - beta, images)] if beta < 1 else []
    parts += [(beta, attacked)] if attacked is not None and beta > 0 else []
    points = jnp.concatenate([x for _, x in parts])

    def mixed(kernel: Float[Array, "m p"]) -> Float[Array, "m n"]:
        """The kernel's columns of clean and attacked images, added up with their weights."""
        columns = jnp.split(kernel, len(parts), axis=1)
        return sum(
            (share * block for (share, _), block in zip(parts, columns, strict=True)),
            jnp.zeros_like(columns[0]),
        )

    train = mixed(mixed(analytic_kernel(spec, points)).T)
    classes = jnp.arange(1, 2) if spec.classes == 2 else jnp.arange(spec.classes)
    targets = jnp.where(labels[:, None] == classes[None], 1.0, -1.0).astype(images.dtype)
    regress = neural_tangents().predict.gradient_descent_mse(train, targets, diag_reg=ridge)

    def apply_fn(params: None, x: Float[Array, "m h w c"]) -> Float[Array, "m k"]:
        del params
        outputs = regress(None, 0.0, 0.0, mixed(analytic_kernel(spec, x, points)))[1]
        return jnp.pad(outputs, ((0, 0), (1, 0))) if spec.classes == 2 else outputs

    return apply_fn


class InfiniteWidth(NamedTuple):
    """Kernels and errors of the infinite network on a task.

    Attributes:
        blocks: Joint Gram matrix of the training images, clean, attacked and twice-attacked.
        betas: Weights of the attacked images in training.
        clean_errors: 0-1 errors on test images, one per beta.
        robust_errors: 0-1 errors on attacked test images, one per beta.
    """

    blocks: JointGram
    betas: tuple[float, ...]
    clean_errors: tuple[float, ...]
    robust_errors: tuple[float, ...]


def infinite_width(
    spec: FullyConnectedSpec,
    task: Task,
    *,
    rho: float,
    betas: Sequence[float] = (0.0,),
    attack: AttackSpec | None = None,
    ridge: float = 1e-6,
    seed: int = 0,
) -> InfiniteWidth:
    """Kernels, and clean and robust errors, of the infinite network, in float64.

    The training images are attacked, once and twice, with the network trained on clean images. A
    network is then trained on the mixture for each beta, and the test images are attacked with that
    network.

    Args:
        spec: The network.
        task: Task with training and test images.
        rho: Attack radius in pixel units.
        betas: Weights of the attacked images.
        attack: The attack; None means PGD of 20 steps.
        ridge: Jitter of the regression (see `kernel_regression`).
        seed: Seed of the attacks' random starts.

    Returns:
        Kernels and errors.

    Raises:
        InputError: For no betas, a beta or a radius outside [0, 1], or a network without a limit at
            infinite width.
    """
    check_radius(rho)
    if len(betas) == 0:
        raise InputError("expected at least one beta in [0, 1], got none")
    chosen = attack or AttackSpec()
    with jax.enable_x64(True):
        first_start, second_start, test = jax.random.split(jax.random.key(seed), 3)
        x, y = jnp.asarray(task.train_images, jnp.float64), jnp.asarray(task.train_labels)
        x_test, y_test = jnp.asarray(task.test_images, jnp.float64), jnp.asarray(task.test_labels)
        clean_network = kernel_regression(spec, x, y, ridge=ridge)
        attack_images = jax.jit(
            lambda key, x: run_attack(key, clean_network, None, x, y, spec=chosen, rho=rho)
        )
        once = attack_images(first_start, x)
        batches = np.stack([np.asarray(v) for v in (x, once, attack_images(second_start, once))])

        errors = []
        for beta in betas:
            predict = kernel_regression(spec, x, y, attacked=once, beta=beta, ridge=ridge)
            measure = jax.jit(
                lambda x, y, predict=predict: measured_errors(
                    test, predict, None, x, y, rho=rho, spec=chosen
                )
            )
            errors.append(tuple(float(error) for error in measure(x_test, y_test)))
    clean, robust = zip(*errors, strict=True)
    return InfiniteWidth(analytic_blocks(spec, batches), tuple(betas), clean, robust)


class Convergence(NamedTuple):
    """How empirical kernels converge to the analytic one.

    Attributes:
        widths: Widths m of the networks.
        errors: Relative errors `|K_m - K| / |K|` in Frobenius norm, [widths, seeds].
        slope: Slope of the logarithm of the errors' mean over seeds against log m; -1/2 in theory.
    """

    widths: tuple[int, ...]
    errors: Float[np.ndarray, "w s"]
    slope: float


def convergence(
    spec: FullyConnectedSpec,
    batches: Float[np.ndarray, "b n h w c"],
    *,
    widths: Sequence[int],
    num_seeds: int,
    kernel: KernelName = KernelName.CLEAN,
    beta: float | None = None,
    seed: int = 0,
) -> Convergence:
    """Relative errors of empirical kernels of growing width at fixed points.

    Args:
        spec: The network; its width is replaced.
        batches: The batches x, A_rho(x), A_rho(A_rho(x)), the same for every width.
        widths: Two or more different widths.
        num_seeds: Number of initialisations per width.
        kernel: Name of a kernel of the joint Gram matrix.
        beta: Weight of the robust loss in mixed kernels.
        seed: Seed of the weights.

    Returns:
        Errors and their slope.

    Raises:
        InputError: For fewer than two different widths, or no initialisations.
    """
    if len(set(widths)) < 2:
        raise InputError(f"a slope needs two or more different widths, got {list(widths)}")
    if num_seeds < 1:
        raise InputError(f"num_seeds must be at least 1, got {num_seeds}")
    limit = analytic_blocks(spec, batches)
    target = limit.kernel(kernel, beta)
    points = jnp.asarray(np.concatenate(batches), jnp.float32)
    keys = jax.random.split(jax.random.key(seed), num_seeds)
    errors = np.empty((len(widths), num_seeds))
    for row, width in enumerate(widths):
        sized = replace(spec, width=width)

        @jax.jit
        def grams(keys, points, sized=sized):
            def gram(key):
                return layerwise_gram(sized, FullyConnected(sized).init(key, points[:1]), points)

            return lax.map(gram, keys)

        blocks = JointGram.from_array(grams(keys, points), limit.batches)
        distances = np.linalg.norm(blocks.kernel(kernel, beta) - target, axis=(-2, -1))
        errors[row] = distances / np.linalg.norm(target)
    slope = np.polyfit(np.log(widths), np.log(errors.mean(1)), 1)[0]
    return Convergence(tuple(widths), errors, float(slope))
