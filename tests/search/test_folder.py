"""Folders of searches."""

import pytest

from ntknas.errors import InputError
from ntknas.search import Evaluation, search_folder
from ntknas.spaces import NASBENCH201

FACTS = {"algorithm": "random", "seed": 0, "preset": "fast"}
HISTORY = [Evaluation(cell, 0.5) for cell in NASBENCH201.sample(3, 0)]


@pytest.fixture
def folder(tmp_path):
    """The folder of a search of three queries."""
    with search_folder(tmp_path, FACTS, NASBENCH201) as opened:
        opened.save(HISTORY)
    return tmp_path


def test_another_search_is_refused_unless_the_fact_does_not_matter(folder):
    other = FACTS | {"preset": "standard"}
    with (
        pytest.raises(InputError, match="has preset fast, got standard"),
        search_folder(folder, other, NASBENCH201),
    ):
        pass
    with search_folder(folder, other, NASBENCH201, unused={"preset"}) as opened:
        assert opened.known == HISTORY
    with (
        pytest.raises(InputError, match="has seed 0, got 1"),
        search_folder(folder, FACTS | {"seed": 1}, NASBENCH201, unused={"preset"}),
    ):
        pass


def test_queries_are_checked_before_anything_is_written(folder):
    history = folder / "history.csv"
    history.write_text(history.read_text() + "4,99")  # cut off
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    checked = []

    def check(known):
        checked.extend(known)
        raise InputError("another table")

    with (
        pytest.raises(InputError, match="^another table$"),
        search_folder(folder, FACTS | {"truth": None}, NASBENCH201, check=check),
    ):
        pass
    assert checked == HISTORY
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
