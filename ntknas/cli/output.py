"""Output of the commands: results on stdout, remarks about them on stderr."""

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["note", "write", "write_table"]


def write(text: str) -> None:
    """Write a result to stdout.

    Example:
        >>> write("6466")
        6466
    """
    sys.stdout.write(f"{text}\n")


def note(text: str) -> None:
    """Write a remark, which is not part of the result, to stderr; if that is closed, to nowhere."""
    if sys.stderr is not None:
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()


def write_table(frame: "pd.DataFrame", *, format: str) -> None:
    """Write a table to stdout.

    Args:
        frame: Table to write, without its index.
        format: Format of the text, one of those of `ntknas.report.format_table`.
    """
    from ntknas.report import format_table

    color = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    write(format_table(frame, format=format, color=color))
