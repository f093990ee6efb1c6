# What the room gives; each name is imported when it is first used.
from .costs import COSTS as COSTS, with_costs as with_costs
from .folder import SearchFolder as SearchFolder, search_folder as search_folder
from .history import append_history as append_history, read_history as read_history
from .live import live_score as live_score
from .loop import (
    SEARCHES as SEARCHES,
    Evaluation as Evaluation,
    Objective as Objective,
    Search as Search,
    best as best,
    search as search,
)
from .nsga2 import (
    crowding_distances as crowding_distances,
    fronts as fronts,
    pareto_front as pareto_front,
)
from .objectives import (
    ranked_architectures as ranked_architectures,
    stored_score as stored_score,
    true_values as true_values,
)
from .pool import Pool as Pool, pool_of as pool_of
from .predictor import Predictor as Predictor
