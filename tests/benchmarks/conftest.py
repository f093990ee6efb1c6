"""Processes that the benchmarks start are quick to compile."""

import jax
import pytest


@pytest.fixture(autouse=True)
def quick_processes(monkeypatch):
    """What processes started during a test are told."""
    jax.devices()  # this process has read its own flags before they change
    monkeypatch.setenv("XLA_FLAGS", "--xla_backend_optimization_level=0")
