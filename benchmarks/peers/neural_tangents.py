"""The library neural-tangents on the Flax network of one architecture: its empirical kernel.

There is one output per image, the sum of its logits, so that trace and sum over outputs are the
same.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from ntknas.images import ScoringBatch
from ntknas.network import Network, initial_variables
from ntknas.runs import ScoringSpec
from ntknas.spaces.nasbench201 import Architecture
from ntknas.theory.neural_tangents import neural_tangents

__all__ = ["competitor"]


def competitor(spec: ScoringSpec, batch: ScoringBatch) -> Callable[[int], Callable[[], np.ndarray]]:
    """A function from an architecture's id to a callable that computes its kernel.

    The first call of each callable compiles.

    Args:
        spec: Settings of the run.
        batch: Images of seed 0.
    """
    nt = neural_tangents()
    images = jnp.asarray(batch.pixels)
    network = Network(spec.cell_network)

    def prepare(index: int) -> Callable[[], np.ndarray]:
        ops = Architecture.from_id(index).ops
        variables = jax.tree.map(jnp.asarray, initial_variables(spec.cell_network, 0, ops))

        def sum_of_logits(variables, images):
            return network.apply(variables, images, ops).sum(-1, keepdims=True)

        # Its default implementation, the cheapest for one output per image.
        kernel_fn = nt.empirical_ntk_fn(
            sum_of_logits,
            trace_axes=(-1,),
            vmap_axes=0,
            implementation=nt.NtkImplementation.JACOBIAN_CONTRACTION,
        )
        compiled = jax.jit(lambda images, variables: kernel_fn(images, None, variables))
        return lambda: np.asarray(compiled(images, variables))

    return prepare
