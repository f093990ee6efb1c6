"""Processes that the benchmarks start: quick to compile, and one reads what another compiled."""

import jax
import pytest


@pytest.fixture(scope="session")
def compiled_programs(tmp_path_factory):
    """A folder for compiled programs."""
    jax.devices()  # this process has read its own flags before they change
    return tmp_path_factory.mktemp("compiled")


@pytest.fixture(autouse=True)
def quick_processes(compiled_programs, monkeypatch):
    """Variables that processes started during a test get."""
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(compiled_programs))
    monkeypatch.setenv("XLA_FLAGS", "--xla_backend_optimization_level=0")
