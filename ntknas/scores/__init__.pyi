# What the room gives; each name is imported when it is first used.
from .fraction import (
    format_decimal as format_decimal,
    format_fraction as format_fraction,
    parse_fraction as parse_fraction,
)
from .names import RankSum as RankSum, ScoreName as ScoreName
from .record import KernelFunction as KernelFunction, Score as Score, ScoreKind as ScoreKind
from .registry import (
    SCORES as SCORES,
    kernel_scores as kernel_scores,
    register_score as register_score,
    score_names as score_names,
)
from .stack import KernelStack as KernelStack
