"""Reading PyTorch weights: every layout that checkpoints come in, and what is refused."""

import io
import pickle
from collections import OrderedDict
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import jax
import numpy as np
import pytest
import torch

from ntknas.errors import InputError
from ntknas.images import DATASETS
from ntknas.layers import Norm
from ntknas.network import Network, load_torch_weights
from ntknas.spaces.nasbench201 import Architecture
from tests.network.reference import MEAN, STD, Normalised, to_torch, torch_network
from tests.tolerances import TOLERANCES

# 1x1 and 3x3 convolutions, pooling, a skip connection and no edge at all.
ARCH = Architecture.from_code("324130")
OTHER_MEAN, OTHER_STD = (0.5, 0.4, 0.3), (0.25, 0.2, 0.3)


@cache
def network():
    return torch_network(ARCH, channels=4, cells=2, classes=10).eval()


def state() -> OrderedDict:
    return OrderedDict((name, tensor.clone()) for name, tensor in network().state_dict().items())


class Normaliser(torch.nn.Module):
    """Mean and std as buffers [3, 1, 1], as in the released checkpoints."""

    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.tensor(OTHER_MEAN).view(3, 1, 1))
        self.register_buffer("std", torch.tensor(OTHER_STD).view(3, 1, 1))


def assert_same_weights(loaded, mean=MEAN, std=STD):
    plain = load_torch_weights(state(), ARCH)
    spec = loaded.spec
    assert (spec.channels, spec.cells, spec.classes, spec.norm) == (4, 2, 10, Norm.FROZEN)
    np.testing.assert_allclose((spec.mean, spec.std), (mean, std), rtol=1e-6)
    jax.tree.map(np.testing.assert_array_equal, loaded.variables, plain.variables)


def released_state():
    return torch.nn.Sequential(Normaliser(), network()).state_dict()


def inside_state():
    return {
        **state(),
        "normalizer.mean": torch.tensor(OTHER_MEAN).view(3, 1, 1),
        "normalizer.std": torch.tensor(OTHER_STD).view(3, 1, 1),
    }


LAYOUTS = {
    "sequential": released_state,
    "lightning": lambda: {
        "epoch": 50,
        "state_dict": {f"model.{name}": a for name, a in released_state().items()},
    },
    "normaliser inside": inside_state,
    "normaliser inside, prefix": lambda: {f"model.{n}": a for n, a in inside_state().items()},
}


def test_plain_state_dict_and_numpy_arrays():
    assert_same_weights(load_torch_weights(state(), ARCH))
    arrays = {name: tensor.numpy() for name, tensor in state().items()}
    assert_same_weights(load_torch_weights(arrays, ARCH))


def test_parameters_that_require_gradients():
    names = dict(network().named_parameters()) | dict(network().named_buffers())
    assert_same_weights(load_torch_weights(names, ARCH))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_with_a_normaliser(layout):
    assert_same_weights(load_torch_weights(LAYOUTS[layout](), ARCH), OTHER_MEAN, OTHER_STD)


@pytest.mark.parametrize("zipped", [True, False])
def test_files(tmp_path, zipped):
    path = tmp_path / "weights.pth"
    torch.save(LAYOUTS["lightning"](), path, _use_new_zipfile_serialization=zipped)
    assert_same_weights(load_torch_weights(path, ARCH), OTHER_MEAN, OTHER_STD)
    assert_same_weights(load_torch_weights(str(path), ARCH), OTHER_MEAN, OTHER_STD)


def test_forward_pass_equals_pytorch(float64):
    images = np.random.default_rng(0).uniform(size=(3, 16, 16, 3))
    oracle = Normalised(torch_network(ARCH, channels=4, cells=2, dtype=torch.float64).eval())
    loaded = load_torch_weights(oracle.network.state_dict(), ARCH)
    apply = jax.jit(Network(loaded.spec).apply, static_argnums=2)
    logits = apply(loaded.variables, jax.numpy.asarray(images), ARCH.ops)
    expected = oracle(to_torch(images, torch.float64)).detach().numpy()
    np.testing.assert_allclose(logits, expected, **TOLERANCES["float64"])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_widened(dtype):
    halved = {n: a.to(dtype) if a.is_floating_point() else a for n, a in state().items()}
    variables = load_torch_weights(halved, ARCH).variables
    assert {leaf.dtype for leaf in jax.tree.leaves(variables)} == {np.dtype(np.float32)}


EDGE = "cells.0.layers.0.op.1.weight"  # of a 3x3 convolution


def without(name):
    return {n: a for n, a in state().items() if n != name}


