"""What the scripts share as programs: clear errors, and pages on the screen and in a file."""

import contextlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from ntknas import InputError
from ntknas.report import output_file

__all__ = ["by_name", "clear_errors", "write_page"]


@contextlib.contextmanager
def clear_errors(program: str) -> Iterator[None]:
    """Turn input that cannot be used, and files that cannot be written, into one line on stderr.

    Args:
        program: Name in front of the message.

    Raises:
        SystemExit: With status 2.
    """
    try:
        yield
    except (InputError, OSError) as error:
        print(f"{program}: error: {' '.join(str(error).split())}", file=sys.stderr)
        raise SystemExit(2) from None


def by_name(paths: Sequence[Path]) -> dict[str, Path]:
    """Files by the name under which tables show them.

    Args:
        paths: Files.

    Raises:
        InputError: If two files have one name.
    """
    named = {path.name: path for path in paths}
    if len(named) < len(paths):
        raise InputError(f"expected files with different names, got {', '.join(map(str, paths))}")
    return named


def write_page(text: str, out: Path | None) -> None:
    """Print a page, and write it.

    Args:
        text: The page.
        out: File to write; None means the screen alone.
    """
    print(text)
    if out:
        with output_file(out) as temporary:
            temporary.write_text(text + "\n")
