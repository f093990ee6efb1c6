"""Many architectures: one compiled program, the run store, resuming."""

from ntknas.engine.run import Run
from ntknas.engine.scoring import fit_spec, score
from ntknas.engine.spec import ScoringSpec

__all__ = ["Run", "ScoringSpec", "fit_spec", "score"]
