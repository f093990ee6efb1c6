# What the room gives; each name is imported when it is first used.
from .comparison import (
    changed_settings as changed_settings,
    compare_runs as compare_runs,
    interval_ends as interval_ends,
    turned as turned,
    unmixed_names as unmixed_names,
)
from .correlation import (
    correlate as correlate,
    headline_names as headline_names,
    scatter_frame as scatter_frame,
    true_values as true_values,
)
from .few_labels import (
    MODELS as MODELS,
    Prediction as Prediction,
    cell_features as cell_features,
    fitted as fitted,
    predict_rest as predict_rest,
    spearman as spearman,
)
from .protocol import (
    Aim as Aim,
    agreement as agreement,
    confirm as confirm,
    formula as formula,
    protocol as protocol,
    rank_sum as rank_sum,
)
from .ranking import (
    default_ranking as default_ranking,
    draw_agreement as draw_agreement,
    rank as rank,
    rank_fractions as rank_fractions,
    ranks_by_draw as ranks_by_draw,
)
from .rankings import RANKINGS as RANKINGS, Ranking as Ranking
from .regret import regret_of_top as regret_of_top
from .score_files import load_scores as load_scores
from .search import (
    FIFTHS as FIFTHS,
    TOP_FRACTIONS as TOP_FRACTIONS,
    RankingSearch as RankingSearch,
    best_fraction as best_fraction,
    candidates as candidates,
    candidates_by_draw as candidates_by_draw,
    in_development as in_development,
    quality as quality,
    search_ranking as search_ranking,
    search_sums as search_sums,
    with_reversed as with_reversed,
)
from .spectra import kernel_spectra as kernel_spectra
from .sweeps import (
    DEFAULT_METRIC as DEFAULT_METRIC,
    beta_grid as beta_grid,
    sweep_correlations as sweep_correlations,
    sweep_medians as sweep_medians,
)
from .table import (
    Scores as Scores,
    ScoreTable as ScoreTable,
    score_table as score_table,
)
