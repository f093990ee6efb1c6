"""`ntknas search`."""

import csv
import io
import json
import shutil

import pytest

from ntknas.locks import try_lock
from ntknas.scores import SCORES
from ntknas.search import best, search, true_values
from ntknas.spaces import NASBENCH201
from ntknas.spaces.nasbench201 import architectures, num_parameters
from ntknas.truth import load_truth
from tests.cli.conftest import write_truth


@pytest.fixture
def whole(tmp_path):
    """Made-up accuracies of the whole space: the share of the largest network's parameters."""
    cells = architectures("all")
    sizes = {cell.id: num_parameters(cell) / 2e6 for cell in cells}
    values = {label: [size, size**2] for label, size in sizes.items()}
    return write_truth(
        tmp_path / "whole.json", values, ["cifar10#val_acc", "cifar10#val_pgd_8_acc"]
    )


def test_the_history_is_the_librarys(ntknas, whole):
    status, out, _ = ntknas(
        *("search", "--algorithm", "local", "--truth", whole, "--metric", "pgd_8"),
        *("--queries", "30", "--seed", "2", "--format", "csv"),
    )
    assert status == 0
    rows = list(csv.DictReader(io.StringIO(out)))
    objective = true_values(load_truth(whole), "pgd_8")
    expected = search("local", NASBENCH201, objective, queries=30, seed=2)
    assert [int(row["id"]) for row in rows] == [query.architecture.id for query in expected]
    assert [float(row["value"]) for row in rows] == [query.value for query in expected]


def test_it_ends_with_the_best_cell(ntknas, whole):
    status, out, _ = ntknas("search", "--truth", whole, "--metric", "clean", "--queries", "20")
    assert status == 0
    found = best(
        search("evolution", NASBENCH201, true_values(load_truth(whole), "clean"), queries=20)
    )
    assert out.startswith(f"architecture {found.architecture.id}: ")
    assert "node 3  output" in out
    assert "among 6466 architectures" in out
    row = next(line for line in out.splitlines() if line.startswith(" clean"))
    better = sum(value > found.value for value in load_truth(whole).wide("cifar10")["clean"])
    assert row.split("|")[-1].strip() == str(better + 1)


def test_a_search_is_resumed_and_extended(ntknas, refused, whole, tmp_path):
    command = ["search", "--truth", whole, "--metric", "clean", "--format", "json"]
    folder = tmp_path / "search"
    plot = tmp_path / "curve.png"
    expected = ntknas(*command, "--queries", "25")[1]
    ntknas(*command, "--queries", "12", "--out", folder)
    assert len((folder / "history.csv").read_text().splitlines()) == 13
    status, out, err = ntknas(*command, "--queries", "25", "--out", folder, "--plot", plot)
    assert status == 0
    assert "12 queries in" in err
    assert json.loads(out) == json.loads(expected)
    assert len((folder / "history.csv").read_text().splitlines()) == 26
    assert plot.stat().st_size > 1000
    message = refused(*command, "--seed", "1", "--out", folder)
    assert "has seed 0, got 1" in message
    with try_lock(folder / "lock"):
        message = refused(*command, "--queries", "30", "--out", folder)
        assert f"another process is writing to {folder}" in message
    (folder / "search.json").write_text("[]")
    assert "search.json holds no settings" in refused(*command, "--out", folder)


@pytest.mark.parametrize("more", [[], ["pgd_8"], ["--cost", "params"]])
def test_a_search_is_not_continued_on_other_accuracies(ntknas, refused, whole, tmp_path, more):
    folder, other = tmp_path / "search", tmp_path / "other" / whole.name
    command = ["--metric", "clean", *more, "--out", folder]
    assert ntknas("search", "--truth", whole, *command, "--queries", "12")[0] == 0
    other.parent.mkdir()
    shutil.copy(whole, other)
    assert ntknas("search", "--truth", other, *command, "--queries", "13")[0] == 0
    kept = {path.name: path.read_bytes() for path in folder.iterdir()}
    asked = list(csv.DictReader(kept["history.csv"].decode().splitlines()))[4]["architecture"]
    values = json.loads(other.read_text().removeprefix("acc="))
    before = values[asked][0]
    values[asked][0] += 0.25
    other.write_text(f"acc={json.dumps(values)}")
    message = refused("search", "--truth", other, *command, "--queries", "20")
    assert f"has clean {before} of architecture {asked}, but {other} gives " in message
    del values[asked]
    other.write_text(f"acc={json.dumps(values)}")
    message = refused("search", "--truth", other, *command, "--queries", "20")
    assert f"expected an accuracy of architecture {asked}, but {other} has none" in message
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == kept


