"""`output_file`: where commands and pictures write, so that nothing is lost or half-written."""

import contextlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ntknas.errors import InputError

__all__ = ["check_output", "output_file"]

_SQLITE = b"SQLite format 3\0"  # the first bytes of a database, by the file format of SQLite


def check_output(path: str | os.PathLike[str]) -> Path:
    """The path of a file to be written, after a check.

    Args:
        path: Path of the file.

    Raises:
        InputError: If the path is a folder, lies in no folder that exists, may not be written, or
            is a database, such as that of a run.
    """
    path = Path(path)
    try:
        mode = _mode(path)
        folder = _target(path).parent
        if mode is None and not folder.is_dir():
            raise InputError(f"expected a file to write, but {path} lies in no folder that exists")
    except OSError as error:
        raise InputError(f"expected a file to write, got {path}: {error.strerror}") from None
    if mode is None:
        if not os.access(folder, os.W_OK | os.X_OK):
            raise InputError(f"cannot write {path}: no permission to make files in {folder}")
        return path
    if stat.S_ISDIR(mode):
        raise InputError(f"expected a file to write, but {path} is a folder")
    # An administrator may write anything; a file that nobody may write is kept all the same.
    if not os.access(path, os.W_OK) or (stat.S_ISREG(mode) and not mode & 0o222):
        raise InputError(f"cannot write {path}: its permissions do not allow it")
    if stat.S_ISREG(mode) and _is_database(path):
        raise InputError(f"expected a file that may be replaced, but {path} is a database")
    return path


@contextlib.contextmanager
def output_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """The path of a temporary file, whose content is put in place when the block ends.

    A regular file is replaced in one step and keeps its permissions, so that it is either complete
    or unchanged. Symbolic links are followed. A FIFO or a device is written into.

    Args:
        path: Path of the file to write.

    Yields:
        Path of an empty file with the same ending, to write to.

    Raises:
        InputError: Where `check_output` raises it.

    Example:
        >>> file = Path(tempfile.mkdtemp()) / "table.csv"
        >>> with output_file(file) as temporary:
        ...     _ = temporary.write_text("id")
        >>> file.read_text()
        'id'
    """
    path = check_output(path)
    mode, target = _mode(path), _target(path)
    replace = (mode is None or stat.S_ISREG(mode)) and os.access(target.parent, os.W_OK | os.X_OK)
    where = target.parent if replace else None
    with tempfile.TemporaryDirectory(dir=where, prefix=".ntknas-") as folder:
        temporary = Path(folder) / path.name
        temporary.touch()
        yield temporary
        if replace:
            if mode is not None:
                temporary.chmod(stat.S_IMODE(mode))
            os.replace(temporary, target)
        else:
            with temporary.open("rb") as source, path.open("wb") as sink:
                shutil.copyfileobj(source, sink)


def _is_database(path: Path) -> bool:
    """Whether a file is a database of SQLite; False for one that may not be read."""
    if not os.access(path, os.R_OK):
        return False
    with path.open("rb") as file:
        return file.read(len(_SQLITE)) == _SQLITE


def _mode(path: Path) -> int | None:
    """Kind and permissions of what a path leads to; None if there is nothing."""
    try:
        return path.stat().st_mode
    except FileNotFoundError:
        return None


def _target(path: Path) -> Path:
    """The path with its links followed; a link may lead to a file that is yet to be made."""
    return Path(os.path.realpath(path))
