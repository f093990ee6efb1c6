"""How a kernel moves while its network is trained: how lazy the regime is.

In the limit of infinite width the kernel stays where it started (Jacot et al., NeurIPS 2018; Chizat
et al., Lazy training, NeurIPS 2019), and bounds from kernels at initialisation speak about the
trained network. How far kernels of finite networks go is measured here.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ntknas.errors import InputError
from ntknas.kernel import Kernel, KernelBlocks
from ntknas.network import FullyConnected, FullyConnectedSpec
from ntknas.theory.layers import joint_gram
from ntknas.theory.task import Task
from ntknas.theory.training import TrainingSpec, train

__all__ = ["Moment", "kernel_distance", "kernel_dynamics"]


def kernel_distance(first: Float[np.ndarray, "n m"], second: Float[np.ndarray, "n m"]) -> float:
    """1 - <A, B> / (|A| |B|): 0 for proportional kernels, 1 for orthogonal ones.

    Args:
      first: a kernel.
      second: another one on the same images.

    Returns:
      The kernel distance; NaN if one of them vanishes.

    References:
      Fort et al., Deep learning versus kernel learning, NeurIPS 2020.

    >>> kernel_distance(np.eye(2), 3 * np.eye(2))
    0.0
    """
    norms = float(np.linalg.norm(first) * np.linalg.norm(second))
    return 1 - float((first * second).sum()) / norms if norms > 0 else float("nan")


class Moment(NamedTuple):
    """The network's state after some steps.

    Attributes:
      step: steps of SGD done.
      kernel: which kernel the row is about.
      distance: `kernel_distance` from the kernel at initialisation.
      change: |K_t - K_0| / |K_0|, Frobenius norms; it sees growth too.
      lambda_min: smallest eigenvalue.
      lambda_max: largest eigenvalue.
      weights_moved: |W_t - W_0| / |W_0|, all weights as one vector.
      loss: multi-objective loss of the last step's batch; NaN at step 0.
    """

    step: int
    kernel: str
    distance: float
    change: float
    lambda_min: float
    lambda_max: float
    weights_moved: float
    loss: float


def kernel_dynamics(
    spec: FullyConnectedSpec,
    task: Task,
    *,
    beta: float,
    rho: float,
    training: TrainingSpec,
    steps: Sequence[int],
    num_images: int | None = None,
    seed: int = 0,
) -> list[Moment]:
    """Kernels at some steps of training, each attacked by the weights of its time.

    Args:
      spec: the network.
      task: trained on its training images.
      beta: weight of the robust loss.
      rho: radius in pixel units.
      training: how; its number of steps is that of `steps`.
      steps: at which to look, rising from 0.
      num_images: how many training images the kernels are on; None: all.
      seed: of weights, batches and attacks.

    Returns:
      A row for each step and each of the kernels clean, robust, K_all and K~_all.

    Raises:
      InputError: unless the steps rise from 0.
    """
    if len(steps) == 0 or steps[0] != 0 or any(b <= a for a, b in zip(steps, steps[1:], strict=False)):
        raise InputError(f"steps must rise from 0, got {list(steps)}")
    init, start, order = jax.random.split(jax.random.key(seed), 3)
    images, labels = jnp.asarray(task.train_images), jnp.asarray(task.train_labels)
    network = FullyConnected(spec)
    params = first_params = network.init(init, images[:1])

    @jax.jit
    def gram(params):
        few = slice(num_images)
        # The same random start at every step: differences are the network's.
        return joint_gram(
            start, spec, params, images[few], labels[few], rho=rho, attack=training.test_attack
        )

    kernels = (Kernel.CLEAN, Kernel.ROBUST, Kernel.MIXED_CLEAN, Kernel.MIXED_ROBUST)
    moments: list[Moment] = []
    before: KernelBlocks | None = None
    loss = float("nan")
    for last, step in zip([0, *steps], steps, strict=False):
        if step > last:
            # Keys of single steps come from this one: the path depends on where it is looked at.
            order, key = jax.random.split(order)
            some = _replace_steps(training, step - last)
            params, losses = jax.jit(train, static_argnames=("apply_fn", "spec"))(
                key, network.apply, params, images, labels, beta=beta, rho=rho, spec=some
            )
            loss = float(losses[-1])
        blocks = KernelBlocks(np.asarray(gram(params), np.float64))
        before = before or blocks
        moved = _relative(params, first_params)
        moments += [
            _moment(step, kernel, blocks, before, beta, moved, loss) for kernel in kernels
        ]
    return moments
