"""The page as text: its sections, that it asks for nothing, and that names cannot break out."""

import json
import re
from html.parser import HTMLParser

import pytest

from ntknas.errors import InputError
from ntknas.report.page import SECTIONS, Material, gather, page_html, write_page
from ntknas.report.page.page import libraries
from tests.report.page.conftest import HOSTILE, METRIC

vl_convert = pytest.importorskip("vl_convert", reason="pages need the extra report")


class Reader(HTMLParser):
    """The elements of a page, with their attributes, and the text of its headings."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.headings, self._heading = [], [], False
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self._heading = tag in ("h1", "h2", "h3")

    def handle_endtag(self, tag):
        self._heading = False

    def handle_data(self, data):
        if self._heading:
            self.headings.append(data)


@pytest.fixture(scope="module")
def text(material):
    return page_html(material)


@pytest.fixture(scope="module")
def page(text):
    return Reader(text)


def charts(text):
    content = re.search(r'<script type="application/json" id="charts">(.*?)</script>', text, re.S)
    assert content
    return json.loads(content[1])


def test_every_section_is_there(page, places):
    wanted = ["What was run", "Ranking", "Scores and accuracies", "Correlations", "Spectra"]
    wanted += ["Kernels over beta and rho", "Histories", f"Search: {places[1]}"]
    assert [h for h in page.headings if h in wanted] == wanted
    assert f"Trainings: {places[2]}" in page.headings
    assert len(SECTIONS) == 6


def test_nothing_is_loaded_from_elsewhere(text, page):
    own = text.replace(libraries(), "")
    # The names of XML's vocabularies are no addresses.
    assert not re.findall(r"https?://(?!www\.w3\.org/2000/svg)", own)
    assert not [a for _, a in page.tags if a.get("src") or (a.get("href") or "#")[0] != "#"]
    assert "@import" not in own
    assert "url(" not in own
    assert "default-src 'none'" in text


def test_names_cannot_break_out(text, page):
    kinds = {tag for tag, _ in page.tags}
    assert "img" not in kinds
    assert "b" not in kinds
    assert [tag for tag, _ in page.tags].count("script") == 3
    assert any(HOSTILE in heading for heading in page.headings)  # it is shown all the same
    assert METRIC in charts(text)[0]["columns"]


def test_every_picture_and_table_has_a_name(page, text):
    drawn = [a for _, a in page.tags if a.get("class") == "chart"]
    assert len(drawn) == len(charts(text))
    assert all(attributes["aria-label"] for attributes in drawn)
    assert all(a["aria-label"] for tag, a in page.tags if tag == "svg")
    tables = [tag for tag, _ in page.tags if tag == "table"]
    assert len(tables) == len([tag for tag, _ in page.tags if tag == "caption"])
    assert all("scope" in a for tag, a in page.tags if tag == "th")


def test_every_specification_is_valid(text):
    kinds = {}  # one picture of each kind: all that differ in more than their data and names
    for chart in charts(text):
        spec = chart["spec"]
        marks = [layer["mark"] for layer in spec.get("layer", [spec])]
        kinds[json.dumps([marks, spec["encoding"]["y"].get("scale")])] = spec
    assert len(kinds) > 4
    for spec in kinds.values():
        if spec["data"]["values"]:
            assert "<svg" in vl_convert.vegalite_to_svg(spec | {"width": 300})


def test_ranks_have_the_range_of_the_draws(material, text):
    ranking = material.scored[0].ranking
    assert (ranking["rank_low"] <= ranking["rank_high"]).all()
    first = ranking.iloc[0]
    assert f"<td>{first['rank_low']:.0f} to {first['rank_high']:.0f}</td>" in text


def test_names_that_are_no_text(material, tmp_path):
    page = write_page(material, tmp_path / "page.html", title="of \udcff")
    assert "of \\udcff" in page.read_text(encoding="utf-8")


def test_pages_are_written_whole_or_not_at_all(material, tmp_path, monkeypatch):
    with pytest.raises(InputError, match=r"ending in \.html"):
        write_page(material, tmp_path / "page.txt")
    monkeypatch.setattr("ntknas.report.page.page.page_html", lambda *a, **k: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_page(material, tmp_path / "page.html")
    assert list(tmp_path.iterdir()) == []


def test_a_history_alone(places):
    text = page_html(gather(places[1:2]), title="one <search>")
    assert "<title>one &lt;search&gt;</title>" in text
    assert "Ranking" not in text


def test_without_the_package(monkeypatch):
    libraries.cache_clear()
    monkeypatch.setitem(__import__("sys").modules, "vl_convert", None)
    with pytest.raises(InputError, match=r"pip install 'ntknas\[report\]'"):
        page_html(Material([], [], [], None))
    libraries.cache_clear()
