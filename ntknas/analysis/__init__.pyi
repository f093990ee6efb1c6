# What the room gives; each name is imported when it is first used.
from .analyse import TABLES as TABLES, Analysis as Analysis, analyse as analyse
from .cells import CellTruth as CellTruth, cell_truth as cell_truth
from .means import clustered_mean as clustered_mean
from .operations import (
    operation_effects as operation_effects,
    operation_shares as operation_shares,
    operation_swaps as operation_swaps,
)
from .ranks import rank_agreement as rank_agreement, rank_shifts as rank_shifts
from .sizes import by_size as by_size
from .structures import STRUCTURES as STRUCTURES, by_structure as by_structure
