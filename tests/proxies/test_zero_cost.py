"""Zero-cost proxies against PyTorch's autograd and hooks, and against their own laws.

All in float64 and with one small network, so that each of the two programs is compiled once.
"""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from ntknas.proxies.synaptic import CROZE_RHO, CROZE_STEP
from scipy.sparse.linalg import LinearOperator, eigsh
from torch.nn import functional

from benchmarks.peers.torch_loop import to_torch
from benchmarks.peers.weights import initial_network, network_of
from ntknas.engine import seed_inputs
from ntknas.images import load_images, scoring_batch
from ntknas.kernel import Batch
from ntknas.layers import Norm
from ntknas.network import Network, NetworkSpec, initial_variables
from ntknas.proxies import proxy_inputs, proxy_scores
from ntknas.runs import ScoringSpec
from ntknas.scores import ZERO_COST_SCORES, zero_cost
from ntknas.spaces.nasbench201 import Architecture
from tests.engine.tiny import programs

NETWORK = NetworkSpec(channels=3, cells=1)
SPEC = ScoringSpec(batch_size=5, batches=(Batch.CLEAN,), network=NETWORK)
# Both convolutions, a pool, a skip, and a convolution that leads nowhere.
ARCHITECTURE = Architecture.from_code("324130")
CHAIN = Architecture.from_code("000300")  # one 3x3 convolution a cell
CONSTANT = [Architecture.from_code(code) for code in ("000000", "300000", "001003")]
LAYERS = (torch.nn.Conv2d, torch.nn.Linear)


@pytest.fixture(scope="module")
def batch():
    return scoring_batch(load_images(), SPEC.batch_size, seed=0)


@pytest.fixture(scope="module")
def inputs(batch):
    with jax.enable_x64(True):
        variables, images, labels, _ = seed_inputs(SPEC, batch, 0)
        return proxy_inputs(NETWORK, variables, images, labels, 0)


def raw(inputs, architecture, step=CROZE_STEP, rho=CROZE_RHO):
    """Every proxy before the host finishes it."""
    with jax.enable_x64(True):
        ops = jnp.asarray(architecture.ops)
        found = zero_cost._with_normalisation(NETWORK, ops, inputs)
        found |= zero_cost._without_normalisation(NETWORK, ops, inputs, step, rho)
        return {name: np.asarray(value) for name, value in found.items()}


def finished(inputs, architecture):
    with jax.enable_x64(True):
        return proxy_scores(NETWORK, jnp.asarray(architecture.ops), inputs)


@pytest.fixture(scope="module")
def found(inputs):
    return raw(inputs, ARCHITECTURE)


@pytest.fixture(scope="module")
def scores(inputs):
    return finished(inputs, ARCHITECTURE)


@pytest.fixture
def peer(batch):
    """The PyTorch network in float64, its images and labels."""
    model = initial_network(ARCHITECTURE, NETWORK, 0).double()
    for module in model.modules():
        if isinstance(module, torch.nn.ReLU):
            module.inplace = False
    pixels = to_torch(batch).double().requires_grad_()
    return model, pixels, torch.tensor(batch.labels.astype(np.int64))


def without_normalisation(model):
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


def test_gradients_of_the_loss(found, peer):
    model, pixels, labels = peer
    weights = [module.weight for module in model.modules() if isinstance(module, LAYERS)]
    loss = functional.cross_entropy(model(pixels)[1], labels)
    gradients = products(loss, weights, None, create_graph=True)
    assert found["grad_norm"] == pytest.approx(sum(float(g.detach().norm()) for g in gradients))
    parts = [float((w * g).abs().sum()) for w, g in zip(weights, gradients, strict=True)]
    assert found["snip"] == pytest.approx(sum(parts))
    alive = [g for g in gradients if g.requires_grad]
    hg = products(alive, weights, [g.detach() for g in alive])
    parts = [float((w * h).sum()) for w, h in zip(weights, hg, strict=True)]
    assert found["grasp"] == pytest.approx(-sum(parts), rel=1e-6)


def test_hessian_is_the_largest_eigenvalue_by_the_images(scores, peer, batch):
    model, pixels, labels = peer
    std = torch.tensor(np.asarray(batch.std, np.float64))[:, None, None]
    loss = functional.cross_entropy(model(pixels)[1], labels)
    (gradient,) = torch.autograd.grad(loss, pixels, create_graph=True)

    def product(v):
        vector = torch.tensor(v.reshape(pixels.shape)) / std
        return (products(gradient, [pixels], vector)[0] / std).reshape(-1).numpy()

    operator = LinearOperator((pixels.numel(),) * 2, matvec=product, dtype=np.float64)
    (expected,) = eigsh(operator, k=1, which="LA", return_eigenvectors=False)
    assert scores["hessian"] == pytest.approx(expected, rel=0.05)  # ten steps of Lanczos
    assert scores["hessian"] <= expected * (1 + 1e-9)


