"""Where to download, and recognising published files."""

import hashlib

import pytest

from ntknas.truth import SOURCES, truth_sources
from ntknas.truth.sources import published_name


def test_every_source_says_where_and_which():
    text = truth_sources()
    for source in SOURCES:
        assert source.file in text
        assert "https://" in source.where
        assert (source.size is None) == (source.sha256 is None)
        if source.sha256:
            assert source.sha256 in text
            assert str(source.size) in text
    for word in ("tt2408.github.io/nasrobbench201hp", "Google Drive", "data.robustness.vision"):
        assert word in text


@pytest.mark.parametrize("name", ["NAS-RobBench-201_html.json", "acc.json"])
def test_published_files_are_recognised(data_file, tmp_path, name):
    path = data_file(f"robbench/{name}")
    assert published_name(path) == name
    source = next(source for source in SOURCES if source.file == name)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == source.sha256
    copy = tmp_path / "renamed.json"
    copy.write_bytes(path.read_bytes()[:-1] + b" ")
    assert published_name(copy) is None
