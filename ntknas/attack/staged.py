"""`StagedAttack`: an attack of several runs, such as restarts or targets, of which the best counts.

Programs that may look at results between two runs, as `ntknas.attack.evaluate` does, run each of
them on the images that still stand. Inside a larger program every run takes all images.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int, Key

from ntknas.attack.losses import margin
from ntknas.attack.spec import AttackSpec, LogitsFn, Scalar

__all__ = ["Stage", "StagedAttack", "restarts"]

Stage = Any
"""Number of a run, from 0; may be traced."""


def restarts(spec: AttackSpec, classes: int) -> int:
    """The number of runs of an attack that is run once per restart."""
    del classes
    return spec.restarts


@dataclass(frozen=True)
class StagedAttack:
    """A member of `ATTACKS` that consists of runs; see `ntknas.attack.Attack` for its arguments.

    Attributes:
        run: One run, a function of `(key, logits_fn, images, labels, best)` and of the keyword
            arguments `stage`, `rho` and `spec`. `best` are the best images of the runs before (the
            images themselves at first), and `stage` is the number of the run.
        stages: Function of the spec and the number of classes, which gives the number of runs.
    """

    run: Callable[..., Any]
    stages: Callable[[AttackSpec, int], int] = restarts

    def __call__(
        self,
        key: Key[Array, ""],
        logits_fn: LogitsFn,
        images: Float[Array, "*b n h w c"],
        labels: Int[Array, "*b n"],
        *,
        rho: Scalar,
        spec: AttackSpec,
    ) -> Float[Array, "*b n h w c"]:
        """The attacked images: of every run's, those with the largest margin of a wrong class."""
        count = self.stages(spec, jax.eval_shape(logits_fn, images).shape[-1])
        settings: dict[str, Any] = {"rho": rho, "spec": spec}
        if count == 1:
            return self.run(key, logits_fn, images, labels, images, stage=0, **settings)

        def stage(number, state):
            best, best_margin = state
            own_key = jax.random.fold_in(key, number)
            new = self.run(own_key, logits_fn, images, labels, best, stage=number, **settings)
            new_margin = margin(logits_fn(new), labels)
            better = new_margin > best_margin
            chosen = jnp.where(better[..., None, None, None], new, best)
            return chosen, jnp.where(better, new_margin, best_margin)

        lowest = jnp.full(labels.shape, -jnp.inf, images.dtype)
        return lax.fori_loop(0, count, stage, (images, lowest))[0]
