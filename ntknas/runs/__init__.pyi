# What the room gives; each name is imported when it is first used.
from .precomputed import PRECOMPUTED as PRECOMPUTED
from .precomputed import Precomputed as Precomputed
from .precomputed import load_precomputed as load_precomputed
from .precomputed import write_precomputed as write_precomputed
from .presets import PRESETS as PRESETS
from .rows import KernelRow as KernelRow
from .rows import ScoreRow as ScoreRow
from .rows import score_rows as score_rows
from .run import Run as Run
from .spec import PARAMETERS as PARAMETERS
from .spec import ScoringSpec as ScoringSpec
from .store import Description as Description
from .store import GramRecord as GramRecord
from .store import Store as Store
