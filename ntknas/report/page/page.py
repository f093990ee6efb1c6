"""`write_page`: a report as one file of HTML that works without a network.

Pictures are drawn by Vega-Lite (Satyanarayan et al., TVCG 2017), whose JavaScript is part of the
page. Its content security policy forbids every request.
"""

import os
import re
from datetime import UTC, datetime
from functools import cache
from html import escape
from importlib import resources
from pathlib import Path

from ntknas import __version__
from ntknas.errors import InputError
from ntknas.registry import Registry
from ntknas.report.output import check_output, output_file
from ntknas.report.page.histories import search_section, training_section
from ntknas.report.page.html import json_for_script
from ntknas.report.page.material import Material
from ntknas.report.page.section import Charts, Section, SectionOf

__all__ = ["SECTIONS", "page_html", "write_page"]

_ROOM = "ntknas.report.page"

SECTIONS: Registry[SectionOf] = Registry(
    "section",
    {
        "settings": f"{_ROOM}.settings:settings_section",
        "ranking": f"{_ROOM}.ranking:ranking_section",
        "scatter": f"{_ROOM}.scatter:scatter_section",
        "correlations": f"{_ROOM}.agreement:correlations_section",
        "spectra": f"{_ROOM}.kernels:spectra_section",
        "betas": f"{_ROOM}.kernels:beta_section",
    },
)
"""Sections on scores, in the order of the page."""

# Nothing is loaded from anywhere; Vega compiles expressions, which needs unsafe-eval.
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; "
    "img-src data: blob:"
)


def write_page(material: Material, path: str | os.PathLike[str], *, title: str = "") -> Path:
    """Write the report as one file, in one step.

    Args:
        material: What the report shows.
        path: Path of the file, ending in .html.
        title: Title of the page; empty means one with the names of the runs.

    Returns:
        The path of the file.

    Raises:
        InputError: If the path has another ending or cannot be written, or the package
            vl-convert-python is missing.
    """
    path = check_output(path)
    if path.suffix.lower() not in (".html", ".htm"):
        raise InputError(f"expected a page's name ending in .html, got {str(path)!r}")
    libraries()
    text = page_html(material, title=title)
    with output_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")
    return path


def page_html(material: Material, *, title: str = "") -> str:
    """The report as text of HTML.

    Args:
        material: What the report shows.
        title: Title of the page; empty means one with the names of the runs.

    Raises:
        InputError: If the package vl-convert-python is missing.
    """
    charts = Charts()
    parts: list[tuple[str, list[Section]]] = []
    for scored in material.scored:
        made = [section(scored, charts) for section in SECTIONS.values()]
        parts.append((scored.table.name, [section for section in made if section is not None]))
    histories = [search_section(searched, charts) for searched in material.searched]
    histories += [training_section(folder, charts) for folder in material.trained]
    if histories:
        parts.append(("Histories", histories))
    names = [scored.table.name for scored in material.scored] or [s.title for s in histories]
    title = title or f"ntknas: {', '.join(names)}"
    links, body = [], []
    for number, (name, sections) in enumerate(parts):
        links.append(f'<a class="part" href="#part-{number}">{escape(name)}</a>')
        body.append(f'<h2 id="part-{number}">{escape(name)}</h2>')
        for position, section in enumerate(sections):
            key = f"section-{number}-{position}"
            links.append(f'<a href="#{key}">{escape(section.title)}</a>')
            body.append(
                f'<section aria-labelledby="{key}"><h3 id="{key}">{escape(section.title)}</h3>'
                f"{section.html}</section>"
            )
    when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_own('page.css')}</style></head><body>"
        '<a class="skip" href="#content">skip to the content</a>'
        f"<header><h1>{escape(title)}</h1><p>Made by ntknas {__version__}, {when}.</p>"
        '<button type="button" id="theme" aria-pressed="false">dark</button>'
        f'<nav aria-label="sections">{"".join(links)}</nav></header>'
        f'<main id="content">{"".join(body)}</main>'
        f'<script type="application/json" id="charts">{json_for_script(charts.listed)}</script>'
        f"<script>{libraries()}</script><script>{_own('page.js')}</script></body></html>\n"
    )


@cache
def libraries() -> str:
    """The JavaScript of Vega, Vega-Lite and Vega-Embed, which draws the pictures.

    Raises:
        InputError: If the package vl-convert-python is missing.
    """
    try:
        import vl_convert
    except ImportError:
        raise InputError(
            "the page needs the package vl-convert-python: pip install 'ntknas[report]'"
        ) from None
    return re.sub(
        r"</(?=script)",
        r"<\\/",
        vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;"),
        flags=re.IGNORECASE,
    )


def _own(name: str) -> str:
    """The text of a file beside this module."""
    return (resources.files(_ROOM) / name).read_text(encoding="utf-8")
