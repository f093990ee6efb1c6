"""The latency that is measured on this machine; no test asserts a time."""

import flax.linen as nn
import jax
import numpy as np
import pytest

from ntknas.errors import InputError
from ntknas.network import NetworkSpec
from ntknas.search import COSTS, latency as module
from ntknas.search.latency import latency
from ntknas.spaces import NASBENCH201, Family, architectures

SMALL = NetworkSpec(channels=4, cells=1, image_size=8)


def test_cells_share_one_program(monkeypatch):
    measured = []

    def turns(runs, repeats):
        measured.append([run().shape for run in runs])
        return np.ones((repeats, len(runs)))

    monkeypatch.setattr(module, "_turns", turns)
    compiled = []
    jit = jax.jit

    def counted(function, **options):
        compiled.append(function)
        return jit(function, **options)

    monkeypatch.setattr(jax, "jit", counted)
    cost = latency(NASBENCH201, batch_size=3, repeats=5, network=SMALL)
    assert cost(architectures("0,5,10")) == [1, 1, 1]
    assert measured == [[(3, 10)]] + [[(3, 10)] * 2] * 3
    assert len(compiled) == 1


def test_latencies_are_those_of_a_machine_of_constant_speed(monkeypatch):
    """The machine slows down from call to call, and no ratio changes."""
    seconds = {0: 1.0, 5: 2.0, 10: 5.0}
    clock = {"now": 0.0, "slowness": 1.0}

    class Pass:
        def __init__(self, architecture):
            self.seconds = seconds[architecture.id]

        def __call__(self):
            return self

        def block_until_ready(self):
            clock["now"] += self.seconds * clock["slowness"]

    monkeypatch.setattr(module, "_of_cells", lambda spec, images: Pass)
    monkeypatch.setattr(module.time, "perf_counter", lambda: clock["now"])
    cost = latency(NASBENCH201, network=SMALL)
    found = []
    for architecture in [*architectures("0,5,10"), *architectures("0")]:
        found += cost([architecture])
        clock["slowness"] *= 1.7
    np.testing.assert_allclose(found, [1000, 2000, 5000, 1000])


def test_other_networks_are_built_by_their_space():
    class Net(nn.Module):
        width: int

        @nn.compact
        def __call__(self, images):
            return nn.Dense(self.width)(images.mean((1, 2)))

    space = Family("nets", Net, {"width": (2, 3)})
    times = latency(space, repeats=2)(space.parse("all"))
    assert len(times) == 2
    assert min(times) > 0


def test_it_is_registered_and_refuses_bad_numbers():
    assert COSTS["latency"] is latency
    with pytest.raises(InputError, match="repeats of at least 1"):
        latency(NASBENCH201, repeats=0)
    with pytest.raises(InputError, match="batch_size of at least 1"):
        latency(NASBENCH201, batch_size=0)
