"""Parameters are told apart from all else that a network holds; what is ambiguous is refused."""

import warnings

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from ntknas.errors import InputError, Remark
from ntknas.kernel import Batch, Logits, kernel_blocks

N, CLASSES = 6, 3
CLEAN = (Batch.CLEAN,)


class Linen(nn.Module):
    """A convolution, batch normalisation and a classifier."""

    running: bool = True

    @nn.compact
    def __call__(self, x):
        """The logits."""
        x = nn.Conv(4, (3, 3))(x)
        x = nn.relu(nn.BatchNorm(use_running_average=self.running)(x))
        return nn.Dense(CLASSES)(x.mean((1, 2)))


class Nnx(nnx.Module):
    """The same network."""

    def __init__(self, rngs: nnx.Rngs):
        self.conv = nnx.Conv(3, 4, (3, 3), rngs=rngs)
        self.norm = nnx.BatchNorm(4, rngs=rngs)
        self.dropout = nnx.Dropout(0.0, rngs=rngs)
        self.dense = nnx.Linear(4, CLASSES, rngs=rngs)

    def __call__(self, x):
        """The logits."""
        x = self.dropout(nnx.relu(self.norm(self.conv(x))))
        return self.dense(x.mean((1, 2)))


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    return rng.uniform(size=(N, 4, 4, 3)).astype(np.float32), np.arange(N) % CLASSES


@pytest.fixture(scope="module")
def variables(data):
    drawn = Linen().init(jax.random.key(0), data[0])
    statistics = {"mean": jnp.full(4, 0.3), "var": jnp.full(4, 2.0)}
    return {**drawn, "batch_stats": {"BatchNorm_0": statistics}}


def plain(variables):
    """The network as a function of its parameters alone."""
    rest = {"batch_stats": variables["batch_stats"]}
    return lambda params, images: Linen().apply({"params": params, **rest}, images)


def linear(weights, images):
    return images.reshape(len(images), -1) @ weights


WEIGHTS = np.random.default_rng(1).normal(size=(48, CLASSES)).astype(np.float32)


@pytest.mark.parametrize(
    "network",
    [
        pytest.param(Linen(), id="module", marks=pytest.mark.slow),
        pytest.param(Linen().apply, id="function"),
    ],
)
def test_running_statistics_are_constants(network, data, variables):
    expected = kernel_blocks(plain(variables), variables["params"], *data)
    found = kernel_blocks(network, variables, *data)
    np.testing.assert_allclose(found.gram, expected.gram, rtol=1e-5, atol=1e-7)
    assert found.parameters == "135 parameters of the collection params; constant: batch_stats"
    assert found.parameters in repr(found)
    assert expected.parameters == "135 parameters"


def test_nnx_modules_and_states(data, variables):
    module = Nnx(nnx.Rngs(0))
    module.eval()
    graph, state = nnx.split(module)
    params = variables["params"]
    for part, name in ((module.conv, "Conv_0"), (module.dense, "Dense_0")):
        part.kernel.value, part.bias.value = params[name]["kernel"], params[name]["bias"]
    module.norm.mean.value, module.norm.var.value = jnp.full(4, 0.3), jnp.full(4, 2.0)
    state = nnx.state(module)
    expected = kernel_blocks(Linen(), variables, *data, batches=CLEAN)
    call = lambda module, images: module(images)  # noqa: E731
    merge = lambda state, images: nnx.merge(graph, state)(images)  # noqa: E731
    for arguments in ((module, None), (call, module), (merge, state)):
        found = kernel_blocks(*arguments, *data, batches=CLEAN)
        np.testing.assert_allclose(found.gram, expected.gram, rtol=1e-4)
        assert found.parameters.startswith("135 parameters of type nnx.Param; constant: ")


def test_a_module_that_is_training_is_coupled_and_stays_as_it_was(data):
    module = Nnx(nnx.Rngs(0))
    before = jax.tree.map(np.asarray, nnx.state(module, nnx.BatchStat))
    assert kernel_blocks(module, None, *data, batches=CLEAN).clean.shape == (N, N)
    after = jax.tree.map(np.asarray, nnx.state(module, nnx.BatchStat))
    jax.tree.map(np.testing.assert_array_equal, before, after)
    with pytest.raises(InputError, match="coupled=False needs images that do not interact"):
        kernel_blocks(module, None, *data, coupled=False)


def test_coupled_images_are_not_taken_for_separate_ones(data, variables):
    def together(params, images):
        network = Linen(running=False)
        rest = {"batch_stats": variables["batch_stats"]}
        return network.apply({"params": params, **rest}, images, mutable=["batch_stats"])[0]

    with pytest.raises(InputError, match=r"differ from those in the batch by \d"):
        kernel_blocks(together, variables["params"], *data, coupled=False)
    assert kernel_blocks(Linen(), variables, *data, coupled=False, batches=CLEAN).num_images == N


