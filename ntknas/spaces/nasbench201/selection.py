"""`architectures`: from the text that a user types to a list of cells."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, SupportsIndex

import numpy as np

from ntknas.errors import InputError, shorten
from ntknas.spaces.nasbench201.cell import Architecture
from ntknas.spaces.nasbench201.listing import NUM_ARCHITECTURES, representatives

__all__ = ["ArchitectureLike", "architecture_named", "architecture_of", "architectures"]

ArchitectureLike = Architecture | SupportsIndex | str
"""An architecture, its id, its string, or `code:` and six op codes."""

_FORMS = (
    "all, every, random:COUNT, random:COUNT:SEED, ids such as 0,5,9930, "
    "an architecture string, code:421211, NASLib's (4, 3, 3, 0, 0, 0) or @FILE"
)

# Commas and white space, but not those inside brackets.
_OUTSIDE = r"(?![^()\[\]]*[)\]])"
_SEPARATOR = re.compile(rf"\s*,\s*{_OUTSIDE}|\s+{_OUTSIDE}")


def architectures(spec: str | SupportsIndex | Architecture | Iterable[Any]) -> list[Architecture]:
    """The architectures that `spec` names; of duplicates only the first is kept.

    * `all`: the 6,466 distinct architectures (15,625 cells, duplicates merged), each given by the
      representative of its class, in the order of their ids;
    * `every`: all 15,625 cells, in the order of their ids;
    * `random:COUNT` or `random:COUNT:SEED`: the first COUNT of NumPy's
      `default_rng(SEED).permutation` of the 6,466, in that order. SEED is 0 if left out. With the
      same seed, a smaller draw is the beginning of a larger one;
    * an id such as 13 or 000013, an architecture string (NATS-Bench has the same), `code:` and six
      op codes, or the text of six op indices of NASLib in brackets, such as "(4, 3, 3, 0, 0, 0)";
      several are separated by commas or white space;
    * `@FILE`: a text file of those, such as one per line; text after `#` is skipped;
    * an `Architecture`, an integer, or an iterable of any of the above. Six integers are six ids;
      `Architecture.from_naslib` takes op indices.

    An id is never replaced by the representative of its class.

    Args:
        spec: Architectures in one of the forms above.

    Returns:
        At least one architecture.

    Raises:
        InputError: If `spec` has none of these forms, or names nothing.

    Example:
        >>> [cell.id for cell in architectures("0, 5, 9930, 5")]
        [0, 5, 9930]
        >>> architectures("random:2:7") == architectures("random:300:7")[:2]
        True
    """
    chosen = list(dict.fromkeys(_expand(spec)))
    if not chosen:
        raise InputError("expected at least one architecture, got an empty list")
    return chosen


def architecture_of(spec: Any) -> Architecture:
    """The one architecture that `spec` names.

    Args:
        spec: An `Architecture`, or its id, string or `code:` and six op codes.

    Raises:
        InputError: If `spec` names none or several.

    Example:
        >>> architecture_of(9930) == architecture_of("9930")
        True
    """
    if isinstance(spec, Architecture):
        return spec
    chosen = architectures(spec)
    if len(chosen) != 1:
        raise InputError(f"expected one architecture, got {len(chosen)} in {shorten(spec)}")
    return chosen[0]


def _expand(spec: Any) -> list[Architecture]:
    """The architectures that `spec` names; duplicates are kept."""
    if isinstance(spec, Architecture):
        return [spec]
    if isinstance(spec, str):
        return _parse(spec)
    if isinstance(spec, (int, np.integer)) and not isinstance(spec, bool):
        return [Architecture.from_id(spec)]
    if isinstance(spec, Iterable) and not isinstance(spec, (bytes, dict)):
        return [architecture for item in spec for architecture in _expand(item)]
    raise InputError(f"expected {_FORMS}, got {shorten(repr(spec))} ({type(spec).__name__})")


def _parse(spec: str) -> list[Architecture]:
    """The architectures that a text names."""
    spec = spec.strip()
    if spec == "all":
        return [Architecture.from_id(index) for index in sorted(set(representatives()))]
    if spec == "every":
        return [Architecture.from_id(index) for index in range(NUM_ARCHITECTURES)]
    if spec.startswith("random:"):
        return _draw(spec)
    if spec.startswith("@"):
        return _read(spec[1:])
    return [architecture_named(item) for item in _items(spec)]


def _items(text: str) -> list[str]:
    """The entries of a list that is separated by commas or white space."""
    return _SEPARATOR.split(text)


def architecture_named(item: str) -> Architecture:
    """The architecture that one name means: an id, a string, a code or op indices of NASLib.

    Args:
        item: Name of one architecture, without a list or a draw.

    Raises:
        InputError: If the text is none of these names.

    Example:
        >>> architecture_named("(4, 3, 3, 0, 0, 0)") == architecture_named("code:421211")
        True
    """
    item = item.strip()
    if item[:1] in ("(", "["):
        return Architecture.from_naslib(_numbers(item))
    if "|" in item or "~" in item:
        return Architecture.from_string(item)
    if item.startswith("code:"):
        return Architecture.from_code(item.removeprefix("code:").strip())
    if re.fullmatch(r"[0-4]{6}", item) and int(item) >= NUM_ARCHITECTURES:
        raise InputError(
            f"expected an architecture id in 0..{NUM_ARCHITECTURES - 1}, got {item}; "
            f"six op codes are written code:{item}"
        )
    if re.fullmatch(r"[+-]?[0-9]{1,18}", item):  # NAS-Bench-201's files write 000013
        return Architecture.from_id(int(item))
    raise InputError(f"expected {_FORMS}, got {shorten(item)!r}")


def _numbers(text: str) -> list[int] | str:
    """The whole numbers between brackets; the text itself if it is something else."""
    match = re.fullmatch(r"\(([\d,\s]*)\)|\[([\d,\s]*)\]", text)
    if match is None:
        return text
    return [int(number) for number in re.findall(r"\d{1,9}", match[1] or match[2] or "")]


def _draw(spec: str) -> list[Architecture]:
    """The architectures of `random:COUNT[:SEED]`."""
    pool = sorted(set(representatives()))
    match = re.fullmatch(r"random:([0-9]{1,9})(?::([0-9]{1,18}))?", spec)
    if match is None:
        raise InputError(
            f"expected random:COUNT or random:COUNT:SEED with whole numbers, got {spec!r}"
        )
    count, seed = int(match[1]), int(match[2] or 0)
    if not 1 <= count <= len(pool):
        raise InputError(f"expected random:COUNT with COUNT in 1..{len(pool)}, got {spec!r}")
    order = np.random.default_rng(seed).permutation(len(pool))
    return [Architecture.from_id(pool[position]) for position in order[:count]]


def _read(name: str) -> list[Architecture]:
    """The architectures in a text file, one per line."""
    try:
        text = Path(name).read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a text file"
        raise InputError(
            f"expected a readable list of architectures after @, got {name!r}: {reason}"
        ) from error
    cells = []
    for number, line in enumerate(text.splitlines(), start=1):
        content = line.partition("#")[0].strip().rstrip(",")
        try:
            cells += [architecture_named(item) for item in _items(content)] if content else []
        except InputError as error:
            raise InputError(f"{name}, line {number}: {error}") from error
    if not cells:
        raise InputError(f"expected one architecture per line in {name}, got none")
    return cells
