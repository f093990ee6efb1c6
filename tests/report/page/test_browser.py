"""The page in Chromium: no complaints, hovering, choosing, filtering, brushing, both themes."""

import time

import pytest

from ntknas.report.page import write_page
from tests.report.page.browser import CHROMIUM, browser
from tests.report.page.conftest import CELLS

pytest.importorskip("vl_convert", reason="pages need the extra report")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine"),
]


@pytest.fixture(scope="module")
def opened(material, tmp_path_factory):
    """The page in a browser."""
    folder = tmp_path_factory.mktemp("browser")
    page = write_page(material, folder / "page.html")
    with browser(folder / "profile") as one:
        one.open(page.as_uri())
        one.size(1200, 900)
        yield one


def box(opened, selector):
    """The middle and the size of an element, after scrolling to it."""
    opened.js(f"document.querySelector('{selector}').scrollIntoView({{block: 'center'}})")
    return opened.js(
        f"(() => {{ const e = document.querySelector('{selector}').getBoundingClientRect();"
        "return [e.x, e.y, e.width, e.height]; })()"
    )


def state(opened):
    return opened.js("document.getElementById('state-0').textContent")


def change(opened, key, code, event):
    opened.js(
        f"(() => {{ const e = document.getElementById('{key}'); {code};"
        f"e.dispatchEvent(new Event('{event}')); }})()"
    )
    time.sleep(1)


def test_every_picture_is_drawn_without_a_complaint(opened):
    drawn = opened.js(
        "[...document.querySelectorAll('.chart')].map(c => c.querySelectorAll('svg').length)"
    )
    assert len(drawn) > 10
    assert set(drawn) == {1}
    assert opened.complaints == []


def test_hovering_shows_the_numbers_and_keeps_names_harmless(opened):
    x, y, width, height = box(opened, "#chart-0 .mark-symbol path")
    opened.mouse("mouseMoved", x + width / 2 - 2, y + height / 2)
    opened.mouse("mouseMoved", x + width / 2, y + height / 2)
    time.sleep(0.5)
    tip = opened.js("document.getElementById('vg-tooltip-element').innerText")
    assert "architecture" in tip
    assert "~0|" in tip
    assert "pgd" in tip
    assert opened.complaints == []


def test_a_rectangle_lists_its_points(opened):
    x, y, width, height = box(opened, "#chart-0 svg .background")
    opened.drag((x + 3, y + 3), (x + width - 3, y + height - 3))
    assert "in the rectangle" in state(opened)
    listed = opened.js("document.querySelectorAll('#chosen-0 tbody tr').length")
    assert 0 < listed <= len(CELLS)


def test_filter_axes_and_colours(opened):
    change(opened, "filter-0", f"e.value = '{CELLS[0].id} nor_conv'", "input")
    few = int(state(opened).split()[0])
    assert few <= 2
    change(opened, "filter-0", "e.value = ''", "input")
    assert state(opened).startswith(f"{len(CELLS)} of {len(CELLS)} points")
    change(opened, "x-0", "e.value = 'cond@clean'", "change")
    change(opened, "c-0", "e.value = 'params'", "change")
    change(opened, "log-x-0", "e.checked = true", "change")
    words = opened.js("document.getElementById('chart-0').textContent")
    assert "cond@clean" in words
    assert "params" in words
    assert opened.complaints == []


def test_themes_and_phones(opened):
    background = "getComputedStyle(document.body).backgroundColor"
    opened.size(390, 844, phone=True)
    assert opened.js("document.documentElement.scrollWidth") == 390
    assert opened.js(background) == "rgb(255, 255, 255)"
    opened.size(390, 844, dark=True, phone=True)
    assert opened.js(background) == "rgb(20, 24, 28)"
    opened.js("document.getElementById('theme').click()")
    time.sleep(1)
    assert opened.js(background) == "rgb(255, 255, 255)"
    assert opened.complaints == []
