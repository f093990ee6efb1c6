"""SWAP: how many patterns of activity the ReLUs have over a batch (Peng et al., ICLR 2024).

The sample-wise activation pattern of a ReLU's entry is the vector of n bits that says for which of
the n images it is active. The score is the number of different patterns in the whole network. It is
at most 2^n, and at most the number of entries. Entries of absent layers have no pattern.

The paper also multiplies the score by a bell-shaped function of the number of parameters, whose
centre and width are chosen for each search space. That function is left out here: it holds no more
than the number of parameters.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, UInt32

from ntknas.network import Watched

__all__ = ["activity_patterns", "count_patterns"]

_BITS = 32


def activity_patterns(rectified: tuple[Watched, ...]) -> UInt32[Array, "words entries"]:
    """The pattern of every entry, as words of 32 images.

    Entries of absent layers have the pattern of the first entry of the first layer, which every
    architecture has, so that they add nothing to the set.

    Args:
        rectified: Inputs of ReLUs; the architecture has all layers of the first.
    """
    columns = []
    for _, x in rectified:
        active = x.reshape(*x.shape[:2], -1) > 0  # [l, n, entries]
        images = active.shape[1]
        weights = jnp.uint32(1) << (jnp.arange(images, dtype=jnp.uint32) % _BITS)
        bits = jnp.where(active, weights[None, :, None], jnp.uint32(0))
        words = [
            bits[:, start : start + _BITS].sum(1, dtype=jnp.uint32)
            for start in range(0, images, _BITS)
        ]
        columns.append(jnp.stack(words))  # [words, l, entries]
    known = columns[0][:, :1, :1]
    return jnp.concatenate(
        [
            jnp.where(present[None, :, None] > 0, column, known).reshape(len(column), -1)
            for (present, _), column in zip(rectified, columns, strict=True)
        ],
        axis=1,
    )


def count_patterns(words: np.ndarray) -> int:
    """The number of different columns.

    Args:
        words: Whole numbers below 2^32, [words, entries].

    Example:
        >>> count_patterns(np.array([[1, 1, 2, 1], [0, 1, 0, 0]]))
        3
    """
    codes = np.zeros(words.shape[1], np.int64)
    for word in words.astype(np.int64):
        _, codes = np.unique((codes << _BITS) + word, return_inverse=True)
    return int(codes.max(initial=-1)) + 1
