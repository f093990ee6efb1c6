"""What the scripts share as programs: bad input ends in one line and exit status 2."""

import contextlib
import sys
from collections.abc import Iterator

from ntknas import InputError

__all__ = ["clear_errors"]


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
