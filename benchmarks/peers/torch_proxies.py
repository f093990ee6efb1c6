"""The zero-cost proxies in PyTorch, written from their papers, on the network of xautodl.

The definitions, and the sides taken where a released program departs from its paper, are those of
`ntknas.proxies`: the docstring of each family there says which. Each family is one function, which
shares what it can: grad_norm, SNIP, GraSP, Fisher, NASWOT and SWAP come from one forward pass, one
backward pass and one product with the Hessian.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np
import torch
from scipy.linalg import eigvalsh_tridiagonal
from torch import nn
from torch.nn import functional

from benchmarks.peers.torch_loop import to_torch
from benchmarks.peers.weights import initial_network, network_of
from ntknas.engine import seed_inputs
from ntknas.images import ScoringBatch
from ntknas.layers import Norm
from ntknas.network import initial_variables
from ntknas.proxies import ProxyInputs, proxy_inputs
from ntknas.runs import ScoringSpec
from ntknas.spaces.nasbench201 import Architecture, live_operations

__all__ = ["competitor"]

_STEPS = 10  # Lanczos
_LAYERS = (nn.Conv2d, nn.Linear)


class _Setting(NamedTuple):
    """What the seed fixes: images in pixel units, what they are divided by, and random draws."""

    pixels: torch.Tensor  # standardised
    labels: torch.Tensor
    mean: torch.Tensor
    std: torch.Tensor
    start: torch.Tensor  # of Lanczos
    noise: torch.Tensor  # Zen-NAS's images and their change


def competitor(
    spec: ScoringSpec, batch: ScoringBatch
) -> Callable[[tuple[int, str]], Callable[[], dict[str, float]]]:
    """A function from an architecture's id and a family, or "all", to a callable for the scores.

    Args:
        spec: Settings of the run, with statistics of the batch.
        batch: Images of seed 0.
    """
    inner = seed_inputs(spec, batch, 0)
    network = spec.cell_network
    inputs = proxy_inputs(network, inner.variables, inner.images, inner.labels, 0)
    setting = _setting(batch, inputs)

    def prepare(request: tuple[int, str]) -> Callable[[], dict[str, float]]:
        index, family = request
        code = "".join(map(str, live_operations(Architecture.from_id(index))))
        architecture = Architecture.from_code(code)
        variables = initial_variables(replace(network, norm=Norm.FROZEN), 0, architecture.ops)
        variables["params"] = _part(variables["params"], inputs.gaussian)
        make = partial(initial_network, architecture, network, 0)
        models = {
            "gradients": (_plain(make()),),
            "hessian": (_plain(make()),),
            "input_jacobian": (_plain(make()),),
            "zen": (_plain(network_of(architecture, network, variables)),),
            "synflow": (_positive(make()),),
            "croze": (_positive(make()), _positive(make())),
        }
        names = _FAMILIES if family == "all" else (family,)
        calls = [partial(_FAMILIES[name], setting, *models[name]) for name in names]

        def scores() -> dict[str, float]:
            found: dict[str, float] = {}
            for call in calls:
                found |= call()
            return found

        return scores

    return prepare


def _setting(batch: ScoringBatch, inputs: ProxyInputs) -> _Setting:
    """PyTorch's copies of the inputs."""
    noise_key, start_key = jax.random.split(inputs.key)
    n, h, w, c = shape = batch.pixels.shape
    start = np.asarray(jax.random.normal(start_key, (batch.pixels.size,))).reshape(shape)
    noise = np.asarray(jax.random.normal(noise_key, (2, *shape)))
    channel = lambda v: torch.tensor(np.asarray(v, np.float32)).reshape(1, c, 1, 1)  # noqa: E731
    return _Setting(
        to_torch(batch),
        torch.tensor(batch.labels.astype(np.int64)),
        channel(batch.mean),
        channel(batch.std),
        torch.tensor(start.transpose(0, 3, 1, 2).copy()),
        torch.tensor(noise.transpose(0, 1, 4, 2, 3).copy()),
    )


def _part(template: Any, tree: Any) -> Any:
    """Entries of a tree of all operations where a tree of some has one."""
    if not isinstance(template, dict):
        return np.asarray(tree)
    return {name: _part(value, tree[name]) for name, value in template.items()}


def _plain(model: nn.Module) -> nn.Module:
    """The model without ReLUs that overwrite their input, which hooks read."""
    for module in model.modules():
        if isinstance(module, nn.ReLU):
            module.inplace = False
    return model


def _positive(model: nn.Module) -> nn.Module:
    """Absolute weights in float64, and nothing where a normalisation was."""
    for module in list(_plain(model).modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.BatchNorm2d):
                setattr(module, name, nn.Identity())
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.abs_()
    return model.double()


