"""The run that the engine's tests compare with: twenty architectures, scored undisturbed."""

import pytest

from ntknas.runs import Run


@pytest.fixture
def run(undisturbed) -> Run:
    """The undisturbed run."""
    return undisturbed.run
