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
    assert "--where" in refused("truth")


def test_published_file(ntknas, data_file):
    status, out, _ = ntknas("truth", data_file("robbench/NAS-RobBench-201_html.json"))
    assert status == 0
    assert "6466 architectures" in out
