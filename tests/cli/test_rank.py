"""`ntknas rank`."""

import csv
import io
import json

import pytest

from ntknas.evaluation import RANKINGS, rank, regret_of_top
from ntknas.runs import Run, load_precomputed
from ntknas.scores import SCORES
from ntknas.truth import load_truth

DEFAULT = RANKINGS["default"].formula


def test_json_is_the_librarys_ranking(ntknas, finished):
    status, out, _ = ntknas("rank", finished, "--format", "json", "--top", "all")
    assert status == 0
    rows = json.loads(out)
    expected = rank(Run(finished))
    assert [row["id"] for row in rows] == expected["id"].tolist()
    assert [row["score"] for row in rows] == expected["score"].tolist()
    parts = map(str, DEFAULT.terms)
    assert list(rows[0]) == ["id", "architecture", "score", "rank", *parts]


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
        (["--score", "cond@clean-banana"], "banana"),
        (["--score", "cond@clean-cond@clean"], "cond@clean in cond@clean-cond@clean"),
        (["--score", "cond@clean-"], "unknown score ''"),
        (["--score", "gap@clean"], "unknown score 'gap'"),
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
    assert str(DEFAULT) in err


def test_the_precomputed_table(ntknas, refused, finished):
    status, out, err = ntknas("rank", "--precomputed", "--top", "5", "--format", "json")
    assert (status, err) == (0, "")
    assert [row["id"] for row in json.loads(out)] == rank(load_precomputed(), top=5)["id"].tolist()
    assert "--precomputed" in refused("rank")
    assert "got both" in refused("rank", finished, "--precomputed")


def ranked(ntknas, folder, *options):
    """The rows of a ranking of all architectures, and what is said about it."""
    status, out, _ = ntknas("rank", folder, "--top", "all", "--format", "json", *options)
    assert status == 0
    table = ntknas("rank", folder, "--top", "all", *options)
    assert table[0] == 0
    return json.loads(out), table[2]


def test_a_minus_sign_ranks_in_the_opposite_order(ntknas, finished):
    forth, said = ranked(ntknas, finished, "--score", "cond@clean")
    assert "by cond@clean: lower is better" in said
    back, said = ranked(ntknas, finished, "--score=-cond@clean")
    assert "by -cond@clean: higher is better" in said
    constant = Run(finished).constant_ids()
    ids = [[row["id"] for row in rows if row["id"] not in constant] for rows in (forth, back)]
    assert ids[1] == ids[0][::-1]
    assert [row["score"] for row in back] == [
        {row["id"]: row["score"] for row in forth}[row["id"]] for row in back
    ]


def test_a_minus_sign_in_a_sum(ntknas, finished):
    rows, said = ranked(ntknas, finished, "--score", "cond@clean-params")
    assert "by cond@clean-params: sum of ranks" in said
    expected = rank(Run(finished), "cond@clean-params")
    assert [row["id"] for row in rows] == expected["id"].tolist()
    assert list(rows[0])[4:] == ["cond@clean", "params"]
    other, _ = ranked(ntknas, finished, "--score", "cond@clean+params")
    assert [row["id"] for row in rows] != [row["id"] for row in other]


def test_a_score_twice_counts_twice(ntknas, finished):
    rows, _ = ranked(ntknas, finished, "--score", "cond@clean+cond@clean+params")
    assert list(rows[0])[4:] == ["cond@clean", "params"]
    assert [row["id"] for row in rows] == rank(Run(finished), "cond@clean+cond@clean+params")[
        "id"
    ].tolist()


def test_networks_of_ones_own(ntknas, texts):
    rows, said = ranked(ntknas, texts)
    assert (
        f"12 architectures of {texts} by layer_cosine_lambda_min@clean+params: sum of ranks" in said
    )
    assert sorted(row["id"] for row in rows) == [f"net_{i:02}" for i in range(12)]
    assert [row["id"] for row in rows] == rank(Run(texts))["id"].tolist()
    assert [row["architecture"] for row in rows] == [row["id"] for row in rows]
    rows, _ = ranked(ntknas, texts, "--score", "lambda_min@robust:8/255")
    scores = Run(texts).scores()["lambda_min@robust:8/255"]
    assert [row["id"] for row in rows] == scores.sort_values(ascending=False).index.tolist()


def test_what_networks_of_ones_own_lack(refused, texts):
    complaint = refused("rank", texts, "--score", "live_params")
    assert "no score live_params here; there are: lambda_min@clean" in complaint


