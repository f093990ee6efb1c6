"""Scores into rankings, and rankings against published accuracies, with intervals.

Inputs are plain data: a frame of scores (index: architecture ids, one column a score), a mapping
from score names to directions (+1 higher is better, -1 lower is better), and a tidy frame of
published accuracies. The room depends on no other room.
"""

from ntknas.ranking.agreement import correlation_table
from ntknas.ranking.correlation import Correlations, correlations
from ntknas.ranking.intervals import (
    Interval,
    Intervals,
    bootstrap,
    default_resamples,
    replicates,
    resample_counts,
)
from ntknas.ranking.order import combine, rank
from ntknas.ranking.orientation import RAW, oriented
from ntknas.ranking.tables import format_table, three_decimals, with_interval
from ntknas.ranking.top import BestOfTop, best_of_top, top_k_overlap

__all__ = [
    "RAW",
    "BestOfTop",
    "Correlations",
    "Interval",
    "Intervals",
    "best_of_top",
    "bootstrap",
    "combine",
    "correlation_table",
    "correlations",
    "default_resamples",
    "format_table",
    "oriented",
    "rank",
    "replicates",
    "resample_counts",
    "three_decimals",
    "top_k_overlap",
    "with_interval",
]
