"""Rankings with a fixed formula, by name, each for an aim.

A formula was chosen on one fifth of NAS-Bench-201. It is not changed afterwards: a later version is
another ranking. docs/explanation/ranking.md says how they were found, and
docs/results/default_ranking.md what they are worth.
"""

from dataclasses import dataclass

from ntknas.registry import Registry
from ntknas.scores import RankSum

__all__ = ["RANKINGS", "Ranking"]


@dataclass(frozen=True)
class Ranking:
    """A sum of ranks for an aim.

    Attributes:
        formula: The scores whose ranks are summed.
        aim: What the ranking was chosen for, in one line.
    """

    formula: RankSum
    aim: str


RANKINGS: Registry[Ranking] = Registry("ranking")
"""All rankings by name. A ranking of your own joins them with `RANKINGS.register(name, ranking)`,
and is then known wherever a score is named."""

RANKINGS.register(
    "default",
    Ranking(
        RankSum.parse(
            "cosine_lambda_min@clean+layer_cosine_lambda_min@clean+params+plain_depth_3x3"
            "+skip_paths+linear_pool_paths+surplus_linear_paths"
        ),
        "robust accuracy after adversarial training",
    ),
)
RANKINGS.register(
    "kernel_only",
    Ranking(
        RankSum.parse("layer_cosine_lambda_min@clean"),
        "the same, without counts of the graph",
    ),
)
RANKINGS.register(
    "standard_trained",
    Ranking(
        RankSum.parse("params+depth_3x3+surplus_linear_paths"),
        "robust accuracy after standard training, of networks with a clean accuracy of .92 or more",
    ),
)
RANKINGS.register(
    "default_1",
    Ranking(
        RankSum.parse(
            "sphericity@clean+live_params+mean_depth+depth_3x3+plain_depth_3x3+direct+pool_paths"
        ),
        "the default ranking of version 0.1",
    ),
)
