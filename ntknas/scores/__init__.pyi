# What the room gives; each name is imported when it is first used.
from .fraction import format_decimal as format_decimal
from .fraction import format_fraction as format_fraction
from .fraction import parse_fraction as parse_fraction
from .names import RankSum as RankSum
from .names import ScoreName as ScoreName
from .record import KernelFunction as KernelFunction
from .record import Score as Score
from .record import ScoreKind as ScoreKind
from .registry import SCORES as SCORES
from .registry import kernel_scores as kernel_scores
from .registry import register_score as register_score
from .registry import score_names as score_names
from .stack import KernelStack as KernelStack