def test_accuracies_of_every_metric_are_compared(ntknas, refused, whole, tmp_path):
    command = ("search", "--truth", whole, "--metric", "clean", "pgd_8", "--out", tmp_path / "both")
    assert ntknas(*command, "--queries", "5")[0] == 0
    values = json.loads(whole.read_text().removeprefix("acc="))
    values = {label: row if label == "" else [row[0], row[1] / 2] for label, row in values.items()}
    whole.write_text(f"acc={json.dumps(values)}")
    assert "has pgd_8 " in refused(*command)


def test_a_search_of_an_earlier_version_is_continued(ntknas, whole, tmp_path):
    """Earlier versions recorded settings that had no effect as they were given."""
    folder = tmp_path / "search"
    command = ("search", "--truth", whole, "--metric", "clean", "--format", "json")
    ntknas(*command, "--queries", "5", "--out", folder)
    facts = {
        **{"algorithm": "evolution", "dataset": "cifar10", "score": None, "preset": "standard"},
        **{"seed": 0, "start_ranking": None, "start_count": 5, "truth_seed": None},
        **{"metrics": ["clean"], "truth": "whole.json", "scores": None},
    }
    (folder / "search.json").write_text(json.dumps(facts))
    status, out, err = ntknas(*command, "--queries", "8", "--out", folder)
    assert status == 0
    assert "5 queries in" in err
    assert json.loads(out) == json.loads(ntknas(*command, "--queries", "8")[1])


def test_a_score_has_the_data_set_that_it_is_computed_on(ntknas, refused, tmp_path, monkeypatch):
    def sizes(cells):
        return [num_parameters(cell) for cell in cells]

    monkeypatch.setattr("ntknas.search.live_score", lambda scorer, name: sizes)
    command = ("search", "--score", "params", "--queries", "3", "--out", tmp_path / "search")
    message = refused(*command, "--dataset", "cifar100")
    assert "embedded sample of cifar10, got --dataset cifar100" in message
    assert not (tmp_path / "search").exists()
    assert ntknas(*command, "--dataset", "cifar10")[0] == 0
    described = tmp_path / "search" / "search.json"
    facts = json.loads(described.read_text())
    assert (facts["dataset"], facts["preset"], facts["start_count"]) == ("cifar10", "fast", 10)
    described.write_text(json.dumps(facts | {"dataset": "cifar100"}))  # as earlier versions did
    status, _, err = ntknas(*command)
    assert status == 0
    assert "3 queries in" in err
    assert "has preset fast, got standard" in refused(*command, "--preset", "standard")


def test_a_ranking_comes_first(ntknas, whole):
    ranked = ntknas("rank", "--precomputed", "--top", "3", "--format", "json")[1]
    top = [row["id"] for row in json.loads(ranked)]
    ranking = ("--start-ranking", "default", "--precomputed", "--queries", "4", "--format", "json")
    for more in ([], ["--algorithm", "ranked"]):
        out = ntknas("search", "--truth", whole, "--metric", "clean", *ranking, *more)[1]
        assert [row["id"] for row in json.loads(out)][:3] == top


def test_several_metrics_have_a_front(ntknas, whole, tmp_path):
    status, out, _ = ntknas(
        *("search", "--truth", whole, "--metric", "clean", "pgd_8", "--queries", "30"),
        *("--plot", tmp_path / "front.svg"),
    )
    assert status == 0
    assert out.startswith("Pareto front of 30 queries:")
    assert "by nsga2" in out
    assert "30 queries" in (tmp_path / "front.svg").read_text()


def test_a_cost_is_minimised(ntknas, refused, whole, tmp_path):
    """Accuracy is the size here, so that nothing dominates anything but a tie."""
    command = ["search", "--truth", whole, "--metric", "clean", "--cost", "params"]
    command += ["--queries", "30", "--out", tmp_path / "search"]
    status, out, _ = ntknas(*command, "--format", "json", "--plot", tmp_path / "front.svg")
    assert status == 0
    rows = json.loads(out)
    assert list(rows[0]) == ["query", "id", "value", "params", "architecture"]
    for row in rows:
        assert row["params"] == num_parameters(row["id"])
        assert row["value"] == pytest.approx(row["params"] / 2e6)
    drawn = (tmp_path / "front.svg").read_text()
    assert "all 6,466 architectures" in drawn
    assert "number of parameters" in drawn
    _, out, err = ntknas(*command)
    assert "30 queries in" in err
    sizes = sorted({row["params"] for row in rows}, reverse=True)
    assert f"{sizes[0]:.0f}" in out.splitlines()[3]
    message = refused(*[word for word in command if word not in ("--cost", "params")])
    assert "has algorithm nsga2, got evolution" in message


