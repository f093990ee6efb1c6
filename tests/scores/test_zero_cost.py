"""Zero-cost proxies against PyTorch's autograd and hooks, and against their own laws."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from scipy.sparse.linalg import LinearOperator, eigsh
from torch.nn import functional

import ntknas
from benchmarks.peers.torch_loop import to_torch
from benchmarks.peers.weights import initial_network, network_of
from ntknas.engine import ScoringSpec
from ntknas.engine.program import seed_inputs
from ntknas.images import load_images, scoring_batch
from ntknas.kernel import Batch
from ntknas.network import Network, NetworkSpec, Norm, initial_variables
from ntknas.scores import ZERO_COST_SCORES, zero_cost, zero_cost_inputs, zero_cost_scores

NETWORK = NetworkSpec(channels=3, cells=1)
SPEC = ScoringSpec(batch_size=5, kernels=(Batch.CLEAN,), network=NETWORK)
# Both convolutions, a pool, a skip, and a convolution that leads nowhere.
ARCHITECTURE = ntknas.Architecture.from_code("324130")
LAYERS = (torch.nn.Conv2d, torch.nn.Linear)


@pytest.fixture(scope="module")
def batch():
    return scoring_batch(load_images(), SPEC.batch_size, seed=0)


def inputs_of(batch):
    variables, images, labels, _ = seed_inputs(SPEC, batch, 0)
    return zero_cost_inputs(NETWORK, variables, images, labels, 0)


@pytest.fixture(scope="module")
def in_double(batch):
    """Every proxy's raw value in float64."""
    with jax.enable_x64(True):
        inputs, ops = inputs_of(batch), jnp.asarray(ARCHITECTURE.ops)
        found = zero_cost._in_float32(NETWORK, ops, inputs)
        found |= zero_cost._in_float64(NETWORK, ops, inputs)
        return {name: np.asarray(value) for name, value in found.items()}


@pytest.fixture
def peer(batch):
    """The PyTorch network in float64, its images and labels."""
    model = initial_network(ARCHITECTURE, NETWORK, 0).double()
    for module in model.modules():
        if isinstance(module, torch.nn.ReLU):
            module.inplace = False
    pixels = to_torch(batch).double().requires_grad_()
    return model, pixels, torch.tensor(batch.labels.astype(np.int64))


def gradients_of_loss(model, pixels, labels, parameters):
    """Those parameters that the loss depends on, and its gradients, which can be differentiated."""
    loss = functional.cross_entropy(model(pixels)[1], labels)
    found = torch.autograd.grad(loss, parameters, create_graph=True, allow_unused=True)
    pairs = [(p, g) for p, g in zip(parameters, found, strict=True) if g is not None]
    return [p for p, _ in pairs], [g for _, g in pairs]


def products(outputs, parameters, vectors):
    """Gradients of the outputs' product with vectors, zeros where there is none."""
    found = torch.autograd.grad(outputs, parameters, vectors, retain_graph=True, allow_unused=True)
    return [torch.zeros_like(p) if f is None else f for p, f in zip(parameters, found, strict=True)]


def test_gradients_of_the_loss(in_double, peer):
    model = peer[0]
    layers = [module.weight for module in model.modules() if isinstance(module, LAYERS)]
    weights, gradients = gradients_of_loss(*peer, layers)
    norms = [float(g.norm()) for g in gradients]
    assert in_double["grad_norm"] == pytest.approx(sum(norms))
    parts = [float((w * g).abs().sum()) for w, g in zip(weights, gradients, strict=True)]
    assert in_double["snip"] == pytest.approx(sum(parts))
    # GraSP's gradient is that by all parameters; its product with the Hessian counts at weights.
    every, of_every = gradients_of_loss(*peer, list(model.parameters()))
    hg = products(of_every, every, [g.detach() for g in of_every])
    chosen = {id(w) for w in weights}
    parts = [float((p * h).sum()) for p, h in zip(every, hg, strict=True) if id(p) in chosen]
    assert in_double["grasp"] == pytest.approx(-sum(parts), rel=1e-6)


def test_hessian_is_its_eigenvalue_of_largest_magnitude(in_double, peer):
    parameters, gradients = gradients_of_loss(*peer, list(peer[0].parameters()))
    flat = torch.cat([g.reshape(-1) for g in gradients])

    def product(v):
        rows = products(flat, parameters, torch.tensor(v).reshape(-1))
        return torch.cat([row.reshape(-1) for row in rows]).numpy()

    operator = LinearOperator((len(flat), len(flat)), matvec=product, dtype=np.float64)
    (expected,) = eigsh(operator, k=1, which="LM", return_eigenvectors=False)
    assert in_double["hessian"] == pytest.approx(expected, rel=0.05)  # twenty power iterations
    assert abs(in_double["hessian"]) <= abs(expected) * (1 + 1e-9)


