"""Relative error of float32's smallest eigenvalue against float64's, as a function of cond.

    python -m benchmarks.precision --archs random:60:0

The oracle is the same program in float64, which the tests hold against a plain Jacobian. It uses
JAX's default device, so run it on each back end.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

import ntknas
from benchmarks.common import command, describe
from benchmarks.engine import clean_setting
from ntknas.engine import gram_of, seed_inputs
from ntknas.images import ScoringBatch
from ntknas.layers import Norm
from ntknas.runs import ScoringSpec
from ntknas.spaces.nasbench201 import Architecture, live_operations

__all__ = ["PrecisionConfig", "run"]

_EDGES = (0, 3, 10, 30, 100, 1e3, 1e4, np.inf)


@dataclass(frozen=True)
class PrecisionConfig:
    """What to compare.

    Attributes:
        archs: Architectures. Those that never connect input to output are left out.
        batch_size: Number of images N.
        channels: Channels of the network's first stage.
        cells: Cells per stage.
        norm: Normalisation statistics.
    """

    archs: str = "random:60:0"
    batch_size: int = 16
    channels: int = 16
    cells: int = 1
    norm: Norm = Norm.BATCH


def run(config: PrecisionConfig) -> dict:
    """Compute every kernel in both precisions.

    Args:
        config: Settings, see `PrecisionConfig`.

    Returns:
        The entries of `benchmarks.common.describe`, rows (id, cond in float64, relative errors of
        lambda_min, lambda_max and the whole kernel in Frobenius norm), and medians and maxima of
        lambda_min's error within intervals of cond.
    """
    spec, batch = clean_setting(config.batch_size, config.channels, config.cells, config.norm)
    chosen = [a for a in ntknas.architectures(config.archs) if not a.is_constant]
    low = _kernels(spec, batch, chosen)
    with jax.enable_x64(True):
        high = _kernels(spec, batch, chosen)
    rows = [_errors(*pair) for pair in zip(chosen, low, high, strict=True)]
    conds = np.array([row["cond"] for row in rows])
    errors = np.array([row["lambda_min_error"] for row in rows])
    intervals = []
    for below, above in zip(_EDGES, _EDGES[1:], strict=False):
        within = errors[(conds >= below) & (conds < above)]
        if len(within):
            intervals.append(
                {
                    "cond_from": below,
                    "cond_below": above,
                    "architectures": len(within),
                    "median_error": float(np.median(within)),
                    "max_error": float(within.max()),
                }
            )
    return {
        **describe("precision", config),
        "device": jax.devices()[0].device_kind,
        "lambda_min_error": intervals,
        "rows": rows,
    }


def _kernels(
    spec: ScoringSpec, batch: ScoringBatch, chosen: list[Architecture]
) -> list[np.ndarray]:
    inputs = seed_inputs(spec, batch, 0)
    rhos = jnp.zeros(0, inputs.images.dtype)
    return [
        np.asarray(
            gram_of(jnp.asarray(live_operations(a)), inputs, rhos, spec=spec.compiled).whole[0],
            np.float64,
        )
        for a in chosen
    ]


def _errors(architecture: Architecture, low: np.ndarray, high: np.ndarray) -> dict:
    found, exact = (np.linalg.eigvalsh((k + k.T) / 2) for k in (low, high))
    return {
        "id": architecture.id,
        "cond": float(exact[-1] / exact[0]),
        "lambda_min_error": float(abs(found[0] / exact[0] - 1)),
        "lambda_max_error": float(abs(found[-1] / exact[-1] - 1)),
        "kernel_error": float(np.linalg.norm(low - high) / np.linalg.norm(high)),
    }


if __name__ == "__main__":
    command(run, PrecisionConfig(), __doc__)
