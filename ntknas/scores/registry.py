"""`SCORES`: every score by name, a way to register your own, and all scores of a kernel."""

from collections.abc import Callable
from typing import TypeVar

import numpy as np
from jaxtyping import Float, Int

from ntknas.registry import Registry
from ntknas.scores.graph import GRAPH_SCORES, SIZE_SCORES
from ntknas.scores.proxies import PROXY_SCORES
from ntknas.scores.record import KernelFunction, Score, ScoreKind
from ntknas.scores.spectrum import KERNEL_SCORES
from ntknas.scores.stack import KernelStack

__all__ = ["SCORES", "kernel_scores", "register_score", "score_names"]

Function = TypeVar("Function", bound=KernelFunction)

SCORES: Registry[Score] = Registry(
    "score",
    {score.name: score for score in (*KERNEL_SCORES, *PROXY_SCORES, *GRAPH_SCORES, *SIZE_SCORES)},
)
"""Every score by name, in the order in which tables show them."""


def score_names(kind: ScoreKind) -> tuple[str, ...]:
    """The names of all scores of one kind, in the order in which tables show them.

    A score that is known only from the records of a run, without its function, is left out.

    Args:
        kind: Kind of the scores, which says what they are computed from.

    Example:
        >>> score_names(ScoreKind.SIZE)
        ('params', 'flops')
    """
    return tuple(
        name
        for name, score in SCORES.items()
        if score.kind is kind and (kind is not ScoreKind.KERNEL or score.function is not None)
    )


def register_score(
    name: str,
    *,
    direction: int,
    formula: str,
    source: str = "registered by the user",
    of_layers: bool = False,
) -> Callable[[Function], Function]:
    """Register a function of a kernel as a score of your own (a decorator).

    Runs, rankings, correlations and exports then contain the score under its name. This includes
    runs that were made before: the score is computed from their stored Gram matrices.

    Args:
        name: Name of the score in tables.
        direction: Direction of the score: +1 if higher values are better, -1 if lower values are.
        formula: Formula of the score as a text for readers.
        source: Publication that defines the score.
        of_layers: Whether the function reads `stack.layer_cosine`; it is then called only where
            that is known.

    Returns:
        A decorator that registers a `KernelFunction` and returns it.

    Raises:
        InputError: If the name is taken or not valid (see `Score`), or the direction is neither +1
            nor -1.

    Example:
        >>> @register_score("gap", direction=-1, formula="l_n - l_1")
        ... def gap(stack):
        ...     return stack.eigenvalues[..., -1] - stack.eigenvalues[..., 0]
        >>> from ntknas.scores import kernel_scores
        >>> scores, _ = kernel_scores(np.diag([1.0, 4.0]), np.array([0, 1]), epsilon=1e-7)
        >>> float(scores["gap"])
        3.0
        >>> SCORES.remove("gap")
    """

    def register(function: Function) -> Function:
        known = SCORES.get(name)
        if known is not None and known.kind is ScoreKind.KERNEL and known.function is None:
            SCORES.remove(name)  # known only from the records of a run that was made with it
        SCORES.register(
            name, Score(name, formula, direction, source, ScoreKind.KERNEL, function, of_layers)
        )
        return function

    return register


def kernel_scores(
    kernels: Float[np.ndarray, "*s n n"],
    labels: Int[np.ndarray, " n"],
    *,
    epsilon: float,
    layer_cosine: Float[np.ndarray, "*s n n"] | None = None,
) -> tuple[dict[str, Float[np.ndarray, "*s"]], np.ndarray]:
    """Every score of every kernel of a stack (formulas and sources: `ntknas.scores.SCORES`).

    Args:
        kernels: Symmetric positive semi-definite matrices `[..., n, n]`. Scores of matrices that
            are not finite are NaN.
        labels: Classes of the n images.
        epsilon: Machine epsilon of the arithmetic that made the kernels.
        layer_cosine: The layer cosine kernels of the same networks (`ntknas.kernel.parts`); without
            them the scores of layers are left out.

    Returns:
        A dictionary and an array. The dictionary holds, by score name, an array of the stack's
        shape. The array holds the status of each kernel: "ok", "singular" (lambda_min is within
        rounding of 0) or "nonfinite".

    Raises:
        InputError: If the matrices are not square, are empty, or do not match the labels.

    Example:
        >>> scores, status = kernel_scores(np.diag([1.0, 4.0]), np.array([0, 1]), epsilon=1e-7)
        >>> float(scores["cond"]), float(scores["lambda_min"]), str(status)
        (4.0, 1.0, 'ok')
    """
    stack = KernelStack(kernels, labels, epsilon=epsilon, layer_cosine=layer_cosine)
    functions = {
        name: score.function
        for name, score in SCORES.items()
        if score.function is not None and (layer_cosine is not None or not score.of_layers)
    }
    scores = {
        name: np.where(stack.finite, function(stack), np.nan)
        for name, function in functions.items()
    }
    regular = np.where(stack.lambda_min > 0, "ok", "singular")
    return scores, np.where(stack.finite, regular, "nonfinite")
