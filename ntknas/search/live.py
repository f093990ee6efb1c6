"""A score as the objective of a search, computed by a session when the search asks for it."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ntknas.engine import Scorer
from ntknas.errors import InputError
from ntknas.kernel import JointGram, KernelName
from ntknas.runs import score_rows
from ntknas.scores import RankSum, ScoreName

__all__ = ["live_score"]


def live_score(scorer: Scorer, name: str) -> Callable[[Sequence[Any]], list[float]]:
    """An objective that computes a score when it is asked for; nothing is stored.

    Args:
        scorer: Session whose settings give the kernel of the score.
        name: Name of a score, such as "sphericity@clean" or "params"; not a sum, since ranks need
            all architectures at once.

    Returns:
        A function from architectures to scores, the mean over the session's seeds, turned so that
        higher is better. Constant networks and kernels that are not finite have minus infinity.

    Raises:
        InputError: If the name is a sum, or the session does not compute the score.
    """
    total = RankSum.parse(name)
    if total.single is None:
        raise InputError(f"expected one score to maximise live, got the sum {name!r}")
    wanted = total.single
    sign = total.signs[0] * wanted.direction
    rows = scorer.spec.kernel_rows()
    if wanted.kernel is not None:
        known = [ScoreName(wanted.score, *row, part=wanted.part) for row in rows]
        if not any(one.same(wanted) for one in known):
            texts = ", ".join(dict.fromkeys(one.kernel_text for one in known))
            raise InputError(f"expected a kernel of the session ({texts}) in {name!r}")

    def value(scored: Any) -> float:
        if wanted.kernel is None:
            return _single(scored, wanted.score)
        values = []
        for seed, batch in enumerate(scorer.batches):
            grams: dict[float, JointGram] = {
                rho: scored.gram[seed, position]
                for position, rho in enumerate(scorer.spec.rhos or (0.0,))
            }
            constant = scored.architecture.is_constant
            for row in score_rows(rows, grams, batch.labels, constant=constant):
                one = ScoreName(wanted.score, KernelName(row.kernel), row.rho, row.beta, row.part)
                if one.same(wanted):
                    values.append(row.scores[wanted.score])
        return float(np.mean(values)) if values else np.nan

    def objective(architectures: Sequence[Any]) -> list[float]:
        found = []
        for scored in scorer.stream(list(architectures)):
            score = sign * value(scored)
            last = scored.architecture.is_constant or np.isnan(score)
            found.append(-np.inf if last else score)
        return found

    return objective


def _single(scored: Any, name: str) -> float:
    """A score without a kernel: a count, or a zero-cost proxy averaged over the seeds."""
    if name in scored.counts:
        return float(scored.counts[name])
    if scored.proxies and name in scored.proxies[0]:
        return float(np.mean([of_seed[name] for of_seed in scored.proxies]))
    raise InputError(f"the session does not compute the score {name}")
