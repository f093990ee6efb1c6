"""A small sphere and a small network, for every test of the room."""

import pytest

from ntknas.theory import FullyConnectedSpec, sphere_task


@pytest.fixture(scope="session")
def sphere():
    return sphere_task(6, num_train=8, num_test=20, margin=0.1, seed=0)


@pytest.fixture(scope="session")
def spec():
    return FullyConnectedSpec(depth=3, width=16, skips=(1,))
