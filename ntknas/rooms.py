"""Rooms whose names are imported when they are first used, with advice for misspelt names."""

import difflib
from collections.abc import Callable, Iterable
from typing import Any

import lazy_loader

__all__ = ["advice", "attach"]


def attach(name: str, file: str) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """`__getattr__`, `__dir__` and `__all__` of a room, from the stub `__init__.pyi` beside it.

    Args:
        name: Dotted name of the room, its `__name__`.
        file: Path of its `__init__.py`, its `__file__`.
    """
    attached, listed, names = lazy_loader.attach_stub(name, file)

    def get(attribute: str) -> Any:
        if attribute in names or attribute.startswith("_"):
            return attached(attribute)
        raise AttributeError(
            f"module {name!r} has no attribute {attribute!r}{advice(attribute, names)}"
        )

    return get, listed, names


def advice(name: str, known: Iterable[str]) -> str:
    """The end of an error message: names like the one that was meant, or nothing.

    Args:
        name: Name that does not exist.
        known: Names that exist.

    Example:
        >>> advice("corelate", ["correlate", "rank"])
        '; did you mean correlate?'
        >>> advice("x", ["correlate", "rank"])
        ''
    """
    close = difflib.get_close_matches(name, list(known), n=3)
    return f"; did you mean {' or '.join(close)}?" if close else ""
