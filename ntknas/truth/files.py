"""Reading a JSON file that a user downloaded; errors say what another kind of file is.

The tables of the project pages are a JavaScript assignment, `acc={...}`, which is not JSON. The
released files are JSON. Both are read here.
"""

import json
import re
from pathlib import Path
from typing import Any

from ntknas.errors import InputError

__all__ = ["read_json"]

_SIGNATURES = (
    (b"PK\x03\x04", "a zip archive (or a PyTorch checkpoint): unpack it first"),
    (b"\x1f\x8b", "a gzip file: unpack it first"),
    (b"BZh", "a bzip2 file: unpack it first"),
    (b"\xfd7zXZ", "an xz file: unpack it first"),
    (b"7z\xbc\xaf", "a 7z archive: unpack it first"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"PAR1", "a Parquet file"),
    (b"SQLite format 3", "an SQLite database"),
    (b"%PDF", "a PDF document"),
    (b"\x89PNG", "a PNG image"),
    (b"version https://git-lfs", "a Git LFS pointer: the file itself was not downloaded"),
)


def _describe(head: bytes) -> str | None:
    """Description of the file from its first bytes; None if it may be JSON or JavaScript."""
    for signature, description in _SIGNATURES:
        if head.startswith(signature):
            return description
    if len(head) > 1 and head[0] == 0x80 and 2 <= head[1] <= 5:
        return "a Python pickle"
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith(b"<"):
        return "a web page: a download page or a quota notice was saved instead of the file"
    if b"\0" in head:
        return "a binary file"
    return None


def _whole_number(text: str) -> int:
    """A whole number that is small enough to become a float."""
    if len(text) > 300:
        raise ValueError("a number of more than 300 digits")
    return int(text)


def read_json(path: Path) -> Any:
    """The JSON value in a file, with or without a JavaScript assignment around it.

    Args:
        path: File that holds JSON, or `name={...}`, which may begin with `const`, `let` or `var`
            and end with a semicolon.

    Returns:
        The value that `json.loads` returns; NaN and infinities are accepted.

    Raises:
        InputError: If the file is missing, empty, cut off, or not JSON; the message says what the
            file looks like.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "acc.json"
        >>> _ = path.write_text('acc={"0": [0.5]}')
        >>> read_json(path)
        {'0': [0.5]}
    """
    try:
        with path.open("rb") as file:
            head = file.read(4096)
            description = _describe(head)
            if description:
                raise InputError(f"expected JSON in {path}, got {description}")
            content = head + file.read()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    try:
        text = content.decode("utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise InputError(f"expected JSON in {path}, got bytes that are not UTF-8 text") from error
    if not text:
        raise InputError(f"expected JSON in {path}, got an empty file")
    assignment = re.match(r"(?:(?:const|let|var)\s+)?[A-Za-z_$][\w$]*\s*=(?!=)\s*", text)
    if assignment:
        text = text[assignment.end() :].removesuffix(";").rstrip()
    try:
        return json.loads(text, parse_int=_whole_number)
    except RecursionError as error:
        raise InputError(f"expected a table in {path}, got JSON nested too deeply") from error
    except json.JSONDecodeError as error:
        if text[:1] in "{[" and (error.pos >= len(text) or text[-1:] not in "]}"):
            raise InputError(
                f"{path} breaks off in the middle of its JSON after {len(content)} bytes "
                "(a download that stopped?)"
            ) from error
        raise InputError(
            f"expected JSON in {path}, got an error at character {error.pos}: {error.msg}"
        ) from error
    except ValueError as error:
        raise InputError(f"expected JSON in {path}, got an unreadable number") from error
