"""`ntknas rank`."""

import csv
import io
import json

import pytest

from ntknas.evaluation import DEFAULT_RANKING, rank
from ntknas.runs import Run, load_precomputed


def test_json_is_the_librarys_ranking(ntknas, finished):
    status, out, _ = ntknas("rank", finished, "--format", "json", "--top", "all")
    assert status == 0
    rows = json.loads(out)
    expected = rank(Run(finished))
    assert [row["id"] for row in rows] == expected["id"].tolist()
    assert [row["score"] for row in rows] == expected["score"].tolist()
    assert list(rows[0]) == ["id", "architecture", "score", "rank", *DEFAULT_RANKING.split("+")]


def test_csv_of_one_score(ntknas, finished):
    status, out, err = ntknas(
        *("rank", finished, "--score", "cond@robust:0.0313725", "--top", "3", "--format", "csv")
    )
    assert (status, err) == (0, "")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [row["rank"] for row in rows] == ["1", "2", "3"]
    scores = Run(finished).scores()["cond@robust:8/255"]
    assert [float(row["score"]) for row in rows] == sorted(scores)[:3]


def test_table_says_what_is_better(ntknas, finished):
    status, out, err = ntknas("rank", finished, "--score", "lambda_min@clean", "--top", "2")
    assert status == 0
    assert "higher is better" in err
    assert len(out.splitlines()) == 4


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--score", "banana@clean"], "banana"),
        (["--score", "cond@robust:5/255"], "robust:8/255"),
        (["--score", "cond@clean+banana"], "banana"),
        (["--top", "0"], "at least 1"),
        (["--format", "yaml"], "yaml"),
    ],
)
def test_bad_options(refused, finished, options, complaint):
    assert complaint in refused("rank", finished, *options)


def test_one_architecture(ntknas, keep):
    status, out, _ = ntknas("rank", keep(1), "--format", "json")
    assert (status, len(json.loads(out))) == (0, 1)


def test_table_shows_what_is_summed_if_it_is_short(ntknas, finished):
    _, short, _ = ntknas("rank", finished, "--score", "cond@clean+params", "--top", "1")
    assert "cond@clean" in short.splitlines()[0]
    _, long, err = ntknas("rank", finished, "--top", "1")
    assert long.splitlines()[0].split(" | ")[-1].strip() == "architecture"
    assert DEFAULT_RANKING in err


def test_the_precomputed_table(ntknas, refused, finished):
    status, out, err = ntknas("rank", "--precomputed", "--top", "5", "--format", "json")
    assert (status, err) == (0, "")
    assert [row["id"] for row in json.loads(out)] == rank(load_precomputed(), top=5)["id"].tolist()
    assert "--precomputed" in refused("rank")
    assert "got both" in refused("rank", finished, "--precomputed")