def test_a_registered_score(ntknas, refused, finished, gap):
    rows, said = ranked(ntknas, finished, "--score", "gap@robust:8/255")
    assert "by gap@robust:8/255: lower is better" in said
    expected = rank(Run(finished), "gap@robust:8/255")
    assert [row["id"] for row in rows] == expected["id"].tolist()
    assert [row["score"] for row in rows] == expected["score"].tolist()
    rows, _ = ranked(ntknas, finished, "--score", "gap@clean-params")
    assert list(rows[0])[4:] == ["gap@clean", "params"]


def test_a_file_of_another_tool(ntknas, refused, finished, tmp_path):
    path = tmp_path / "zc.json"
    cells = Run(finished).ids
    content = {str(label): {"nwot": {"score": i, "time": 0.1}} for i, label in enumerate(cells)}
    path.write_text(json.dumps({"cifar100": content, "ImageNet16-120": content}))
    assert "cifar100, ImageNet16-120; none chosen" in refused("rank", path)
    status, out, err = ntknas("rank", path, "--dataset", "cifar100", "--format", "json")
    assert (status, err) == (0, "")
    assert [row["id"] for row in json.loads(out)] == cells[: -len(cells) - 1 : -1][:10]
    for name in ("imagenet16", "ImageNet16-120"):
        assert ntknas("rank", path, "--dataset", name, "--score", "nwot+params")[0] == 0
    assert "got 'svhn'" in refused("rank", path, "--dataset", "svhn")
    assert "has cifar10, got 'cifar100'" in refused("rank", finished, "--dataset", "cifar100")
    assert "cannot read" in refused("rank", tmp_path / "missing.csv")
    SCORES.remove("nwot")


def test_an_aim(ntknas, refused, finished):
    status, out, err = ntknas("rank", finished, "--for", "kernel-only", "--top", "3")
    assert status == 0
    assert "by layer_cosine_lambda_min@clean: higher is better" in err
    assert out == ntknas("rank", finished, "--score", "kernel_only", "--top", "3")[1]
    assert "one of default, kernel_only, standard_trained, default_1, got 'banana'" in refused(
        "rank", finished, "--for", "banana"
    )
    assert "not allowed with argument" in refused(
        "rank", finished, "--for", "default", "--score", "params"
    )


def test_the_parts_explain_the_sum(ntknas, finished):
    argv = ("rank", finished, "--score", "cond@clean+params", "--explain", "--top", "all")
    rows = json.loads(ntknas(*argv, "--format", "json")[1])
    for row in rows:
        parts = row["rank by cond@clean"] + row["rank by params"]
        assert parts == pytest.approx(row["score"])
    assert "rank by params" in ntknas(*argv)[1].splitlines()[0]


def test_accuracies_and_regret(ntknas, refused, finished, truth):
    argv = ("rank", finished, "--score", "cond@clean", "--top", "3", "--truth", truth)
    status, out, _ = ntknas(*argv, "--metric", "clean")
    assert status == 0
    known = load_truth(truth)
    expected = regret_of_top(Run(finished), known, "cond@clean", metric="clean")
    assert expected["first"].tolist() == [1, 5, 10]
    for first, best, regret in expected[["first", "best", "regret"]].to_numpy():
        assert f" first {first:<2.0f} | {best:.3f}      | {regret:.4f} | " in out
    rows = json.loads(ntknas(*argv, "--format", "json")[1])
    assert [row["pgd_8"] for row in rows] == [
        known.value(row["id"], "cifar10", "pgd_8") for row in rows
    ]
    assert "belong to --truth FILE" in refused("rank", finished, "--metric", "clean")
    assert "got 'banana'" in refused(*argv, "--metric", "banana")


@pytest.mark.parametrize("format", ["markdown", "latex"])
def test_tables_for_papers(ntknas, finished, format):
    status, out, err = ntknas("rank", finished, "--top", "2", "--format", format)
    assert status == 0
    lines = out.splitlines()
    if format == "markdown":
        assert len(lines) == 4
        assert r"\|" in lines[2]  # the bars of a cell's notation do not end a column
    else:
        assert lines[0] == r"\begin{tabular}{rrrl}"
        assert lines[2] == r"rank & id & score & architecture \\"
        assert r"\textbar{}nor\_conv" in out or r"\textbar{}" in out
    assert "architectures of" in err
