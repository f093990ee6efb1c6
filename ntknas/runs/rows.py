"""The rows of a run's table, computed from joint Gram matrices.

`score_rows` makes all rows, both for the betas of a run and for those of a sweep.
"""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np

from ntknas.kernel.joint import JointGram
from ntknas.kernel.names import KernelName
from ntknas.scores import kernel_scores

__all__ = ["KernelRow", "ScoreRow", "score_rows"]

KernelRow = tuple[KernelName, float | None, float | None]
"""The kernel, rho and beta that a row belongs to; None where a kernel has no rho or beta."""


class ScoreRow(NamedTuple):
    """A row of the score table of one architecture and seed.

    Attributes:
        kernel: Name of the kernel.
        part: Name of the part of the parameters that the kernel is taken over; empty for all.
        rho: Attack radius in pixel units; None for the clean kernel.
        beta: Weight of the robust loss; None for a kernel that is not mixed.
        status: State of the kernel: "ok", "singular" (lambda_min is within rounding of 0),
            "constant" (the output of the architecture never depends on its input) or "nonfinite".
        scores: Value of each score of the kernel, by name; a part has no scores of layers.
    """

    kernel: str
    part: str
    rho: float | None
    beta: float | None
    status: str
    scores: dict[str, float]


def score_rows(
    rows: Sequence[KernelRow],
    grams: Mapping[float, JointGram],
    labels: np.ndarray,
    *,
    constant: bool,
) -> list[ScoreRow]:
    """The scores of one architecture under one seed.

    Args:
        rows: Kernel, rho and beta of each row.
        grams: Joint Gram matrix for each radius; the clean kernel is the same in all of them.
        labels: Classes of the images.
        constant: Whether the architecture never connects input to output; the status of its rows is
            then "constant".

    Returns:
        One row per entry of `rows`, in that order; after those of the whole kernel follow those of
        each part that the matrices hold.

    Example:
        >>> from ntknas.kernel.names import Batch
        >>> gram = JointGram(np.diag([1.0, 4.0]), (Batch.CLEAN,), epsilon=1e-7)
        >>> wanted = [(KernelName.CLEAN, None, None)]
        >>> row = score_rows(wanted, {0.0: gram}, np.array([0, 1]), constant=False)[0]
        >>> row.status, float(row.scores["cond"])
        ('ok', 4.0)
    """
    some_gram = next(iter(grams.values()))
    cosines = {rho: gram.of_layer_cosine() for rho, gram in grams.items()}
    layer_cosine = None
    if all(cosine is not None for cosine in cosines.values()):
        layer_cosine = _kernels(rows, cosines)
    # Parts go together: a call costs as much as the scores of several small matrices.
    stacks: list[tuple[tuple[str, ...], np.ndarray, np.ndarray | None]] = [
        (("",), _kernels(rows, grams), layer_cosine)
    ]
    if parts := tuple(some_gram.parts):
        of_parts = [_kernels(rows, {r: g.part(name) for r, g in grams.items()}) for name in parts]
        stacks.append((parts, np.concatenate(of_parts), None))
    scored = []
    for names, kernels, cosine in stacks:
        scores, status = kernel_scores(
            kernels, labels, epsilon=some_gram.epsilon, layer_cosine=cosine
        )
        each = ((name, *row) for name in names for row in rows)
        for position, (name, kernel, rho, beta) in enumerate(each):
            state = str(status[position])
            if constant and state != "nonfinite":
                state = "constant"
            values = {score: float(of_stack[position]) for score, of_stack in scores.items()}
            scored.append(ScoreRow(str(kernel), name, rho, beta, state, values))
    return scored


def _kernels(rows: Sequence[KernelRow], grams: Mapping[float, Any]) -> np.ndarray:
    """The kernels of all rows, [rows, n, n]."""
    some_gram = next(iter(grams.values()))
    stacks = []
    for (kernel, rho), group in groupby(rows, key=lambda row: row[:2]):
        gram = some_gram if rho is None else grams[rho]
        betas = [beta for _, _, beta in group]
        stacks.append(
            gram.kernel(kernel, np.array(betas, float))
            if kernel.mixed
            else gram.kernel(kernel)[None]
        )
    return np.concatenate(stacks)
