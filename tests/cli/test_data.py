"""`ntknas data`, and the names that options take."""

import csv
import io
import json
import shutil

import pytest

from ntknas.data import PUBLISHED
from tests.data.served import CONTENT, FILE, NAME


def test_list(ntknas, data_cache, monkeypatch, tmp_path):
    status, out, err = ntknas("data", "list")
    assert status == 0
    for name in PUBLISHED:
        assert f" {name}" in out
    assert str(data_cache) in err
    (tmp_path / "acc.json").write_text("another")
    monkeypatch.setenv("NTKNAS_DATA", str(tmp_path))
    status, out, err = ntknas("data", "list", "--format", "json")
    assert status == 0
    assert str(tmp_path) in err
    rows = {row["name"]: row for row in json.loads(out)}
    assert rows["jung"]["here"] == str(tmp_path / "acc.json")
    assert rows["robbench"]["here"] is None
    assert rows["robbench"]["bytes"] == 2580686
    status, out, err = ntknas("data", "list", "--verify", "--format", "csv")
    assert status == 1
    assert "not the published files, by their checksums: jung" in err
    verified = {row["name"]: row["verified"] for row in csv.DictReader(io.StringIO(out))}
    assert (verified["jung"], verified["robbench"]) == ("False", "")


@pytest.mark.usefixtures("published")
def test_fetch_and_use(ntknas, refused, server, data_cache):
    said = refused("score", "--archs", "5", "--out", "run", "--data", NAME)
    assert f"ntknas data fetch {NAME}" in said
    status, out, err = ntknas("data", "fetch", NAME)
    assert status == 0
    assert out == f"{NAME}: {data_cache / NAME / FILE}\n"
    assert "3072 of 3072 kB" in err
    assert ntknas("data", "fetch", NAME)[1] == f"{NAME}: {data_cache / NAME / FILE} (was there)\n"
    (data_cache / NAME / FILE).write_bytes(b"damaged")
    assert ntknas("data", "fetch", NAME)[1] == f"{NAME}: {data_cache / NAME / FILE}\n"
    assert FILE in refused("score", "--archs", "5", "--out", "run", "--data", NAME)  # no images


@pytest.mark.usefixtures("published")
def test_a_download_that_fails(ntknas, server):
    status, out, err = ntknas("data", "fetch", NAME, "--from", server.at("html"))
    assert (status, out) == (1, "")
    assert err.startswith("ntknas: error: cannot download made_up.bin")
    assert err.count("\n") == 1


@pytest.mark.usefixtures("published")
def test_add(ntknas, refused, tmp_path, data_cache):
    path = tmp_path / "mine"
    path.write_bytes(CONTENT)
    assert ntknas("data", "add", NAME, path) == (0, f"{NAME}: {data_cache / NAME / FILE}\n", "")
    path.write_bytes(b"<html>")
    assert "not the published" in refused("data", "add", NAME, path)


def test_words_that_mean_nothing(refused, data_cache):
    assert "expected a command: list, fetch, add" in refused("data")
    assert "robbench, jung, cifar10" in refused("data", "fetch", "robbench", "nothing")
    assert "one NAME with --from" in refused(
        "data", "fetch", "jung", "robbench", "--from", "http://localhost"
    )
    assert not data_cache.exists()


def test_truth_by_name(ntknas, refused, data_cache, truth, finished, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    commands = (
        ("truth", "robbench"),
        ("correlate", finished, "--metric", "clean", "--resamples", "0", "--truth", "robbench"),
        ("arch", "5", "--truth", "robbench"),
    )
    for command in commands:
        assert "ntknas data fetch robbench" in refused(*command)
    (data_cache / "robbench").mkdir(parents=True)
    shutil.copy(truth, data_cache / "robbench" / "NAS-RobBench-201_html.json")
    for command in commands:
        status, out, _ = ntknas(*command)
        assert status == 0
        assert "NAS-RobBench-201" in out