def test_scores_of_a_file_come_first(ntknas, whole, tmp_path):
    path = tmp_path / "scores.csv"
    path.write_text("architecture,jacov\n5,1\n0,3\n9930,2\n")
    out = ntknas(
        *("search", "--truth", whole, "--metric", "clean", "--queries", "4", "--format", "json"),
        *("--start-ranking", "jacov", "--run", path),
    )[1]
    assert [row["id"] for row in json.loads(out)][:3] == [0, 9930, 5]
    SCORES.remove("jacov")


def test_algorithms_are_compared(ntknas, whole):
    status, out, _ = ntknas(
        *("search", "--truth", whole, "--metric", "clean", "--queries", "40"),
        *("--compare", "random,local", "--seeds", "3", "--format", "json"),
    )
    assert status == 0
    random, local = json.loads(out)
    assert (random["algorithm"], random["n"]) == ("random", 3)
    assert local["regret"] < random["regret"]


@pytest.mark.slow
def test_a_live_score_is_maximised(ntknas):
    status, out, _ = ntknas("search", "--score", "params", "--queries", "2", "--format", "json")
    assert status == 0
    for row in json.loads(out):
        assert row["value"] == num_parameters(row["id"], cells=2)  # the preset fast


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ([], "either --truth FILE or --score NAME"),
        (["--truth", "none.json"], "none.json"),
        (["--truth", None, "--metric", "apgd"], "clean, pgd_8; got 'apgd'"),
        (["--truth", None, "--dataset", "cifar100"], "got 'cifar100'"),
        (["--truth", None, "--algorithm", "psychic"], "psychic"),
        (["--truth", None, "--queries", "0"], "--queries of at least 1, got 0"),
        (["--truth", None, "--seconds", "0"], "seconds above 0"),
        (["--truth", None, "--seed", "-1"], "--seed of 0 or more"),
        (
            ["--truth", None, "--metric", "clean,pgd_8", "--algorithm", "local"],
            "expected one value per architecture for local",
        ),
        (["--truth", None, "--cost", "params", "--algorithm", "random"], "for random, got 2"),
        (["--truth", None, "--cost", "carbon"], "params,flops,latency, got 'carbon'"),
        (
            ["--truth", None, "--start-ranking", "jacov", "--run", "none.csv"],
            "cannot read none.csv",
        ),
        (["--truth", None, "--start-ranking", "default"], "--precomputed or --run"),
        (["--truth", None, "--precomputed"], "--start-ranking, which is missing"),
        (["--truth", None, "--algorithm", "guided"], "--start-ranking NAME for the algorithm"),
        (["--truth", None, "--compare", "random", "--out", "x"], "expected no --out"),
        (["--truth", None, "--plot", "curve.jpg"], ".png, .svg or .pdf"),
        (["--score", "params+flops"], "one score to maximise live"),
        (["--score", "params", "--metric", "clean"], "belong to --truth"),
        (["--truth", None, "--preset", "fast"], "--preset belongs to --score NAME"),
        (["--truth", None, "--seeds", "20"], "--seeds belongs to --compare A,B,..."),
        (["--truth", None, "--start-count", "10"], "--start-count belongs to --start-ranking NAME"),
        (["--truth", None, "--compare", "random", "--seeds", "0"], "--seeds of at least 1, got 0"),
    ],
)
def test_bad_options(refused, whole, options, complaint):
    words = [whole if word is None else word for word in options]
    assert complaint in refused("search", *words)


def test_improvements_are_shown_and_the_best_is_written_for_pytorch(
    ntknas, refused, whole, tmp_path
):
    file = tmp_path / "cell.py"
    command = ("search", "--truth", whole, "--metric", "clean", "--queries", "15")
    status, out, err = ntknas(*command, "--torch-code", file)
    assert status == 0
    history = search("evolution", NASBENCH201, true_values(load_truth(whole), "clean"), queries=15)
    values = [query.value for query in history]
    better = [n for n, value in enumerate(values) if value > max(values[:n], default=-1)]
    table = [line.split() for line in err.splitlines()]
    assert ["query", "id", "clean"] in table
    shown = [line for line in table if len(line) == 4 and line[1].isdigit()]
    assert [int(line[0]) for line in shown] == [n + 1 for n in better]
    assert [int(line[1]) for line in shown] == [history[n].architecture.id for n in better]
    assert out.startswith(f"architecture {shown[-1][1]}: ")
    assert f"Architecture {shown[-1][1]} of NAS-Bench-201" in file.read_text()
    assert "expected no --torch-code" in refused(
        *command, "--compare", "random,local", "--torch-code", file
    )
