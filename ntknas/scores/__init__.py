"""From a kernel to a number, and the names of those numbers."""

from ntknas.scores.registry import (
    SCORES,
    SIZE_SCORES,
    Score,
    ScoreName,
    format_fraction,
    parse_fraction,
)
from ntknas.scores.spectrum import KERNEL_SCORES, kernel_scores

__all__ = [
    "KERNEL_SCORES",
    "SCORES",
    "SIZE_SCORES",
    "Score",
    "ScoreName",
    "format_fraction",
    "kernel_scores",
    "parse_fraction",
]
