"""`ntknas report`."""

import pytest

from ntknas.report.page import page as module
from ntknas.spaces import NASBENCH201
from tests.cli.conftest import ARCHS
from tests.evaluation.made_up import make_run


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Pages without the libraries, which other tests look at."""
    monkeypatch.setattr(module, "libraries", lambda: "")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The folder of a run whose kernels are random."""
    folder = tmp_path_factory.mktemp("report") / "run"
    return make_run(folder, NASBENCH201.parse(ARCHS)).folder


def test_a_page_of_a_run(ntknas, finished, truth, tmp_path):
    page = tmp_path / "page.html"
    options = ["--truth", truth, "--resamples", "10", "--top", "3", "--title", "my run"]
    status, out, err = ntknas("report", finished, "-o", page, *options)
    assert (status, out) == (0, "")
    assert err.startswith(f"page: {page} (")
    text = page.read_text()
    assert "<h1>my run</h1>" in text
    assert "3 best of 12 by default" in text
    assert "pgd_8" in text


def test_a_run_of_networks_of_ones_own(ntknas, texts, own_truth, tmp_path):
    page = tmp_path / "page.html"
    status, _, _ = ntknas("report", texts, "--truth", own_truth, "-o", page, "--resamples", "10")
    assert status == 0
    assert "net_00" in page.read_text()
    assert "<svg" not in page.read_text()  # no cell of NAS-Bench-201


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ([], "to report on, got none"),
        (["no/such/run"], "expected a folder, or a file of scores"),
        ([None, "-o", "page.txt"], "ending in .html"),
        ([None, "-o", "no/such/page.html"], "lies in no folder"),
        ([None, "--metric", "pgd_8"], "belong to --truth FILE"),
        ([None, "--archs", "banana"], "expected an architecture of"),
        ([None, "--score", "banana"], "unknown score"),
        ([None, "--top", "0"], "at least 1"),
        ([None, "--static", "/dev/null"], "expected a folder to write to, got the file"),
    ],
)
def test_bad_options(refused, finished, tmp_path, monkeypatch, options, complaint):
    monkeypatch.chdir(tmp_path)
    words = [finished if word is None else word for word in options]
    assert complaint in refused("report", *words)
    assert list(tmp_path.iterdir()) == []
