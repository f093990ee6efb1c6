"""Many architectures: one compiled program, the run store, resuming; what a run is worth."""

from ntknas.engine.evaluation import DEFAULT_RANKING, correlate, rank
from ntknas.engine.precomputed import Precomputed, load_precomputed
from ntknas.engine.presets import PRESETS
from ntknas.engine.run import Run
from ntknas.engine.scoring import fit_spec, score
from ntknas.engine.spec import ScoringSpec

__all__ = [
    "DEFAULT_RANKING",
    "PRESETS",
    "Precomputed",
    "Run",
    "ScoringSpec",
    "correlate",
    "fit_spec",
    "load_precomputed",
    "rank",
    "score",
]
