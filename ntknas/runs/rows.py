"""The rows of a run's table, computed from joint Gram matrices.

`score_rows` makes all rows, both for the betas of a run and for those of a sweep.
"""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

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
        rho: Attack radius in pixel units; None for the clean kernel.
        beta: Weight of the robust loss; None for a kernel that is not mixed.
        status: State of the kernel: "ok", "singular" (lambda_min is within rounding of 0),
            "constant" (the output of the architecture never depends on its input) or "nonfinite".
        scores: Value of each score of the kernel, by name.
    """

    kernel: str
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
        One row per entry of `rows`, in that order.

    Example:
        >>> from ntknas.kernel.names import Batch
        >>> gram = JointGram(np.diag([1.0, 4.0]), (Batch.CLEAN,), epsilon=1e-7)
        >>> wanted = [(KernelName.CLEAN, None, None)]
        >>> row = score_rows(wanted, {0.0: gram}, np.array([0, 1]), constant=False)[0]
        >>> row.status, float(row.scores["cond"])
        ('ok', 4.0)
    """
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
    kernels = np.concatenate(stacks)
    scores, status = kernel_scores(kernels, labels, epsilon=some_gram.epsilon)
    return [
        ScoreRow(
            str(kernel),
            rho,
            beta,
            "constant" if constant and state != "nonfinite" else str(state),
            {name: float(values[position]) for name, values in scores.items()},
        )
        for position, ((kernel, rho, beta), state) in enumerate(zip(rows, status, strict=True))
    ]
