"""The figures that a test saves."""

import pytest
from matplotlib.figure import Figure


@pytest.fixture
def figures(monkeypatch):
    """The figures that are saved during a test."""
    saved = []
    original = Figure.savefig

    def savefig(self, *args, **options):
        saved.append(self)
        return original(self, *args, **options)

    monkeypatch.setattr(Figure, "savefig", savefig)
    return saved