def test_input_gradients(found, scores, peer, batch):
    model, pixels, _ = peer
    std = torch.tensor(np.asarray(batch.std, np.float64))[:, None, None]
    logits = model(pixels)[1]
    rows = [products(logits[:, k].sum(), [pixels], None)[0] / std for k in range(10)]
    jacobian = torch.stack([row.reshape(len(pixels), -1) for row in rows]).numpy()
    expected = np.sqrt((jacobian**2).sum((0, 2))).mean()
    assert found["jacobian_norm"] == pytest.approx(expected)
    # Pixels come in another order here, which correlations over pixels do not see.
    values = np.linalg.eigvalsh(np.corrcoef(jacobian.sum(0))) + 1e-5
    assert scores["jacob_cov"] == pytest.approx(-(np.log(values) + 1 / values).sum(), rel=1e-6)


def test_activations(found, scores, peer):
    model, pixels, labels = peer
    outputs, active = [], []

    def keep(module, taken, output):
        output.retain_grad()
        outputs.append(output)

    for module in model.modules():
        if isinstance(module, LAYERS):
            module.register_forward_hook(keep)
        if isinstance(module, torch.nn.ReLU):
            module.register_forward_hook(
                lambda module, taken, output: active.append((output > 0).double().flatten(1))
            )
    functional.cross_entropy(model(pixels)[1], labels).backward()
    fisher = 0.0
    for output in outputs:
        if output.grad is not None:
            of_channels = (output * output.grad).reshape(*output.shape[:2], -1).sum(-1)
            fisher += float(of_channels.square().mean(0).sum() / 2)
    assert found["fisher"] == pytest.approx(fisher)
    expected = sum(c @ c.T + (1 - c) @ (1 - c).T for c in active).numpy()
    np.testing.assert_array_equal(found["naswot"], expected)
    assert scores["naswot"] == pytest.approx(np.linalg.slogdet(expected)[1])


def own_part(own, every):
    """Entries of a tree of all operations where a tree of some has one."""
    return {
        name: own_part(value, every[name]) if isinstance(value, dict) else np.asarray(every[name])
        for name, value in own.items()
    }


