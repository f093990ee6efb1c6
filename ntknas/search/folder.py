"""`search_folder`: a folder that keeps a search, from which a stopped search goes on.

It holds the history (`history.csv`), what the search was asked for (`search.json`) and a lock.
"""

import contextlib
import json
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ntknas.errors import InputError
from ntknas.files import write_whole
from ntknas.locks import try_lock
from ntknas.search.history import append_history, read_history
from ntknas.search.loop import Evaluation
from ntknas.spaces import Space

__all__ = ["SearchFolder", "search_folder"]

_FACTS = "search.json"


class SearchFolder:
    """The queries of a search on disk.

    Attributes:
        history: Path of the CSV file.
        known: The queries that it held when it was opened.
    """

    def __init__(self, history: Path, known: Sequence[Evaluation]):
        self.history = history
        self.known = list(known)
        self._stored = len(self.known)

    def save(self, history: Sequence[Evaluation]) -> None:
        """Add the queries that the file does not hold yet (`on_query` of `ntknas.search.search`).

        Args:
            history: All queries so far.
        """
        append_history(self.history, history, stored=self._stored)
        self._stored = max(self._stored, len(history))


@contextlib.contextmanager
def search_folder(
    path: str | os.PathLike[str],
    facts: Mapping[str, Any],
    space: Space[Any],
    *,
    unused: Collection[str] = (),
    check: Callable[[Sequence[Evaluation]], None] | None = None,
) -> Iterator[SearchFolder]:
    """Open the folder of a search, which only this process writes to meanwhile.

    Args:
        path: Folder of the search, which is made if necessary.
        facts: What the search was asked for, as JSON holds it: algorithm, objective, seed. A folder
            of another search is refused. The number of queries is no part of it, so that a search
            can be extended.
        space: Space of the architectures.
        unused: Names of facts that do not matter to this search, in which the folder may differ.
        check: Function that raises InputError for queries that this search does not continue, such
            as those of another table. It is called before anything is written.

    Yields:
        The queries so far, and where to save more.

    Raises:
        InputError: If the folder cannot be used, another process writes to it, or it holds another
            search.

    Example:
        >>> import tempfile
        >>> from ntknas.search import search
        >>> from ntknas.spaces import NASBENCH201
        >>> def wider(cells):
        ...     return [cell.string.count("conv_3x3") for cell in cells]
        >>> place, asked = tempfile.mkdtemp(), {"objective": "3x3 convolutions", "seed": 0}
        >>> for queries in (20, 30):
        ...     with search_folder(place, asked, NASBENCH201) as folder:
        ...         told = {"history": folder.known, "on_query": folder.save}
        ...         found = search("evolution", NASBENCH201, wider, queries=queries, **told)
        ...     print(len(folder.known), len(found))
        0 20
        20 30
    """
    folder = Path(path)
    with contextlib.ExitStack() as stack:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            free = stack.enter_context(try_lock(folder / "lock"))
        except OSError as error:
            raise InputError(f"expected a folder for the history, got {folder}: {error}") from None
        if not free:
            raise InputError(f"another process is writing to {folder}")
        history = folder / "history.csv"
        try:
            _check_same(folder, facts, unused)
            known = read_history(history, space) if history.exists() else []
            if check is not None:
                check(known)
            write_whole(folder / _FACTS, json.dumps(dict(facts), indent=1) + "\n")
        except InputError:
            raise
        except (OSError, ValueError) as error:
            raise InputError(f"expected a folder for the history, got {folder}: {error}") from None
        append_history(history, known)  # without a line that was cut off
        yield SearchFolder(history, known)


def _check_same(folder: Path, facts: Mapping[str, Any], unused: Collection[str]) -> None:
    """Raise InputError if the folder holds another search, and ValueError if it is damaged."""
    described = folder / _FACTS
    if not described.exists():
        return
    before = json.loads(described.read_text(encoding="utf-8"))
    if not isinstance(before, dict):
        raise ValueError(f"{described.name} holds no settings")
    for name in sorted((facts.keys() | before.keys()).difference(unused)):
        if before.get(name) != facts.get(name):
            raise InputError(
                f"the search in {folder} has {name} {before.get(name)}, got {facts.get(name)}; "
                "choose another folder"
            )
