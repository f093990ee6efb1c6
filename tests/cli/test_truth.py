"""`ntknas truth`."""

import zipfile

import pytest


def test_summary(ntknas, truth):
    status, out, err = ntknas("truth", truth)
    assert (status, err) == (0, "")
    assert "pgd_8" in out
    assert "12 architectures with values" in out


def test_where(ntknas):
    status, out, _ = ntknas("truth", "--where")
    assert status == 0
    assert "sha256" in out


def write_html(path):
    path.write_text("<!DOCTYPE html><html><body>Google Drive - Quota exceeded</body></html>")


def write_zip(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("acc.json", "{}")


def write_half(path):
    path.write_text('acc={"0": [0.5, 0.')


def write_other(path):
    path.write_text("[1, 2, 3]")


def write_nothing(path):
    path.write_text("")


@pytest.mark.parametrize("write", [write_html, write_zip, write_half, write_other, write_nothing])
@pytest.mark.parametrize("command", ["truth", "correlate", "arch"])
def test_files_that_are_no_truth(refused, finished, tmp_path, write, command):
    path = tmp_path / "table.json"
    write(path)
    argv = {
        "truth": ["truth", path],
        "correlate": ["correlate", finished, "--truth", path],
        "arch": ["arch", "0", "--truth", path],
    }
    assert "table.json" in refused(*argv[command])


def test_missing_file_and_no_file(refused, tmp_path):
    assert "missing.json" in refused("truth", tmp_path / "missing.json")
    assert "missing.csv" in refused("truth", tmp_path / "missing.csv")
    assert "--where" in refused("truth")


def test_published_file(ntknas, data_file):
    status, out, _ = ntknas("truth", data_file("robbench/NAS-RobBench-201_html.json"))
    assert status == 0
    assert "6466 architectures" in out


def test_a_table_of_ones_own(ntknas, own_truth):
    status, out, err = ntknas("truth", own_truth)
    assert (status, err) == (0, "")
    assert f"ours.csv: {own_truth}" in out
    assert "12 architectures with values" in out
    assert "any        robust" in out
    assert out.splitlines()[-1] == "anomalies: none"


def test_a_table_of_ones_own_about_a_cell(ntknas, tmp_path):
    path = tmp_path / "ours.csv"
    path.write_text("architecture,robust\n5,0.25\n6,0.5\n")
    status, out, _ = ntknas("arch", "5,7", "--truth", path)
    assert status == 0
    assert "Accuracies, ours.csv:" in out
    assert "0.2500" in out
    assert f"not in {path}" in out


def test_seeds(ntknas, refused, seeds_truth):
    status, out, err = ntknas("truth", seeds_truth)
    assert (status, err) == (0, "")
    assert "note: values are the mean of the seeds\nnote: robust: 1 of 12 architectures lack" in out
    status, out, _ = ntknas("truth", seeds_truth, "--truth-seed", "1")
    assert status == 0
    assert "note: values are seed 1\n" in out
    assert "got '7'" in refused("truth", seeds_truth, "--truth-seed", "7")
    assert "FILE" in refused("truth", "--where", "--truth-seed", "1")


BAD = {
    "column architecture": "id,robust\n1,0.5\n2,0.6\n",
    "column per metric": "architecture\n1\n2\n",
    "got 7 more than once": "architecture,robust\n7,0.5\n7,0.6\n",
    "numbers in column robust": "architecture,robust\n1,0.5\n2,high\n",
    "whole numbers or all texts": "architecture,robust\n1.5,0.5\n2,0.6\n",
    "CSV table": "",
}


@pytest.mark.parametrize("complaint", BAD)
@pytest.mark.parametrize("command", ["truth", "correlate", "sweep", "arch"])
def test_tables_of_ones_own_that_are_refused(refused, finished, tmp_path, complaint, command):
    path = tmp_path / "ours.csv"
    path.write_text(BAD[complaint])
    argv = {
        "truth": ["truth", path],
        "correlate": ["correlate", finished, "--truth", path],
        "sweep": ["sweep", finished, "--beta", "0,1", "--truth", path],
        "arch": ["arch", "0", "--truth", path],
    }
    said = refused(*argv[command])
    assert complaint in said
    assert "ours.csv" in said