BAD = {
    "only statistics": ({"params": {"batch_stats": {"m": WEIGHTS}}}, "collection 'params' beside"),
    "params beside an array": (
        {"params": {"params": WEIGHTS, "scale": WEIGHTS}},
        "got 'params' beside scale: which of them are parameters",
    ),
    "no parameters": ({"params": None}, "expected parameters to differentiate, got none"),
    "NaN": ({"params": np.where(WEIGHTS > 2, np.nan, WEIGHTS)}, "expected finite values, got"),
    "infinite constant": (
        {"params": {"params": WEIGHTS, "batch_stats": {"mean": np.float32(np.inf)}}},
        "constant .*mean.*: expected finite values, got 1 of 1",
    ),
    "integers": ({"params": {"w": np.ones((48, 3), int)}}, r"\['w'\]: expected float32 or float64"),
    "a key": ({"params": {"w": WEIGHTS, "k": jax.random.key(0)}}, r"\['k'\]: .* got key"),
    "bfloat16": ({"params": jnp.asarray(WEIGHTS, jnp.bfloat16)}, "got bfloat16"),
    "a function": ({"params": {"w": WEIGHTS, "f": print}}, r"\['f'\]: expected an array of num"),
    "no network": ({"network": None}, "expected a network"),
    "a tuple": ({"network": lambda w, x: (linear(w, x), x)}, "got a tuple: return the logits"),
    "a dict": ({"network": lambda w, x: {"logits": linear(w, x)}}, "got a dict: return the logits"),
    "one logit": ({"network": lambda w, x: linear(w, x).sum(1)}, r"got \[6\]"),
    "logits in bfloat16": (
        {"network": lambda w, x: linear(w, x).astype(jnp.bfloat16)},
        "logits in float32 or float64, got bfloat16",
    ),
    "truth values": ({"labels": np.arange(N) > 2}, "labels must be whole numbers, got bool"),
    "float labels": ({"labels": np.arange(N) / 2}, "labels must be whole numbers, got float64"),
    "columns": ({"labels": np.zeros((N, 1), int)}, r"expected one label per image, got \[6, 1\]"),
    "a convention by name": ({"logits": "trace"}, r"such as Logits.TRACE, got 'trace'"),
    "a batch by name": ({"batches": "clean"}, "expected a tuple of at least one batch"),
    "an attack by name": ({"attack": "pgd"}, "expected an AttackSpec, got pgd"),
    "a radius in 255ths": ({"rho": 8}, "in pixel units such as 8/255, got 8"),
    "a radius a little above 1": ({"rho": 256 / 255}, "such as 8/255, got 1.00392"),
    "a radius as text": ({"rho": "8/255"}, "rho must be a number such as 8/255"),
    "several radii": ({"rho": [0.1, 0.2]}, r"expected one radius rho, got \[0.1, 0.2\]"),
    "a radius of JAX in 255ths": ({"rho": jnp.float32(8)}, "in pixel units such as 8/255, got 8"),
    "half a seed": ({"seed": 1.5}, "seed must be a whole number, got 1.5"),
    "a seed by name": ({"seed": "a"}, "seed must be a whole number, got a"),
    "a long seed": ({"seed": 2**70}, "seed must be between 0 and 4294967295, got 11805"),
    "one image": ({"images": np.zeros((4, 4, 3), np.float32)}, r"expected images \[n, h, w, c\]"),
    "bytes": ({"images": np.zeros((N, 4, 4, 3), np.uint8)}, "pixels must be float32 or float64"),
    "NaN pixels": ({"images": np.full((N, 4, 4, 3), np.nan)}, "288 of 288 pixel values are NaN"),
}


@pytest.mark.parametrize(("change", "message"), BAD.values(), ids=BAD)
def test_what_cannot_be_used_is_one_line(change, message, data):
    arguments = {"images": data[0], "labels": data[1]} | change
    network, params = arguments.pop("network", linear), arguments.pop("params", WEIGHTS)
    with pytest.raises(InputError, match=message) as caught:
        kernel_blocks(network, params, **arguments)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", [-2.98e-8, float(np.nextafter(np.float32(1), np.float32(2)))])
def test_pixels_outside_by_rounding_are_clipped(value, data):
    images = data[0].copy()
    images[0, 0, 0, 0] = value
    inside = np.clip(images, 0, 1)
    found, expected = (
        kernel_blocks(linear, WEIGHTS, pixels, data[1], batches=CLEAN, logits=Logits.TRACE)
        for pixels in (images, inside)
    )
    np.testing.assert_array_equal(found.gram, expected.gram)
    images[0, 0, 0, 0] = 1.0000101
    with pytest.raises(InputError, match=r"got .* to 1\.0000101"):
        kernel_blocks(linear, WEIGHTS, images, data[1])


def test_a_large_radius_gives_a_remark(data):
    with pytest.warns(Remark, match="rho 0.5 is above 64/255"):
        kernel_blocks(linear, WEIGHTS, *data, rho=0.5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        kernel_blocks(linear, WEIGHTS, *data, rho=64 / 255)
