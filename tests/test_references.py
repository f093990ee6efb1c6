"""Citations of the package and docs/references.bib agree, both ways."""

import re
from pathlib import Path

_ROOT = Path(__file__).parents[1]
_ENTRY = re.compile(r"@\w+\{\w+,\n  author = \{([^,]+),.*?  year = \{(\d{4})\}", re.DOTALL)
_CITED = re.compile(
    r"\b([A-Z][a-z]+(?:-[A-Z][a-z]+)?)(?: et al\.| & [A-Z][a-z]+),? "
    r"\(?[^().;]{0,60}?\b((?:19|20)\d\d)\b(?!\.\d)"
)


def _text() -> str:
    """Package, experiments and documents, without line breaks."""
    folders = [_ROOT / "ntknas", _ROOT / "experiments", _ROOT / "docs"]
    paths = [
        path for folder in folders for kind in ("py", "md") for path in folder.rglob(f"*.{kind}")
    ]
    return re.sub(r"\s+", " ", " ".join(path.read_text() for path in [*paths, _ROOT / "README.md"]))


def _entries() -> set[tuple[str, str]]:
    return set(_ENTRY.findall((_ROOT / "docs" / "references.bib").read_text()))


def test_every_citation_has_an_entry():
    cited = set(_CITED.findall(_text()))
    assert len(cited) > 20
    assert cited <= _entries()


def test_every_entry_is_cited():
    text = _text()
    unused = [
        (author, year)
        for author, year in _entries()
        if not re.search(rf"\b{author}\b[^;]{{0,90}}\b{year}\b", text)
    ]
    assert not unused


def test_every_entry_is_read():
    text = (_ROOT / "docs" / "references.bib").read_text()
    assert len(_ENTRY.findall(text)) == text.count("\n@")
