"""Messages that any process can compute: what they carry, what is refused, what is kept."""

import pickle
import threading
from collections import OrderedDict
from dataclasses import replace

import chex
import numpy as np
import pytest

from ntknas.engine import PROGRAMS, Scorer, tasks
from ntknas.engine.remote import _subset
from ntknas.engine.tasks import (
    Message,
    Session,
    TaskFailed,
    compute_message,
    joint_gram,
    message,
    open_session,
    versions,
)
from ntknas.errors import InputError
from ntknas.images import ImageSet, batch_from_indices, load_images, scoring_batch
from ntknas.kernel import Grams
from ntknas.spaces import NamedNetwork
from ntknas.spaces.nasbench201 import architectures
from tests.engine.tiny import CLEAN, CONSTANT, NOT_REPRESENTATIVE, TINY

FEW = architectures([NOT_REPRESENTATIVE, CONSTANT, 5])


def session_of(spec=CLEAN, seed=0, program: str | None = "branches") -> Session:
    scorer = Scorer(spec)
    batch = scoring_batch(scorer.images, spec.batch_size, seed=seed)
    return Session(scorer.spec, seed, _subset(scorer.images, batch), program)


class MadeUp:
    """A program that computes nothing."""

    launch_size = 2

    def __init__(self, *_, **__):
        pass

    def grams(self, launch):
        ones = np.ones((1, 1, 6, 6), np.float32)
        return [Grams(ones, ones, OrderedDict())] * len(launch)

    def proxies(self, architecture):
        return []

    def counts(self, architecture):
        return {}


def linear(weights, images):
    return images.reshape(len(images), -1) @ weights


@pytest.fixture
def forgotten():
    """The programs of this process; those of earlier tests are forgotten."""
    tasks._recent.clear()
    return tasks._recent


@pytest.mark.parametrize("seed", [0, 1])
def test_the_matrices_are_those_of_a_session_of_all_seeds(seed, forgotten):
    spec = replace(TINY, seeds=2)
    expected = list(Scorer(spec, executor="serial").stream(FEW))
    computed = compute_message(message(session_of(spec, seed), FEW))
    for one, scored in zip(computed, expected, strict=True):
        joint = joint_gram(spec, one.kernels)
        assert joint.gram.shape == (1, 2, 18, 18)
        np.testing.assert_array_equal(joint.gram[0], scored.gram.gram[seed])
        cosines = [gram.of_layer_cosine() for gram in (joint[0], scored.gram[seed])]
        assert cosines[0] is not None
        np.testing.assert_array_equal(cosines[0].gram, cosines[1].gram)
        assert one.counts == scored.counts
        assert one.proxies == []
        assert one.seconds > 0
    assert len(forgotten) == 1


@pytest.mark.parametrize("name", ["branches", "bundles"])
def test_programs_take_seeds(name):
    """A program of the second seed alone has the second seed's inputs."""
    scorer = Scorer(replace(CLEAN, seeds=2))
    whole, alone = (
        PROGRAMS[name](scorer.spec, batches, seeds=seeds)
        for batches, seeds in ((scorer.batches, None), (scorer.batches[1:], [1]))
    )
    (expected, found) = (
        (program if name == "branches" else program._cells).inputs[-1] for program in (whole, alone)
    )
    chex.assert_trees_all_equal(found.variables, expected.variables)
    np.testing.assert_array_equal(found.images, expected.images)
    assert found.key == expected.key


def test_images_of_a_batch_alone_travel_and_give_the_same_batch():
    images = load_images()
    batch = scoring_batch(images, 16, seed=3)
    subset = _subset(images, batch)
    assert len(subset) == 16
    assert subset.pixels.dtype == np.uint8
    again = batch_from_indices(subset, subset.indices)
    for name in ("pixels", "labels", "indices", "mean", "std"):
        np.testing.assert_array_equal(getattr(again, name), getattr(batch, name))
    task = message(Session(Scorer(CLEAN).spec, 3, subset, None), FEW)
    assert len(pickle.dumps(task)) < 16 * 32 * 32 * 3 + 5000


