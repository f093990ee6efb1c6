"""`write_whole`: a text file that is either whole or as it was."""

import os
import stat
import tempfile
from pathlib import Path

__all__ = ["write_whole"]


def write_whole(path: Path, text: str) -> None:
    """Write a text file in one step: after a kill or on a full disk, the file is as it was.

    Symbolic links are followed, and a file keeps its permissions.

    Args:
        path: File to write.
        text: Its content.

    Raises:
        OSError: If the file cannot be written.

    Example:
        >>> path = Path(tempfile.mkdtemp()) / "facts.json"
        >>> write_whole(path, "{}")
        >>> path.read_text(), len(list(path.parent.iterdir()))
        ('{}', 1)
    """
    target = Path(os.path.realpath(path))
    mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else 0o644
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=".ntknas-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        os.chmod(temporary, mode)
        os.replace(temporary, target)
    except BaseException:
        os.unlink(temporary)
        raise
