"""From a kernel to a number, and the names of those numbers."""

from ntknas.scores.registry import (
    SCORES,
    SIZE_SCORES,
    STRUCTURE_SCORES,
    ZERO_COST_SCORES,
    Score,
    ScoreName,
    format_fraction,
    parse_fraction,
)
from ntknas.scores.spectrum import KERNEL_SCORES, kernel_scores
from ntknas.scores.zero_cost import ZeroCostInputs, zero_cost_inputs, zero_cost_scores

__all__ = [
    "KERNEL_SCORES",
    "SCORES",
    "SIZE_SCORES",
    "STRUCTURE_SCORES",
    "ZERO_COST_SCORES",
    "Score",
    "ScoreName",
    "ZeroCostInputs",
    "format_fraction",
    "kernel_scores",
    "parse_fraction",
    "zero_cost_inputs",
    "zero_cost_scores",
]
