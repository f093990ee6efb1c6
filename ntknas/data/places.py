"""Where published files lie on this machine, and what a name means.

Files are looked for below the folder that `$NTKNAS_DATA` names, if it is set, and then below the
folder `data` of the user's cache, to which `ntknas data fetch` writes. In either of them a file may
lie in a folder of its name (`cifar10/cifar-10-python.tar.gz`) or directly.
"""

import os
from pathlib import Path

from ntknas.data.published import PUBLISHED, Kind
from ntknas.errors import InputError, shorten

__all__ = ["cache_folder", "data_folder", "find_data", "locate"]


def cache_folder() -> Path:
    """The folder of everything that can be made or fetched again.

    It is `~/.cache/ntknas`, or `ntknas` below `$XDG_CACHE_HOME`.
    """
    caches = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(caches) / "ntknas"


def data_folder() -> Path:
    """The folder that published files are fetched into."""
    return cache_folder() / "data"


def find_data(name: str) -> Path | None:
    """The published file with a name, or the folder that it was unpacked to.

    Args:
        name: Name of a member of `PUBLISHED`.

    Returns:
        Its path, or None if it is not on this machine. What it holds is not checked.

    Raises:
        InputError: If the name is unknown.
    """
    published = PUBLISHED[name]
    own = os.environ.get("NTKNAS_DATA")
    for root in ([Path(own)] if own else []) + [data_folder()]:
        for place in (f"{name}/{published.file}", published.file, *published.elsewhere):
            if os.path.exists(root / place):
                return root / place
    return None


def locate(path: str | os.PathLike[str], kind: Kind) -> Path:
    """The path that a user means, which may be the name of a published file.

    A file or folder of that name in the working folder has precedence.

    Args:
        path: A path, or the name of a member of `PUBLISHED`.
        kind: What the file has to hold.

    Returns:
        The path of the published file, or else the path as it is.

    Raises:
        InputError: If the name is that of a file that holds something else, or that is not on this
            machine; the message says how to get it.

    Example:
        >>> locate("runs/table.csv", Kind.ACCURACIES).name
        'table.csv'
    """
    name = os.fspath(path)
    if name not in PUBLISHED or os.path.exists(path):
        return Path(path)
    published = PUBLISHED[name]
    if published.kind is not kind:
        names = ", ".join(key for key, other in PUBLISHED.items() if other.kind is kind)
        raise InputError(f"expected {kind} ({names}, or a path), got {name}: {published.kind}")
    found = find_data(name)
    if found is None:
        raise InputError(
            f"{name} is not on this machine: run `ntknas data fetch {name}` "
            f"({published.size / 1e6:.3g} MB), or `ntknas data add {name} FILE` with "
            f"{published.file} from {shorten(published.addresses[0], 200)}"
        )
    return found
