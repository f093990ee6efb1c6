"""Training-free robust scores of NAS-Bench-201 architectures from neural tangent kernels in JAX."""

__version__ = "0.1.0"

from ntknas.architecture import Architecture, architectures
from ntknas.attack import AttackSpec
from ntknas.engine import Run, ScoringSpec, score
from ntknas.errors import InputError
from ntknas.images import ImageSet, ScoringBatch, load_images, scoring_batch
from ntknas.kernel import KernelBlocks, kernel_blocks
from ntknas.network import Network, NetworkSpec
from ntknas.scores import SCORES, kernel_scores
from ntknas.truth import Truth, load_truth

__all__ = [
    "SCORES",
    "Architecture",
    "AttackSpec",
    "ImageSet",
    "InputError",
    "KernelBlocks",
    "Network",
    "NetworkSpec",
    "Run",
    "ScoringBatch",
    "ScoringSpec",
    "Truth",
    "architectures",
    "kernel_blocks",
    "kernel_scores",
    "load_images",
    "load_truth",
    "score",
    "scoring_batch",
]