def changed(name, tensor):
    return {**state(), name: tensor}


BAD = {
    "missing edge": (lambda: without(EDGE), f"1 missing \\({EDGE}\\)"),
    "missing norm": (lambda: without("lastact.0.running_var"), "1 missing"),
    "missing stem": (lambda: without("stem.0.weight"), "missing entry stem.0.weight"),
    "missing classifier": (lambda: without("classifier.weight"), "classifier.weight"),
    "missing reduction": (lambda: without("cells.2.conv_a.op.1.weight"), "reduction"),
    "extra": (lambda: changed("head.weight", torch.ones(2)), "1 unexpected \\(head.weight\\)"),
    "extra outside": (
        lambda: {**{f"model.{n}": a for n, a in state().items()}, "ema": torch.ones(2)},
        "unexpected entry ema",
    ),
    "odd reduction": (lambda: changed("conv_a.op.1.weight", torch.ones(2)), "conv_a.op.1.weight"),
    "odd number": (lambda: changed("cells.x.conv_a.op.1.weight", torch.ones(2)), "unexpected"),
    "shape": (lambda: changed(EDGE, torch.ones(4, 4, 1, 1)), r"shape \(4, 4, 3, 3\)"),
    "scalar stem": (lambda: changed("stem.0.weight", torch.tensor(1.0)), "stem.0.weight"),
    "scalar classifier": (
        lambda: changed("classifier.weight", torch.tensor(1.0)),
        "classifier.weight",
    ),
    "empty stem": (lambda: changed("stem.0.weight", torch.ones(0, 3, 3, 3)), "at least 1"),
    "nan": (lambda: changed(EDGE, torch.full((4, 4, 3, 3), torch.nan)), "finite"),
    "infinite statistics": (
        lambda: changed("stem.1.running_var", torch.full((4,), torch.inf)),
        "finite",
    ),
    "negative variance": (
        lambda: changed("stem.1.running_var", torch.full((4,), -1.0)),
        "running_var: expected variances",
    ),
    "text": (lambda: changed(EDGE, "weights"), "numbers"),
    "nested": (lambda: changed(EDGE, {"a": 1}), "numbers"),
    "ragged": (lambda: changed(EDGE, [[1.0], [1.0, 2.0]]), "numbers"),
    "complex": (lambda: changed(EDGE, torch.ones(4, 4, 3, 3, dtype=torch.complex64)), "numbers"),
    "normaliser shape": (lambda: changed("normalizer.mean", torch.ones(4)), "normalizer.mean"),
    "normaliser nan": (lambda: changed("n.mean", torch.full((3,), torch.nan)), "mean"),
    "half a normaliser": (lambda: changed("n.std", torch.ones(3)), "got only std"),
    "normaliser zero": (
        lambda: changed("n.std", torch.zeros(3)) | {"n.mean": torch.zeros(3)},
        "std must be positive",
    ),
    "two networks": (
        lambda: {f"{p}.{n}": a for n, a in state().items() for p in "ab"},
        "expected one entry",
    ),
    "empty": (dict, "expected one entry"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_entries_are_one_clear_line(case):
    make, message = BAD[case]
    with pytest.raises(InputError, match=message) as caught:
        load_torch_weights(make(), ARCH)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("code", ["124130", "333333", "000000"])
def test_wrong_architecture(code):
    with pytest.raises(InputError, match="does not fit"):
        load_torch_weights(state(), Architecture.from_code(code))


def saved(value, **options) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer, **options)
    return buffer.getvalue()


def cut(fraction, zipped):
    content = saved(state(), _use_new_zipfile_serialization=zipped)
    return content[: int(len(content) * fraction)]


FILES: dict[str, Callable[[], bytes]] = {
    **{
        f"cut at {f}{' zip' if z else ''}": partial(cut, f, z)
        for f in (0.0, 0.001, 0.01, 0.1, 0.5, 0.9, 0.999)
        for z in (True, False)
    },
    "html": lambda: b"<!DOCTYPE html><html><body>Quota exceeded</body></html>",
    "short": lambda: b"\x80",
    "noise": lambda: np.random.default_rng(0).bytes(5000),
    "zip of something else": lambda: b"PK\x03\x04" + bytes(100),
    "pickle": lambda: pickle.dumps({"classifier.weight": [1.0]}, protocol=2),
    "pickle of a class": lambda: pickle.dumps(Normaliser, protocol=2),
    "tensor": lambda: saved(torch.ones(3)),
    "numbered": lambda: saved({0: torch.ones(2)}),
    "list": lambda: saved([1, 2, 3]),
    "module": lambda: saved(torch.nn.Linear(2, 2)),
    "other network": lambda: saved(torch.nn.Linear(2, 2).state_dict()),
}


@pytest.mark.parametrize("case", FILES)
def test_bad_files_are_one_clear_line(case, tmp_path):
    path = tmp_path / "weights.pth"
    path.write_bytes(FILES[case]())
    with pytest.raises(InputError) as caught:
        load_torch_weights(path, ARCH)
    assert "\n" not in str(caught.value)


def test_missing_file_and_folder(tmp_path):
    for path in (tmp_path / "none.pth", tmp_path):
        with pytest.raises(InputError, match="no checkpoint at"):
            load_torch_weights(path, ARCH)


def test_loading_never_runs_code(tmp_path):
    target = tmp_path / "executed"

    class Payload:
        def __reduce__(self):
            return (open, (str(target), "w"))

    path = tmp_path / "weights.pth"
    path.write_bytes(saved({"classifier.weight": Payload()}))
    with pytest.raises(InputError):
        load_torch_weights(path, ARCH)
    assert not target.exists()


def of_classes(classes):
    return torch_network(ARCH, channels=4, cells=1, classes=classes).state_dict()


@pytest.mark.parametrize("classes", [10, 100, 120])
def test_without_a_normaliser_the_number_of_classes_chooses_it(classes):
    loaded = load_torch_weights(of_classes(classes), ARCH)
    info = next(info for info in DATASETS.values() if info.classes == classes)
    assert (loaded.spec.mean, loaded.spec.std) == (info.mean, info.std)
    assert loaded.normaliser == info.name


def test_a_normaliser_can_be_given_and_is_recorded():
    given: dict[str, Any] = {"mean": OTHER_MEAN, "std": np.array(OTHER_STD)}
    for source in (of_classes(12), released_state()):
        loaded = load_torch_weights(source, ARCH, **given)
        assert (loaded.spec.mean, loaded.spec.std) == (OTHER_MEAN, OTHER_STD)
        assert loaded.normaliser == "given"
    assert load_torch_weights(released_state(), ARCH).normaliser == "of the checkpoint"
    renamed = {
        name.replace("0.mean", "0.mu").replace("0.std", "0.sigma"): value
        for name, value in released_state().items()
    }
    assert {"0.mu", "0.sigma"} <= set(renamed)
    assert_same_weights(load_torch_weights(renamed, ARCH), OTHER_MEAN, OTHER_STD)


@pytest.mark.parametrize("key", ["model", "net", "state_dict", 0, "2"])
def test_a_state_dict_below_a_key(key):
    assert_same_weights(load_torch_weights({key: state()}, ARCH))
    assert_same_weights(load_torch_weights({"state_dict": {key: state()}, "epoch": 3}, ARCH))


def test_a_seed_is_chosen_among_several():
    other = {name: 2 * value for name, value in state().items()}
    several = {0: other, 1: state()}
    assert_same_weights(load_torch_weights(several, ARCH, seed=1))
    with pytest.raises(InputError, match="choose a seed of the checkpoint: 0, 1"):
        load_torch_weights(several, ARCH)
    with pytest.raises(InputError, match="expected a seed of the checkpoint: 0, 1; got 7"):
        load_torch_weights(several, ARCH, seed=7)
    with pytest.raises(InputError, match="got one without, and seed 1"):
        load_torch_weights(state(), ARCH, seed=1)


def test_the_architecture_by_id_or_string():
    for name in (ARCH.id, str(ARCH.id), ARCH.string, f"code:{ARCH.code}"):
        assert_same_weights(load_torch_weights(state(), name))
    with pytest.raises(InputError, match="expected one architecture, got 2"):
        load_torch_weights(state(), "0,5")


@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        (None, {}, "expected the path of a checkpoint or a state_dict, got NoneType"),
        (3, {}, "got int"),
        (state, {}, "got function"),
        (of_classes(12), {}, "no data set is known with 12 classes: give mean and std"),
        (of_classes(10), {"mean": (0.5, 0.5, 0.5)}, "expected mean and std together"),
        (of_classes(10), {"mean": 0.5, "std": 0.5}, "expected three numbers"),
        (of_classes(10), {"mean": "no", "std": (1, 1, 1)}, "expected three numbers"),
    ],
)
def test_bad_arguments_are_one_line(source, options: dict[str, Any], message):
    with pytest.raises(InputError, match=message):
        load_torch_weights(source, ARCH, **options)