@contextmanager
def _hooks(model: nn.Module, kinds: Any, keep: Callable) -> Iterator[None]:
    """Call `keep(module, inputs, output)` after every module of the kinds."""
    handles = [m.register_forward_hook(keep) for m in model.modules() if isinstance(m, kinds)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _grad(outputs: Any, inputs: Any, vectors: Any = None, **options: Any) -> list[torch.Tensor]:
    """Gradients; None where there is none."""
    return torch.autograd.grad(outputs, inputs, vectors, allow_unused=True, **options)


def gradients(setting: _Setting, model: nn.Module) -> dict[str, float]:
    """grad_norm, SNIP, GraSP, Fisher, NASWOT and SWAP."""
    outputs: list[torch.Tensor] = []
    active: list[torch.Tensor] = []
    with (
        _hooks(model, _LAYERS, lambda module, taken, output: outputs.append(output)),
        _hooks(
            model,
            nn.ReLU,
            lambda module, taken, output: active.append((output.detach() > 0).flatten(1).float()),
        ),
    ):
        loss = functional.cross_entropy(model(setting.pixels)[1], setting.labels)
    weights = [module.weight for module in model.modules() if isinstance(module, _LAYERS)]
    found = _grad(loss, [*weights, *outputs], create_graph=True)
    pairs = [(w, g) for w, g in zip(weights, found[: len(weights)], strict=True) if g is not None]
    product = sum((g * g.detach()).sum() for _, g in pairs)
    hg = torch.autograd.grad(product, [w for w, _ in pairs], materialize_grads=True)
    fisher = 0.0
    for output, g in zip(outputs, found[len(weights) :], strict=True):
        if g is not None:
            of_channels = (output * g).detach().reshape(*output.shape[:2], -1).sum(-1)
            fisher += float(of_channels.square().mean(0).sum() / 2)
    codes = 2.0 ** torch.arange(len(setting.pixels), dtype=torch.float64)  # exact up to 53 images
    kernel = sum(c @ c.T + (1 - c) @ (1 - c).T for c in active).double().numpy()
    return {
        "grad_norm": float(sum(g.detach().norm() for _, g in pairs)),
        "snip": float(sum((w * g).detach().abs().sum() for w, g in pairs)),
        "grasp": -float(sum((w * h).detach().sum() for (w, _), h in zip(pairs, hg, strict=True))),
        "fisher": fisher,
        "naswot": float(np.linalg.slogdet(kernel)[1]),
        "swap": float(len(torch.unique(torch.cat(active, 1).T.double() @ codes))),
    }


def hessian(setting: _Setting, model: nn.Module) -> dict[str, float]:
    """The largest eigenvalue of the loss's Hessian by the pixels, after ten steps of Lanczos."""
    pixels = setting.pixels.clone().requires_grad_()
    loss = functional.cross_entropy(model(pixels)[1], setting.labels)
    (gradient,) = _grad(loss, pixels, create_graph=True)
    if not gradient.requires_grad:
        return {"hessian": 0.0}
    basis = [setting.start.flatten() / setting.start.norm()]
    diagonal, off_diagonal = [], []
    for step in range(_STEPS):
        q = basis[-1].reshape(pixels.shape)
        (product,) = _grad(gradient, pixels, q / setting.std, retain_graph=True)
        image = (product / setting.std).flatten()
        diagonal.append(float(basis[-1] @ image))
        known = torch.stack(basis)
        for _ in range(2):
            image = image - known.T @ (known @ image)
        off_diagonal.append(float(image.norm()))
        if step + 1 < _STEPS:
            basis.append(image / max(off_diagonal[-1], 1e-30))
    return {"hessian": float(eigvalsh_tridiagonal(diagonal, off_diagonal[:-1])[-1])}


def input_jacobian(setting: _Setting, model: nn.Module) -> dict[str, float]:
    """The norm of the Jacobian by the pixels, and how the images' gradients correlate."""
    pixels = setting.pixels.clone().requires_grad_()
    logits = model(pixels)[1].sum(0)
    rows = [_grad(logit, pixels, retain_graph=True)[0] / setting.std for logit in logits]
    jacobian = torch.stack([row.flatten(1) for row in rows])
    # A network whose output does not depend on its input has no correlations.
    correlations = np.nan_to_num(np.corrcoef(jacobian.sum(0).double().numpy()))
    values = np.linalg.eigvalsh(correlations).clip(0) + 1e-5
    return {
        "jacobian_norm": float(jacobian.square().sum((0, 2)).sqrt().mean()),
        "jacob_cov": -float((np.log(values) + 1 / values).sum()),
    }


def zen(setting: _Setting, model: nn.Module) -> dict[str, float]:
    """Zen-NAS."""
    variances: list[torch.Tensor] = []
    features: list[torch.Tensor] = []
    with torch.no_grad(), _hooks(model.lastact, nn.ReLU, lambda m, i, o: features.append(o)):
        image, change = setting.noise
        with _hooks(
            model,
            nn.BatchNorm2d,
            lambda m, i, o: variances.append(i[0].var((0, 2, 3), unbiased=False).mean()),
        ):
            model(image)
        model(image + 0.01 * change)
    difference = (features[0] - features[1]).abs().sum((1, 2, 3)).mean()
    scale = sum(float(v.log()) for v in variances if v > 0) / 2
    return {"zen": float(np.log(float(difference) + 1e-30)) + scale}


def synflow(setting: _Setting, model: nn.Module) -> dict[str, float]:
    """The logarithm of the synaptic flow."""
    one = torch.ones_like(setting.pixels[:1], dtype=torch.float64)
    weights = [module.weight for module in model.modules() if isinstance(module, _LAYERS)]
    found = _grad(model(one)[1].sum(), weights)
    flow = sum(
        float((w.detach() * g).sum()) for w, g in zip(weights, found, strict=True) if g is not None
    )
    return {"synflow": float(np.log(flow + 1e-30))}


def croze(setting: _Setting, clean: nn.Module, robust: nn.Module) -> dict[str, float]:
    """Consistency of features, weights and gradients under perturbation."""
    stds, means = setting.std.double(), setting.mean.double()
    pixels = setting.pixels.double() * stds + means
    features, gradients, weights = {}, {}, {}
    for model in (clean, robust):
        weights[model] = [m.weight for m in model.modules() if isinstance(m, _LAYERS)]

    def run(model: nn.Module, images: torch.Tensor, by: Any) -> list[torch.Tensor]:
        kept: list[torch.Tensor] = []
        cells = sorted(_last_cells(model))
        stages = [model.stem, *(model.cells[i] for i in cells), model.global_pooling]
        handles = [m.register_forward_hook(lambda m, i, o: kept.append(o.detach())) for m in stages]
        loss = functional.cross_entropy(model((images - means) / stds)[1], setting.labels)
        for handle in handles:
            handle.remove()
        features[model] = kept
        return _grad(loss, by)

    gradients[clean] = run(clean, pixels, weights[clean])
    with torch.no_grad():
        for w, v, g in zip(weights[clean], weights[robust], gradients[clean], strict=True):
            step = 0 if g is None else 2 * g * w.norm() / g.norm().clamp(min=1e-30)
            v.copy_(w + step)
    pixels.requires_grad_()
    (ascent,) = run(robust, pixels, [pixels])
    if ascent is None:
        return {"croze": 0.0}
    attacked = (pixels.detach() + 0.01 * ascent.sign()).clamp(0, 1)
    gradients[robust] = run(robust, attacked, weights[robust])
    cosine = partial(functional.cosine_similarity, dim=0)
    consistency = [
        float((1 + cosine(a, b)).sum())
        for a, b in zip(features[clean], features[robust], strict=True)
    ]
    homes = _homes(clean)
    total = 0.0
    pairs = zip(weights[clean], weights[robust], gradients[clean], gradients[robust], strict=True)
    for place, (w, v, g, h) in zip(homes, pairs, strict=True):
        if g is not None and h is not None:
            of_weights = float((1 + cosine(w.detach(), v.detach())).sum())
            total += consistency[place] * of_weights * float(cosine(g, h).abs().sum())
    return {"croze": total}


def _last_cells(model: nn.Module) -> list[int]:
    """Positions of the two reductions and of the last cell."""
    strides = [i for i, cell in enumerate(model.cells) if hasattr(cell, "conv_a")]
    return [*strides, len(model.cells) - 1]


def _homes(model: nn.Module) -> list[int]:
    """For each layer the position of the features that it is held against.

    A layer of a stage has the features that go into the stage. A layer of the stage's last cell or
    of a reduction has those that go into the next stage.
    """
    first, second, last = _last_cells(model)
    homes = {module: 0 for module in model.stem.modules()}
    for i, cell in enumerate(model.cells):
        # The last cell of a stage stands before a reduction, or at the end.
        place = sum(i >= end for end in (first - 1, second - 1, last))
        homes |= dict.fromkeys(cell.modules(), place)
    homes |= dict.fromkeys(model.classifier.modules(), 4)
    return [homes[module] for module in model.modules() if isinstance(module, _LAYERS)]


_FAMILIES: dict[str, Callable[..., dict[str, float]]] = {
    "gradients": gradients,
    "hessian": hessian,
    "input_jacobian": input_jacobian,
    "zen": zen,
    "synflow": synflow,
    "croze": croze,
}
