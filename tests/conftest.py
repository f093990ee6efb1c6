"""Shared fixtures: strict shapes, float64 on request, and the real data where it is at hand."""

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("OMP_NUM_THREADS", "1")  # PyTorch: test workers already fill the cores

# What one test compiles, other workers and the processes that tests start need not. The first
# process to get here makes the folder, and workers inherit its name.
_compiled = None
if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
    _compiled = tempfile.mkdtemp(prefix="ntknas-tests-")
    os.environ["JAX_COMPILATION_CACHE_DIR"] = _compiled

from jaxtyping import install_import_hook

_hook = install_import_hook("ntknas", "beartype.beartype")
_hook.__enter__()

import hypothesis
import jax
import pytest

if TYPE_CHECKING:
    from ntknas import Run

jax.config.update("jax_numpy_rank_promotion", "raise")

# Machines are noisy: no test asserts a time.
hypothesis.settings.register_profile("ntknas", deadline=None)
hypothesis.settings.load_profile("ntknas")

DATA = Path(os.environ.get("NTKNAS_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))


def pytest_unconfigure():
    """Remove the folder of compiled programs."""
    if _compiled:
        shutil.rmtree(_compiled, ignore_errors=True)


def real_data(relative: str) -> Path:
    """The path of a file of real data; skips the test, saying why, where it is missing."""
    path = DATA / relative
    if not path.exists():
        pytest.skip(f"real data missing: {path} (set NTKNAS_DATA to the folder that holds it)")
    return path


@pytest.fixture
def data_file():
    """A function from a relative path to a file of real data."""
    return real_data


@pytest.fixture
def float64():
    """Run the test with 64-bit JAX types, and put the old setting back."""
    before = jax.config.read("jax_enable_x64")
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", before)


class Undisturbed(NamedTuple):
    """A run of `TWENTY` under `TINY`, and the programs that it compiled."""

    run: "Run"
    compiled: list[str]
    cached: int


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory) -> Undisturbed:
    """Scored in one go; every other program of the engine is forgotten before."""
    import ntknas
    from ntknas.engine import gram_of
    from tests.engine.tiny import TINY, TWENTY, programs

    program: Any = gram_of  # jax.jit's cache is not in its published type
    program.clear_cache()
    with programs() as compiled:
        run = ntknas.score(TWENTY, out=tmp_path_factory.mktemp("undisturbed"), spec=TINY)
    return Undisturbed(run, list(compiled), program._cache_size())
