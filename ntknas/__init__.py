"""Training-free robust scores of NAS-Bench-201 architectures from neural tangent kernels in JAX.

Names are imported when they are first used, so that `import ntknas` costs nothing.
"""

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from ntknas.architecture import Architecture, architectures
    from ntknas.attack import AttackSpec
    from ntknas.engine import PRESETS, Run, ScoringSpec, correlate, load_precomputed, rank, score
    from ntknas.errors import InputError
    from ntknas.images import ImageSet, ScoringBatch, load_images, scoring_batch
    from ntknas.kernel import KernelBlocks, kernel_blocks
    from ntknas.network import Network, NetworkSpec
    from ntknas.scores import SCORES, kernel_scores
    from ntknas.truth import Truth, load_truth

# Where each name lives: the imports above, at run time.
_ROOMS = {
    "architecture": ("Architecture", "architectures"),
    "attack": ("AttackSpec",),
    "engine": ("PRESETS", "Run", "ScoringSpec", "correlate", "load_precomputed", "rank", "score"),
    "errors": ("InputError",),
    "images": ("ImageSet", "ScoringBatch", "load_images", "scoring_batch"),
    "kernel": ("KernelBlocks", "kernel_blocks"),
    "network": ("Network", "NetworkSpec"),
    "scores": ("SCORES", "kernel_scores"),
    "truth": ("Truth", "load_truth"),
}
_ROOM_OF = {name: room for room, names in _ROOMS.items() for name in names}

__all__ = [
    "PRESETS",
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
    "correlate",
    "kernel_blocks",
    "kernel_scores",
    "load_images",
    "load_precomputed",
    "load_truth",
    "rank",
    "score",
    "scoring_batch",
]


def __getattr__(name: str) -> Any:
    """Import a public name or a room on first use (PEP 562)."""
    if name in _ROOMS:
        return importlib.import_module(f"{__name__}.{name}")
    if name not in _ROOM_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_ROOM_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