def test_zen_score(found, inputs, batch):
    with jax.enable_x64(True):
        key = jax.random.split(inputs.key)[0]
        x, change = np.asarray(jax.random.normal(key, (2, *batch.pixels.shape)))
    own = initial_variables(replace(NETWORK, norm=Norm.FROZEN), 0, ARCHITECTURE.ops)
    own["params"] = own_part(own["params"], inputs.gaussian)
    model = network_of(ARCHITECTURE, NETWORK, own).double()
    variances, features = [], []
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.register_forward_hook(
                lambda module, taken, output: variances.append(
                    float(taken[0].var((0, 2, 3), unbiased=False).mean())
                )
            )
    model.lastact.register_forward_hook(lambda module, taken, output: features.append(output))
    for images in (x, x + 0.01 * change):
        model(torch.tensor(images).permute(0, 3, 1, 2))
    difference = float((features[0] - features[1]).abs().sum((1, 2, 3)).mean())
    first = variances[: len(variances) // 2]
    # PyTorch's weights are rounded to float32.
    assert found["zen"] == pytest.approx(difference, rel=1e-3)
    assert found["zen_scale"] == pytest.approx(np.log(first).sum() / 2, rel=1e-4)


def test_synflow(found, scores, peer):
    model, pixels, _ = peer
    model = without_normalisation(model)
    model(torch.ones_like(pixels[:1]))[1].sum().backward()
    weights = [module.weight for module in model.modules() if isinstance(module, LAYERS)]
    expected = sum(float((w * w.grad).sum()) for w in weights if w.grad is not None)
    assert found["synflow"] == pytest.approx(expected)
    assert scores["synflow"] == pytest.approx(np.log(expected))


def test_synflow_is_conserved_by_every_layer_of_a_chain(inputs):
    """Tanaka et al.: the flow through each cut of the network is the output, biases apart."""
    flow = raw(inputs, CHAIN)["synflow"]
    with jax.enable_x64(True):
        params = jax.tree.map(abs, inputs.variables["params"])
        one = jnp.asarray(NETWORK.mean) + jnp.asarray(NETWORK.std)
        image = jnp.broadcast_to(one, (1, 32, 32, 3))
        network = Network(replace(NETWORK, norm=Norm.NONE))
        output = float(network.apply({"params": params}, image, CHAIN.ops).sum())
        output -= float(params["classifier"]["bias"].sum())
    # Stem, cells and classifier pass on all of it; of each reduction's two branches one has two
    # layers, the other one, so what passes counts between once and twice.
    layers = 2 + 3 * NETWORK.cells
    assert (layers + 2) * output < flow < (layers + 4) * output


def cosine(a, b):
    return functional.cosine_similarity(a.detach(), b.detach(), dim=0)


def test_croze(found, peer, batch):
    model, _, labels = peer
    clean = without_normalisation(model)
    robust = without_normalisation(initial_network(ARCHITECTURE, NETWORK, 0).double())
    mean, std = (
        torch.tensor(np.asarray(v, np.float64))[:, None, None] for v in (batch.mean, batch.std)
    )
    pixels = torch.tensor(batch.pixels, dtype=torch.float64).permute(0, 3, 1, 2)
    features: dict = {clean: [], robust: []}
    for network in features:
        stages = [network.stem, network.cells[1], network.cells[3], network.cells[4]]
        for stage in (*stages, network.global_pooling):
            stage.register_forward_hook(
                lambda module, taken, output, kept=features[network]: kept.append(output)
            )

    def loss_of(network, images):
        network.zero_grad()
        features[network].clear()
        loss = functional.cross_entropy(network((images - mean) / std)[1], labels)
        loss.backward()

    loss_of(clean, pixels)
    pairs = list(zip(clean.modules(), robust.modules(), strict=True))
    for a, b in pairs:
        if isinstance(a, LAYERS) and a.weight.grad is not None:
            length = max(float(a.weight.grad.norm()), 1e-30)
            b.weight.data += 2 * a.weight.grad * a.weight.norm() / length
    pixels.requires_grad_()
    loss_of(robust, pixels)
    attacked = (pixels + 0.01 * pixels.grad.sign()).clamp(0, 1).detach()
    loss_of(robust, attacked)
    of_features = [
        float((1 + cosine(a, b)).sum())
        for a, b in zip(features[clean], features[robust], strict=True)
    ]
    # With one cell a stage everything up to a reduction's end is held against what it gives.
    place, expected = 0, 0.0
    homes = [clean.stem, clean.cells[:2], clean.cells[2:4], clean.cells[4:], clean.classifier]
    twin = dict(pairs)
    for place, home in enumerate(homes):
        for layer in home.modules():
            if isinstance(layer, LAYERS) and layer.weight.grad is not None:
                other = twin[layer]
                of_weights = float((1 + cosine(layer.weight, other.weight)).sum())
                of_gradients = float(cosine(layer.weight.grad, other.weight.grad).abs().sum())
                expected += of_weights * of_gradients * of_features[place]
    assert found["croze"] == pytest.approx(expected, rel=1e-5)


def test_a_network_agrees_with_itself_wherever_it_is_alive(inputs):
    """CRoZe without perturbation: every cosine is 1, or 0 where there is nothing."""
    found = float(raw(inputs, ARCHITECTURE, step=0.0, rho=0.0)["croze"])
    c = NETWORK.channels
    features = [32 * 32 * c, 16 * 16 * 2 * c, 8 * 8 * 4 * c, 8 * 8 * 4 * c, 4 * c]

    def layer(inputs, after):
        return 2 * inputs * inputs * 2 * features[after]

    # Of the cell's edges 3x3 (0-1), 1x1 (0-2) and 3x3 (1-3) are alive.
    expected = layer(9 * 3, 0) + layer(4 * c, 4)
    for stage in range(3):
        width = c * 2**stage
        expected += 2 * layer(9 * width, stage + 1) + layer(width, stage + 1)
        if stage < 2:
            expected += layer(9 * width, stage + 1) + layer(18 * width, stage + 1)
            expected += layer(width, stage + 1)
    assert found == pytest.approx(expected, rel=0.02)


def test_proxies_that_measure_a_quantity_have_its_sign(scores):
    positive = ("grad_norm", "snip", "fisher", "croze", "jacobian_norm", "hessian")
    assert all(scores[name] > 0 for name in positive)
    assert tuple(scores) == ZERO_COST_SCORES


def test_another_architecture_is_no_other_program(inputs, found, scores):
    with programs() as compiled:
        assert finished(inputs, CHAIN) != scores
    assert compiled == []


@pytest.mark.parametrize("architecture", CONSTANT, ids=str)
def test_constant_networks_have_finite_values_that_are_the_worst(inputs, scores, architecture):
    found = finished(inputs, architecture)
    assert architecture.is_constant
    assert np.isfinite(list(found.values())).all(), found
    for name in ("synflow", "jacob_cov", "naswot"):
        assert found[name] < scores[name]
    # Nothing depends on the image.
    assert found["jacobian_norm"] == 0
    assert found["hessian"] == 0


def test_an_edge_without_an_input_counts_like_none_in_zen_and_synflow(inputs):
    idle = Architecture.from_code("000303")  # the last edge starts from a node that nothing reaches
    with_edge, without = finished(inputs, idle), finished(inputs, CHAIN)
    for name in ("synflow", "zen", "jacobian_norm"):
        assert with_edge[name] == pytest.approx(without[name], rel=1e-12)


def test_overflow_is_a_missing_score(monkeypatch, inputs, found, scores):
    def overflown(*args):
        return found | {"zen_scale": np.inf, "hessian": np.full((2, 3), np.nan)}

    monkeypatch.setattr(zero_cost, "_with_normalisation", overflown)
    rest = finished(inputs, ARCHITECTURE)
    missing = {name for name, value in rest.items() if np.isnan(value)}
    assert missing == {"zen", "hessian"}
    assert rest["snip"] == scores["snip"]
