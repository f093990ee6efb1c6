"""What commands print: results on stdout, everything said about them on stderr."""

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["note", "write", "write_table"]


def write(text: str) -> None:
    """A result, on stdout.

    Example:
        >>> write("6466")
        6466
    """
    sys.stdout.write(f"{text}\n")


def note(text: str) -> None:
    """A remark that is not part of the result, on stderr."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def write_table(frame: "pd.DataFrame", *, format: str) -> None:
    """A table on stdout.

    Args:
        frame: to print, without its index.
        format: of `ntknas.report.format_table`.
    """
    from ntknas.report import format_table

    color = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    write(format_table(frame, format=format, color=color))
