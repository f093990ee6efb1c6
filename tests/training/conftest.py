"""One finished folder of trainings, to be read only."""

import pytest

from tests.training.tiny import CHEAP, SKIP, train


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """Two architectures and two seeds."""
    folder = tmp_path_factory.mktemp("trainings") / "here"
    train(folder, (CHEAP, SKIP), seeds=(0, 1))
    return folder
