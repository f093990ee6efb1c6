# What the package gives; each name is imported when it is first used.
from . import (
    analysis as analysis,
    attack as attack,
    data as data,
    engine as engine,
    evaluation as evaluation,
    images as images,
    kernel as kernel,
    layers as layers,
    network as network,
    proxies as proxies,
    ranking as ranking,
    report as report,
    runs as runs,
    scores as scores,
    search as search,
    spaces as spaces,
    theory as theory,
    training as training,
    truth as truth,
)
from .attack import AttackSpec as AttackSpec
from .engine import Scorer as Scorer, score as score, score_networks as score_networks
from .errors import InputError as InputError
from .evaluation import correlate as correlate, load_scores as load_scores, rank as rank
from .images import (
    ImageSet as ImageSet,
    ScoringBatch as ScoringBatch,
    load_images as load_images,
    scoring_batch as scoring_batch,
)
from .kernel import JointGram as JointGram, kernel_blocks as kernel_blocks
from .network import Network as Network, NetworkSpec as NetworkSpec
from .report import plot as plot
from .runs import (
    PRESETS as PRESETS,
    Run as Run,
    ScoringSpec as ScoringSpec,
    load_precomputed as load_precomputed,
)
from .scores import (
    SCORES as SCORES,
    kernel_scores as kernel_scores,
    register_score as register_score,
)
from .search import Predictor as Predictor
from .spaces import (
    Architecture as Architecture,
    Family as Family,
    Space as Space,
    architectures as architectures,
)
from .truth import Truth as Truth, load_truth as load_truth, truth_from_frame as truth_from_frame

__version__: str
