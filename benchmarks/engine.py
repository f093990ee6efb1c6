"""The engine as a competitor: one architecture at a time, and `ntknas.score` over many."""

import contextlib
import tempfile
from collections.abc import Callable, Iterable

import jax.numpy as jnp
import numpy as np

import ntknas
from ntknas.engine import fit_spec, gram_of, measured_peak, reused_memory, run_cost, seed_inputs
from ntknas.images import ScoringBatch
from ntknas.kernel import Batch
from ntknas.layers import Norm
from ntknas.network import NetworkSpec
from ntknas.proxies import PROXIES, proxy_inputs, proxy_scores
from ntknas.runs import ScoringSpec
from ntknas.spaces.nasbench201 import Architecture, live_operations

__all__ = [
    "ALL",
    "PEAK",
    "PEERED",
    "clean_setting",
    "competitor",
    "fraction_of_peak",
    "proxy_competitor",
    "scorer",
]

PEAK = "peak"
"""The request to `competitor`'s function for the rate of float32 products."""

ALL = "all"
"""The request to `proxy_competitor`'s function for every family that has a peer."""

PEERED = ("gradients", "hessian", "input_jacobian", "zen", "synflow", "croze")
"""Families of proxies that `benchmarks.peers.torch_proxies` has, too."""

_process = contextlib.ExitStack()


def clean_setting(
    batch_size: int, channels: int, cells: int, norm: Norm
) -> tuple[ScoringSpec, ScoringBatch]:
    """Spec of a clean kernel on the embedded images, and the batch of seed 0.

    Args:
        batch_size: Number of images N.
        channels: Channels of the network's first stage.
        cells: Cells per stage.
        norm: Normalisation statistics.
    """
    images = ntknas.load_images()
    network = NetworkSpec(channels=channels, cells=cells, norm=norm)
    spec = ScoringSpec(batch_size=batch_size, batches=(Batch.CLEAN,), network=network)
    return fit_spec(spec, images), ntknas.scoring_batch(images, batch_size, seed=0)


def competitor(
    spec: ScoringSpec, batch: ScoringBatch
) -> Callable[[int | tuple[int, ...] | str], Callable[[], np.ndarray | float]]:
    """A function from a request to a callable to be timed.

    The callable of an architecture's id computes its first joint matrix, which for a clean setting
    is the kernel [n, n]. That of several ids is `scorer`'s. That of `PEAK` measures the machine's
    rate of products, of which the rates of programs are fractions. The first call for an id or ids
    compiles the program of both.

    Args:
        spec: Settings of the run.
        batch: Images of seed 0.
    """
    _process.enter_context(reused_memory())  # as within `ntknas.score`, until the process ends
    inputs = seed_inputs(spec, batch, 0)
    rhos = jnp.asarray(spec.rhos, inputs.images.dtype)
    score = scorer(spec)

    def prepare(request: int | tuple[int, ...] | str) -> Callable[[], np.ndarray | float]:
        if request == PEAK:
            return measured_peak
        if isinstance(request, tuple):
            return score(request)
        assert isinstance(request, int)
        ops = jnp.asarray(live_operations(Architecture.from_id(request)))
        return lambda: np.asarray(gram_of(ops, inputs, rhos, spec=spec.compiled).whole)[0]

    return prepare


def proxy_competitor(
    spec: ScoringSpec, batch: ScoringBatch
) -> Callable[[tuple[int, str | tuple[str, ...]]], Callable[[], dict[str, float]]]:
    """A function from an architecture's id and proxies to a callable for the scores.

    The proxies are a family, names of some, or `ALL`.

    Args:
        spec: Settings of the run.
        batch: Images of seed 0.
    """
    _process.enter_context(reused_memory())
    inner, network = seed_inputs(spec, batch, 0), spec.cell_network
    inputs = proxy_inputs(network, inner.variables, inner.images, inner.labels, 0)

    def prepare(request: tuple[int, str | tuple[str, ...]]) -> Callable[[], dict[str, float]]:
        index, names = request
        ops = live_operations(Architecture.from_id(index))
        if isinstance(names, str):
            families = PEERED if names == ALL else (names,)
            names = tuple(name for family in families for name in PROXIES[family].names)
        return lambda: proxy_scores(network, ops, inputs, names)

    return prepare


def scorer(spec: ScoringSpec) -> Callable[[tuple[int, ...]], Callable[[], int]]:
    """A function from ids to a call of `ntknas.score`: scores computed, run written.

    The call makes a new folder each time and returns the number of architectures in the run.

    Args:
        spec: Settings of the run.
    """

    def prepare(ids: tuple[int, ...]) -> Callable[[], int]:
        def score() -> int:
            with tempfile.TemporaryDirectory() as folder:
                return len(ntknas.score(ids, out=folder, spec=spec).ids)

        return score

    return prepare


def fraction_of_peak(
    spec: ScoringSpec, ids: Iterable[int], seconds: float, peak: float
) -> dict[str, float]:
    """How much of the machine a computation used.

    Args:
        spec: Settings of the run.
        ids: Architectures that were done.
        seconds: Seconds for all of them.
        peak: Operations per second (`ntknas.engine.measured_peak`).

    Returns:
        `gflops`, 10^9 operations per second by the cost model, and `fraction_of_peak`.
    """
    flops = sum(run_cost(Architecture.from_id(index), spec).flops for index in ids)
    return {"gflops": flops / seconds / 1e9, "fraction_of_peak": flops / seconds / peak}
