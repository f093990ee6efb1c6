# What the package gives; each name is imported when it is first used.
from . import attack as attack
from . import engine as engine
from . import evaluation as evaluation
from . import images as images
from . import kernel as kernel
from . import layers as layers
from . import network as network
from . import proxies as proxies
from . import ranking as ranking
from . import report as report
from . import runs as runs
from . import scores as scores
from . import spaces as spaces
from . import theory as theory
from . import training as training
from . import truth as truth
from .attack import AttackSpec as AttackSpec
from .engine import Scorer as Scorer
from .engine import score as score
from .engine import score_networks as score_networks
from .errors import InputError as InputError
from .evaluation import correlate as correlate
from .evaluation import rank as rank
from .images import (
    ImageSet as ImageSet,
)
from .images import (
    ScoringBatch as ScoringBatch,
)
from .images import (
    load_images as load_images,
)
from .images import (
    scoring_batch as scoring_batch,
)
from .kernel import JointGram as JointGram
from .kernel import kernel_blocks as kernel_blocks
from .network import Network as Network
from .network import NetworkSpec as NetworkSpec
from .runs import (
    PRESETS as PRESETS,
)
from .runs import (
    Run as Run,
)
from .runs import (
    ScoringSpec as ScoringSpec,
)
from .runs import (
    load_precomputed as load_precomputed,
)
from .scores import (
    SCORES as SCORES,
)
from .scores import (
    kernel_scores as kernel_scores,
)
from .scores import (
    register_score as register_score,
)
from .spaces import (
    Architecture as Architecture,
)
from .spaces import (
    Family as Family,
)
from .spaces import (
    Space as Space,
)
from .spaces import (
    architectures as architectures,
)
from .truth import Truth as Truth
from .truth import load_truth as load_truth
from .truth import truth_from_frame as truth_from_frame

__version__: str
