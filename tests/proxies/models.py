"""One small network in float64, its twin in PyTorch, and each family's program of it.

A family is compiled alone, by the one test file that needs it.
"""

from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import torch

from benchmarks.peers.torch_loop import to_torch
from benchmarks.peers.weights import initial_network
from ntknas.engine import seed_inputs
from ntknas.images import ScoringBatch, load_images, scoring_batch
from ntknas.kernel import Batch
from ntknas.network import NetworkSpec
from ntknas.proxies import PROXIES, ProxyInputs, compute, proxy_inputs
from ntknas.runs import ScoringSpec
from ntknas.spaces.nasbench201 import Architecture
from tests.engine.tiny import programs

NETWORK = NetworkSpec(channels=3, cells=1)
SPEC = ScoringSpec(batch_size=5, batches=(Batch.CLEAN,), network=NETWORK)
# Both convolutions, a pool, a skip, and a convolution that leads nowhere.
ARCHITECTURE = Architecture.from_code("324130")
CHAIN = Architecture.from_code("000300")  # one 3x3 convolution a cell
IDLE = Architecture.from_code("000303")  # the last edge starts from a node that nothing reaches
CONSTANT = [Architecture.from_code(code) for code in ("000000", "300000", "001003")]
LAYERS = (torch.nn.Conv2d, torch.nn.Linear)


@cache
def batch() -> ScoringBatch:
    return scoring_batch(load_images(), SPEC.batch_size, seed=0)


@cache
def inputs() -> ProxyInputs:
    with jax.enable_x64(True):
        variables, images, labels, _ = seed_inputs(SPEC, batch(), 0)
        return proxy_inputs(NETWORK, variables, images, labels, 0)


def values_of(
    family: str, architecture: Architecture, names: tuple[str, ...] | None = None
) -> dict[str, np.ndarray]:
    """What a family computes on the device for some of its scores, or all."""
    asked = PROXIES[family].names if names is None else names
    with jax.enable_x64(True):
        found = _program(family, asked)(jnp.asarray(architecture.ops), inputs())[family]
    return {name: np.asarray(value) for name, value in found.items()}


@cache
def _program(family: str, names: tuple[str, ...]) -> Any:
    """The compiled program; tests compile more than they compute, so LLVM need not optimise."""
    member = PROXIES[family]
    program = compute._without_normalisation if member.double else compute._with_normalisation
    traced = program.lower(NETWORK, jnp.asarray(CHAIN.ops), inputs(), ((family, names),))
    options: dict[str, Any] = {"xla_backend_optimization_level": 0}
    return traced.compile(options)


def scores_of(family: str, architecture: Architecture) -> dict[str, float]:
    """A family's proxies."""
    return PROXIES[family].host(values_of(family, architecture))


def check_laws(family: str) -> None:
    """A family has the scores that it names, from one program, finite for constant networks too."""
    scores = scores_of(family, ARCHITECTURE)
    assert set(scores) == set(PROXIES[family].names)
    with programs() as compiled:
        assert scores_of(family, CHAIN) != scores
        for architecture in CONSTANT:
            assert architecture.is_constant
            found = scores_of(family, architecture)
            assert np.isfinite(list(found.values())).all(), (str(architecture), found)
    assert compiled == []


def peer() -> tuple[torch.nn.Module, torch.Tensor, torch.Tensor]:
    """The PyTorch network of `ARCHITECTURE` in float64, its images and labels."""
    model = initial_network(ARCHITECTURE, NETWORK, 0).double()
    for module in model.modules():
        if isinstance(module, torch.nn.ReLU):
            module.inplace = False
    pixels = to_torch(batch()).double().requires_grad_()
    return model, pixels, torch.tensor(batch().labels.astype(np.int64))


def std() -> torch.Tensor:
    """What PyTorch's images are divided by."""
    return torch.tensor(np.asarray(batch().std, np.float64))[:, None, None]


def without_normalisation(model: torch.nn.Module) -> torch.nn.Module:
    """Absolute weights, and nothing where a normalisation was."""
    for module in list(model.modules()):
        if isinstance(module, torch.nn.ReLU):
            module.inplace = False
        for name, child in list(module.named_children()):
            if isinstance(child, torch.nn.BatchNorm2d):
                setattr(module, name, torch.nn.Identity())
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.abs_()
    return model


def products(outputs, parameters, vectors, **options):
    """Gradients of the outputs' product with vectors, zeros where there is none."""
    got = torch.autograd.grad(
        outputs, parameters, vectors, retain_graph=True, allow_unused=True, **options
    )
    return [torch.zeros_like(p) if g is None else g for p, g in zip(parameters, got, strict=True)]