def test_floating_point_images_travel_unchanged():
    images = load_images()
    pixels = (images.pixels / np.float32(255) * np.float32(0.9)).astype(np.float32)
    own = ImageSet("cifar10", pixels, images.labels, images.indices + 7, "ours")
    batch = scoring_batch(own, 6, seed=0)
    subset = _subset(own, batch)
    np.testing.assert_array_equal(batch_from_indices(subset, subset.indices).pixels, batch.pixels)


def test_programs_are_kept_and_the_oldest_is_dropped(forgotten, monkeypatch):
    monkeypatch.setattr(tasks, "_SESSIONS", 2)
    made = []

    class Program(MadeUp):
        def __init__(self, spec, batches, *, seeds):
            made.append(seeds[0])

    monkeypatch.setitem(PROGRAMS._members, "branches", Program)
    for seed in (0, 1, 0, 2, 0, 1):
        host = open_session(message(session_of(seed=seed), FEW))
        assert (host.program, host.launch_size) == ("branches", 2)
    assert made == [0, 1, 2, 1]


def test_what_a_host_says_of_itself():
    host = open_session(message(session_of(program=None), FEW))
    assert host.program == "branches"
    assert host.launch_size == 1
    assert host.launches == tasks.num_threads()
    assert host.device == Scorer(CLEAN).device


@pytest.mark.parametrize("function", [open_session, compute_message])
@pytest.mark.parametrize("name", ["ntknas", "jax", "arithmetic"])
def test_other_versions_are_refused_before_the_body_is_read(function, name):
    strange = Message(versions() | {name: "0.0.9"}, b"not a pickle of this version")
    ours = versions()[name]
    expected = f"^a worker has {name} {ours} instead of 0.0.9: expected the same everywhere$"
    with pytest.raises(InputError, match=expected):
        function(strange)


@pytest.mark.usefixtures("float64")
def test_another_arithmetic_is_a_difference():
    assert versions()["arithmetic"] == "float64"
    sent = message(session_of(), FEW)
    import jax

    jax.config.update("jax_enable_x64", False)
    with pytest.raises(InputError, match="^a worker has arithmetic float32 instead of float64:"):
        compute_message(sent)


def test_own_networks_travel_by_label():
    spec = Scorer(CLEAN).spec
    own = replace(spec, space="networks", network=None, coupled=False, attack_norm=None)
    batch = scoring_batch(load_images(), 4, seed=0)
    session = Session(own, 0, _subset(load_images(), batch), "static")
    weights = np.ones((3072, 10), np.float32)
    (one,) = compute_message(message(session, [NamedNetwork("a")], {"a": _Network(weights)}))
    flat = batch.pixels.reshape(4, -1).astype(np.float64)
    np.testing.assert_allclose(one.kernels.whole[0, 0], 10 * flat @ flat.T, rtol=1e-5)
    assert one.counts == {"params": 30720.0}


class _Network:
    def __init__(self, weights):
        self._weights = weights

    def init(self, key, images):
        return self._weights

    def apply(self, weights, images):
        return linear(weights, images)


def test_a_network_that_cannot_be_pickled(monkeypatch):
    network = _Network(threading.Lock())
    with pytest.raises(InputError, match="^cannot send network a to another process: define it in"):
        message(session_of(), [NamedNetwork("a")], {"a": network})
    monkeypatch.setattr(tasks, "_cloudpickle", lambda: None)
    with pytest.raises(InputError, match="a module, or install cloudpickle"):
        message(session_of(), [NamedNetwork("a")], {"a": lambda: 0})


def test_a_failure_can_be_pickled_whatever_it_was(forgotten, monkeypatch):
    class Odd(Exception):
        def __init__(self, first, second):
            super().__init__(f"{first} {second}\nmore")

    class Program(MadeUp):
        def grams(self, launch):
            raise Odd("out of", "memory")

    monkeypatch.setitem(PROGRAMS._members, "branches", Program)
    with pytest.raises(TaskFailed, match="^Odd: out of memory$") as failure:
        compute_message(message(session_of(), FEW))
    again = pickle.loads(pickle.dumps(failure.value))
    assert str(again) == "Odd: out of memory"
    assert "in grams" in again.args[1]
