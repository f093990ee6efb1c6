"""Scores that need no network: counts of an architecture's graph, and the size of its network.

A search space computes them (`Space.counts`).
"""

from ntknas.scores.record import Score, ScoreKind

__all__ = ["GRAPH_SCORES", "SIZE_SCORES"]


def _count(name: str, formula: str, direction: int = 1) -> Score:
    """A score that counts something in the live graph of a cell."""
    source = "count of the cell's live graph (this project)"
    return Score(name, formula, direction, source, ScoreKind.GRAPH)


GRAPH_SCORES: tuple[Score, ...] = (
    _count("live_params", "parameters without those of dead edges"),
    _count("convolutions", "live edges with a convolution"),
    _count("depth", "convolutions on the live path with most"),
    _count("mean_depth", "convolutions on a live path, mean of all paths"),
    _count("depth_3x3", "3x3 convolutions on the live path with most"),
    _count("plain_depth_3x3", "the same among paths without pooling"),
    _count("direct", "1 if an operation joins the cell's input and output"),
    _count("pools", "live edges with a pooling", -1),
    _count("pool_paths", "live paths through a pooling", -1),
    _count("skip_paths", "live paths of skips alone"),
    _count("linear_pool_paths", "live paths through a pooling and no convolution", -1),
    _count("surplus_linear_paths", "max(live paths without convolution - 1, 0)", -1),
)
"""Counts of a NAS-Bench-201 cell's live graph."""

SIZE_SCORES: tuple[Score, ...] = (
    Score("params", "number of parameters", 1, "size baseline", ScoreKind.SIZE),
    Score("flops", "multiply-accumulates of one image", 1, "size baseline", ScoreKind.SIZE),
)
"""The size of the network: the baselines that other scores are compared with."""
