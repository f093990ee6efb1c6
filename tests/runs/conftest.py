"""The run that the tests read: twenty architectures, scored undisturbed."""

import pytest

from ntknas.runs import Run


@pytest.fixture
def run(undisturbed) -> Run:
    """The undisturbed run."""
    return undisturbed.run
