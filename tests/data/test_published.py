"""The list of published files, held to the files that are at hand."""

import re

import pytest

from ntknas.data import PUBLISHED, Kind, file_matches, locate


@pytest.mark.parametrize("name", PUBLISHED)
def test_an_entry_is_complete(name):
    published = PUBLISHED[name]
    digits = {"sha256": 64, "md5": 32}
    algorithm, digest = published.checksum.split(":")
    assert re.fullmatch(f"[0-9a-f]{{{digits[algorithm]}}}", digest)
    assert all(address.startswith("https://") for address in published.addresses)
    assert all(address.endswith(f"/{published.file}") for address in published.addresses)
    assert published.licence
    assert "http" in published.source


@pytest.mark.parametrize(
    ("name", "place"),
    [("robbench", "robbench/NAS-RobBench-201_html.json"), ("jung", "robbench/acc.json")],
)
def test_the_published_tables(name, place, data_file, monkeypatch, tmp_path):
    path = data_file(place)
    assert path.stat().st_size == PUBLISHED[name].size
    assert file_matches(path, PUBLISHED[name].checksum)
    assert not file_matches(path, PUBLISHED[name].checksum[:-1] + "0")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NTKNAS_DATA", str(path.parent.parent))
    assert locate(name, Kind.ACCURACIES) == path
