"""`check_machine`: small kernels computed here, held to stored ones.

The stored kernels are `self_check.json`: clean kernels of six images of the embedded sample under
networks of one cell per stage and 4 channels, in float64. `experiments.embed_self_check` makes them
again.
"""

import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from ntknas.engine.scorer import Scorer
from ntknas.kernel import Batch
from ntknas.layers import Norm
from ntknas.network import NetworkSpec
from ntknas.runs import ScoringSpec

__all__ = ["TOLERANCE", "SelfCheck", "check_machine", "self_check_kernels"]

TOLERANCE = 5e-3
"""Largest error that passes. In float32 a CPU is off by less than 1e-5; products in TF32, to which
GPUs may round, keep three digits. A program that computes something else is further off."""

STORED = Path(__file__).with_name("self_check.json")
ARCHITECTURES = (0, 1000, 7209, 9930)  # every operation
_SPEC = ScoringSpec(
    batch_size=6,
    batches=(Batch.CLEAN,),
    network=NetworkSpec(channels=4, cells=1, norm=Norm.IMAGE),
)


@dataclass(frozen=True)
class SelfCheck:
    """What a self-check found.

    Attributes:
        error: Median difference of a kernel's entries from the stored ones, divided by their
            median; the largest of all architectures.
        tolerance: Largest error that passes.
        seconds: Wall-clock seconds, with compiling.
        program: Name of the program that computed the kernels.
    """

    error: float
    tolerance: float
    seconds: float
    program: str

    @property
    def passed(self) -> bool:
        """Whether the error is within the tolerance; NaN is not."""
        return self.error <= self.tolerance


def self_check_kernels(program: str | None = None) -> Float64[np.ndarray, "a n n"]:
    """The kernels of the self-check, as this machine computes them.

    Args:
        program: Name of a member of `PROGRAMS`; None means the fast one of the back end.

    Returns:
        Clean kernels [a, n, n] of the architectures of the self-check.
    """
    return _kernels(Scorer(_SPEC, program=program))


def check_machine(program: str | None = None) -> SelfCheck:
    """Compute the kernels of the self-check and compare them with the stored ones.

    Kernels are compared by the median of their entries (decision 31).

    Args:
        program: Name of a member of `PROGRAMS`; None means the fast one of the back end.
    """
    stored = json.loads(STORED.read_text(encoding="utf-8"))
    begin = time.monotonic()
    scorer = Scorer(_SPEC, program=program)
    kernels = _kernels(scorer)
    seconds = time.monotonic() - begin
    errors = [
        np.median(abs(kernel - expected)) / np.median(abs(np.array(expected)))
        for kernel, expected in zip(kernels, stored["kernels"], strict=True)
    ]
    return SelfCheck(float(np.max(errors)), TOLERANCE, seconds, scorer.program_name)


def _kernels(scorer: Scorer) -> Float64[np.ndarray, "a n n"]:
    """The clean kernels of the architectures of the self-check."""
    return scorer(list(ARCHITECTURES)).clean[:, 0, 0]
