"""Live scores of a session as the objective of a search."""

import numpy as np
import pytest

from ntknas import Scorer
from ntknas.errors import InputError
from ntknas.search import live_score
from ntknas.spaces import Architecture
from tests.engine.tiny import TINY


def test_a_live_score_is_the_runs(undisturbed):
    held = [Architecture.from_id(index) for index in undisturbed.run.ids]
    constant = Architecture.from_id(10)
    cells = [cell for cell in held if not cell.is_constant][:2]
    stored = undisturbed.run.scores()
    scorer = Scorer(TINY)
    for name in ("params", next(c for c in stored if c.startswith("cond@robust"))):
        sign = -1 if name.startswith("cond") else 1
        expected = [sign * stored.loc[cell.id, name] for cell in cells]
        np.testing.assert_allclose(live_score(scorer, name)(cells), expected, rtol=1e-5)
    assert live_score(scorer, "params")([constant]) == [-np.inf]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("cond@robust:1/255", "expected a kernel of the session"),
        ("params+flops", "expected one score to maximise live"),
        ("happiness", "unknown score"),
    ],
)
def test_scores_that_a_session_lacks_are_refused(name, message):
    with pytest.raises(InputError, match=message):
        live_score(Scorer(TINY), name)
