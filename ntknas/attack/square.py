"""Square: random search over squares of one colour, with queries of the network alone.

The search starts from vertical stripes. Every query proposes, for each image, a square at a random
position whose pixels change by plus or minus rho in each colour channel, and keeps it if the margin
of the label falls. The area of the squares falls in stages. Images that are misclassified are left
alone, and the search ends when all of them are.

The released code draws one square per query for the whole batch and never the last row or column of
positions; here, as in the paper, every image has its own, and all positions are drawn.

References:
    Andriushchenko et al., Square attack: a query-efficient black-box adversarial attack via random
    search, ECCV 2020, algorithms 1 and 2.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, Int, Key

from ntknas.attack.ball import per_image, project
from ntknas.attack.losses import margin
from ntknas.attack.spec import AttackSpec, LogitsFn, Scalar
from ntknas.attack.staged import Stage, StagedAttack

__all__ = ["square", "square_sides"]

_AREA = 0.8  # share of the image at the start
_HALVINGS = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)  # of 10,000 queries
_QUERIES_PER_STAGE = 250


def square_sides(queries: int, size: int) -> np.ndarray:
    """The side of the square in pixels, for each query.

    Args:
        queries: Number of queries; the schedule is stretched to it.
        size: Height or width of the image in pixels.

    Returns:
        Whole numbers from 1 to `size`.
    """
    turns = np.arange(queries) * 10_000 // queries
    area = _AREA / 2.0 ** np.searchsorted(_HALVINGS, turns, side="left")
    return np.clip(np.rint(np.sqrt(area) * size), 1, size).astype(np.int32)


def _run(
    key: Key[Array, ""],
    logits_fn: LogitsFn,
    images: Float[Array, "*b n h w c"],
    labels: Int[Array, "*b n"],
    best: Float[Array, "*b n h w c"],
    *,
    stage: Stage,
    rho: Scalar,
    spec: AttackSpec,
) -> Float[Array, "*b n h w c"]:
    """Some of the queries, which go on from the best images of those before."""
    n, h, w, c = images.shape[-4:]
    dtype = images.dtype
    start_key, query_key = jax.random.split(key)

    def stripes():
        signs = jax.random.rademacher(start_key, (n, 1, w, c), dtype)
        return project(images, images + rho * jnp.broadcast_to(signs, images.shape), rho, "linf")

    best = lax.cond(stage == 0, stripes, lambda: best)
    sides = jnp.asarray(square_sides(spec.steps, min(h, w)))
    first, end = stage * _QUERIES_PER_STAGE, (stage + 1) * _QUERIES_PER_STAGE

    def query(state):
        number, best, best_margin = state
        row_key, column_key, sign_key = jax.random.split(jax.random.fold_in(query_key, number), 3)
        side = sides[number]
        rows = _strip(row_key, n, h, side)[:, :, None, None]
        columns = _strip(column_key, n, w, side)[:, None, :, None]
        signs = jax.random.rademacher(sign_key, (n, 1, 1, c), dtype)
        change = jnp.where(rows & columns, 2 * rho * signs, 0)
        proposed = project(images, best + jnp.broadcast_to(change, images.shape), rho, "linf")
        new_margin = margin(logits_fn(proposed), labels)
        better = (best_margin <= 0) & (new_margin > best_margin)
        best = jnp.where(per_image(better), proposed, best)
        return number + 1, best, jnp.where(better, new_margin, best_margin)

    def goes_on(state):
        number, _, best_margin = state
        return (number < jnp.minimum(end, spec.steps)) & (best_margin <= 0).any()

    state = (jnp.asarray(first, jnp.int32), best, margin(logits_fn(best), labels))
    return lax.while_loop(goes_on, query, state)[1]


def _strip(key: Key[Array, ""], n: int, size: int, side: Array) -> Array:
    """Booleans [n, size] that are true on an interval of length `side` at a random position."""
    first = jax.random.randint(key, (n, 1), 0, size - side + 1)
    position = jnp.arange(size)[None]
    return (position >= first) & (position < first + side)


def _stages(spec: AttackSpec, classes: int) -> int:
    """The number of stages that the queries are divided into."""
    del classes
    return -(-spec.steps // _QUERIES_PER_STAGE)


square = StagedAttack(_run, _stages)
"""Square of `spec.steps` queries and no gradients, called like every `ntknas.attack.Attack`."""
