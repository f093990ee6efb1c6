"""`ntknas scores`."""

import json

from ntknas.scores import SCORES


def test_table_explains_every_score_and_the_names(ntknas):
    status, out, err = ntknas("scores")
    assert (status, err) == (0, "")
    for name, score in SCORES.items():
        assert f"\n{name} " in f"\n{out}"
        assert score.formula in out
        assert score.source in out
    assert "SCORE@KERNEL[:RHO[:BETA]]" in out
    assert max(map(len, out.splitlines())) <= 100


def test_json_is_the_registry(ntknas):
    _, out, _ = ntknas("scores", "--format", "json")
    rows = json.loads(out)
    assert [row["name"] for row in rows] == list(SCORES)
    assert {row["name"]: row["direction"] for row in rows}["cond"] == -1
