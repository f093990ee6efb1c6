# What the room gives; each name is imported when it is first used.
from .agreement import correlation_table as correlation_table
from .correlation import (
    Correlations as Correlations,
    correlations as correlations,
    mid_ranks as mid_ranks,
    paired_ranks as paired_ranks,
    rank_correlation as rank_correlation,
)
from .intervals import (
    Interval as Interval,
    Intervals as Intervals,
    bootstrap as bootstrap,
    default_resamples as default_resamples,
    replicates as replicates,
    resample_counts as resample_counts,
    spearman_interval as spearman_interval,
)
from .order import (
    combine as combine,
    log_ranks as log_ranks,
    rank as rank,
    rank_fractions as rank_fractions,
)
from .orientation import RAW as RAW, oriented as oriented
from .top import BestOfTop as BestOfTop, best_of_top as best_of_top, top_k_overlap as top_k_overlap
