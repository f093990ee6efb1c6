"""The run that the engine's tests compare with: twenty architectures, scored undisturbed."""

from typing import Any, NamedTuple

import pytest

import ntknas
from ntknas.engine import gram_of
from ntknas.runs import Run
from tests.engine.tiny import TINY, TWENTY, programs


class Undisturbed(NamedTuple):
    """A run of `TWENTY` under `TINY`, and the programs that it compiled."""

    run: Run
    compiled: list[str]
    cached: int


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory) -> Undisturbed:
    """Scored in one go; every other program of the engine is forgotten before."""
    program: Any = gram_of  # jax.jit's cache is not in its published type
    program.clear_cache()
    with programs() as compiled:
        run = ntknas.score(TWENTY, out=tmp_path_factory.mktemp("undisturbed"), spec=TINY)
    return Undisturbed(run, list(compiled), program._cache_size())


@pytest.fixture
def run(undisturbed) -> Run:
    """The undisturbed run."""
    return undisturbed.run