def test_input_gradients(in_double, peer, batch):
    model, pixels, _ = peer
    std = torch.tensor(np.asarray(batch.std, np.float64))[:, None, None]
    logits = model(pixels)[1]
    rows = [products(logits[:, k].sum(), [pixels], None)[0] / std for k in range(10)]
    jacobian = torch.stack([row.reshape(len(pixels), -1) for row in rows]).numpy()
    expected = np.sqrt((jacobian**2).sum((0, 2))).mean()
    assert in_double["jacobian_norm"] == pytest.approx(expected)
    # Pixels come in another order here, which correlations over pixels do not see.
    np.testing.assert_allclose(in_double["jacob_cov"], np.corrcoef(jacobian.sum(0)), rtol=1e-8)


def test_activations(in_double, peer):
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
    assert in_double["fisher"] == pytest.approx(fisher)
    expected = sum(c @ c.T + (1 - c) @ (1 - c).T for c in active)
    np.testing.assert_array_equal(in_double["naswot"], expected.numpy())


def own_part(own, every):
    """Entries of a tree of all operations where a tree of some has one."""
    return {
        name: own_part(value, every[name]) if isinstance(value, dict) else np.asarray(every[name])
        for name, value in own.items()
    }


def test_zen_score(in_double, batch):
    with jax.enable_x64(True):
        inputs = inputs_of(batch)
        x, change = np.asarray(jax.random.normal(inputs.key, (2, *batch.pixels.shape)))
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
    assert in_double["zen"] == pytest.approx(difference, rel=1e-3)
    assert in_double["zen_scale"] == pytest.approx(np.log(first).sum() / 2, rel=1e-4)


def test_synflow_is_conserved_by_every_layer_of_a_chain(batch):
    """Tanaka et al., theorem 1: the flow through each layer is the output, biases apart."""
    chain = ntknas.Architecture.from_code("000300")  # one 3x3 convolution a cell
    with jax.enable_x64(True):
        inputs = inputs_of(batch)
        params = jax.tree.map(abs, inputs.variables["params"])
        one = jnp.asarray(NETWORK.mean) + jnp.asarray(NETWORK.std)
        module = Network(replace(NETWORK, norm=Norm.NONE))
        image = jnp.broadcast_to(one, (1, 32, 32, 3))
        output = float(module.apply({"params": params}, image, jnp.asarray(chain.ops)).sum())
        output -= float(params["classifier"]["bias"].sum())
        found = zero_cost._in_float64(NETWORK, jnp.asarray(chain.ops), inputs)["synflow"]
    # Stem, cells and classifier pass on all of it; two reductions do twice in one branch of two.
    layers = 2 + 3 * NETWORK.cells
    assert (layers + 2) * output < float(found) < (layers + 4) * output


def test_a_network_agrees_with_itself_wherever_it_is_alive(batch, monkeypatch):
    """CRoZe without perturbation: every cosine is 1, or 0 where there is nothing."""
    monkeypatch.setattr(zero_cost, "_CROZE_STEP", 0.0)
    monkeypatch.setattr(zero_cost, "_CROZE_RHO", 0.0)
    # A function of another identity is another program.
    program = jax.jit(zero_cost._in_float64.__wrapped__, static_argnums=0)
    with jax.enable_x64(True):
        found = float(program(NETWORK, jnp.asarray(ARCHITECTURE.ops), inputs_of(batch))["croze"])
    c = NETWORK.channels
    features = [32 * 32 * c, 16 * 16 * 2 * c, 8 * 8 * 4 * c, 8 * 8 * 4 * c, 4 * c]

    def layer(inputs, after):
        return 2 * inputs * inputs * 2 * features[after]

    # One cell a stage: all of its layers are held against what comes behind it. Of the edges
    # 3x3 (0-1), 1x1 (0-2), 3x3 (1-3), all alive.
    expected = layer(9 * 3, 0) + layer(4 * c, 4)
    for stage in range(3):
        width = c * 2**stage
        expected += 2 * layer(9 * width, stage + 1) + layer(width, stage + 1)
        if stage < 2:
            expected += layer(9 * width, stage + 1) + layer(18 * width, stage + 1)
            expected += layer(width, stage + 1)
    assert found == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize("code", ["324130", "444444", "000000"])
def test_every_proxy_is_a_number(batch, code):
    ops = jnp.asarray(ntknas.Architecture.from_code(code).ops)
    found = zero_cost_scores(NETWORK, ops, inputs_of(batch))
    assert tuple(found) == ZERO_COST_SCORES
    if code != "000000":  # its outputs do not depend on its inputs
        assert np.isfinite(list(found.values())).all(), found
