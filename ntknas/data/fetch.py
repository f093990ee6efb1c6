"""`fetch`: a published file from its address or a mirror; `add_file`: from a file by hand.

A file is whole and has its checksum before it gets its name. Until then its bytes are in a file
`.part` beside it, from which the next download goes on if the server can. pooch checks and places
files; it neither resumes nor knows mirrors, which is done here.
"""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import ntknas
from ntknas.data.places import data_folder, find_data
from ntknas.data.published import PUBLISHED, PublishedFile, file_matches
from ntknas.errors import InputError, shorten
from ntknas.locks import try_lock

__all__ = ["add_file", "fetch"]

OnProgress = Callable[[int, int], None]

_SECONDS_TO_CONNECT, _SECONDS_OF_SILENCE = 20, 60
_CHUNK = 1 << 16  # what a connection that breaks off loses at most
_TRIES = 5


def fetch(name: str, *, address: str | None = None, on_progress: OnProgress | None = None) -> Path:
    """A published file on this machine, downloaded if it is not there yet.

    Addresses are tried in order: that of the argument, or else the file below `$NTKNAS_MIRROR`, if
    it is set, and the published ones.

    Args:
        name: Name of a member of `PUBLISHED`.
        address: Address of the file, in place of the known ones. The checksum stays the same.
        on_progress: Function that is called with the number of bytes that are there and the size.

    Returns:
        The path of the file, or of the folder that it was unpacked to by hand.

    Raises:
        InputError: If the name is unknown, the address is none, or `$NTKNAS_DATA` holds another
            file under the name.
        OSError: If no address gave the file, or the folder cannot be written; the message says
            what to do by hand.
    """
    published = PUBLISHED[name]
    if address is not None and urlsplit(address).scheme not in ("http", "https"):
        raise InputError(
            f"expected an address that begins with http:// or https://, got {address!r}; a file on "
            f"this machine is added with `ntknas data add {name} FILE`"
        )
    found = find_data(name)
    if found is not None and (found.is_dir() or file_matches(found, published.checksum)):
        return found
    target = data_folder() / name / published.file
    if found not in (None, target):
        raise InputError(f"{found} is not the published {name}: remove it, or unset NTKNAS_DATA")
    mirror = os.environ.get("NTKNAS_MIRROR")
    mirrors = (f"{mirror.rstrip('/')}/{published.file}",) if mirror else ()
    addresses = (address,) if address else (*mirrors, *published.addresses)
    failures = []
    with _claimed(target):
        _check_room(target, published)
        for candidate in addresses:
            try:
                _retrieve(candidate, target, published, on_progress)
                return target
            except _refusals() as error:
                failures.append(f"{urlsplit(candidate).netloc}: {_reason(error)}")
    raise OSError(
        f"cannot download {published.file} ({'; '.join(failures)}); get it from "
        f"{published.addresses[0]} by other means and run `ntknas data add {name} FILE`"
    )


def add_file(name: str, file: str | os.PathLike[str]) -> Path:
    """A copy of a file, under its name among the published files.

    Args:
        name: Name of a member of `PUBLISHED`.
        file: Path of the published file, whatever it is called.

    Returns:
        The path of the copy.

    Raises:
        InputError: If the name is unknown, or the file is another one; a file of your own is given
            to commands by its path.
        OSError: If the copy cannot be written.
    """
    published = PUBLISHED[name]
    path, target = Path(file), data_folder() / name / published.file
    if not path.is_file():
        raise InputError(f"no such file: {path}; expected {published.file}")
    if not file_matches(path, published.checksum):
        raise InputError(
            f"{path} is not the published {published.file}: its {published.checksum.split(':')[0]} "
            f"is another one, and it has {path.stat().st_size} bytes of {published.size}; commands "
            "take files of your own by their path"
        )
    with _claimed(target):
        _check_room(target, published)
        handle, copy = tempfile.mkstemp(dir=target.parent, prefix=".ntknas-")
        os.close(handle)
        try:
            shutil.copyfile(path, copy)
            os.chmod(copy, 0o644)
            os.replace(copy, target)
        finally:
            Path(copy).unlink(missing_ok=True)
    return target


@contextlib.contextmanager
def _claimed(target: Path) -> Iterator[None]:
    """The folder of a file, which exists and which no other process fetches into."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with try_lock(target.parent / "lock") as free:
        if not free:
            raise OSError(f"another process is fetching {target.name}")
        yield


def _check_room(target: Path, published: PublishedFile) -> None:
    """Raise OSError if the disk is too full for the file."""
    free = shutil.disk_usage(target.parent).free
    if free + _size(_part(target)) < published.size:
        raise OSError(
            f"{published.file} has {published.size / 1e6:.0f} MB, and only {free / 1e6:.0f} MB are "
            f"free in {target.parent}; XDG_CACHE_HOME names another folder for caches"
        )


def _retrieve(
    address: str, target: Path, published: PublishedFile, on_progress: OnProgress | None
) -> None:
    """Download from one address; bytes of an earlier attempt are trusted once."""
    import pooch

    pooch.get_logger().setLevel("ERROR")
    part = _part(target)
    resumed = _size(part) > 0
    download = _Download(part, published.size, on_progress)
    for trusted in (True, False) if resumed else (False,):
        try:
            pooch.retrieve(
                address, published.checksum, target.name, target.parent, downloader=download
            )
            return
        except ValueError:  # another checksum, perhaps because of the earlier bytes
            if not trusted:
                raise


class _Download:
    """The downloader that pooch calls: goes on where `part` ends, and again if it breaks off."""

    def __init__(self, part: Path, size: int, on_progress: OnProgress | None):
        self._part, self._size = part, size
        self._on_progress = on_progress or (lambda done, total: None)

    def __call__(self, address: str, output_file: str, pooch: Any = None) -> None:
        """Download the bytes at an address to a file, in the form of pooch's downloaders."""
        for left in reversed(range(_TRIES)):
            before = _size(self._part)
            try:
                self._stream(address)
                break
            except _BrokeOff:
                if _size(self._part) <= before or not left:
                    raise
        os.replace(self._part, output_file)

    def _stream(self, address: str) -> None:
        """Append to `part` what the server has after it, or begin anew."""
        import requests
        import urllib3

        done = _size(self._part)
        headers = {"User-Agent": f"ntknas/{ntknas.__version__}", "Accept-Encoding": "identity"}
        if done:
            headers["Range"] = f"bytes={done}-"
        timeout = (_SECONDS_TO_CONNECT, _SECONDS_OF_SILENCE)
        with requests.get(address, headers=headers, stream=True, timeout=timeout) as answer:
            if done and answer.status_code == requests.codes.requested_range_not_satisfiable:
                # Nothing is left, or `part` is longer than the file; the checksum tells.
                if done != self._size:
                    self._part.unlink()
                    self._stream(address)
                return
            answer.raise_for_status()
            if answer.headers.get("Content-Type", "").startswith("text/html"):
                raise _WebPage
            start = answer.headers.get("Content-Range", "")
            if answer.status_code != requests.codes.partial or f" {done}-" not in f"{start}":
                done = 0
            total = done + int(answer.headers.get("Content-Length", self._size - done))
            with self._part.open("ab" if done else "wb") as file:
                try:
                    # As sent: some servers call a .tar.gz an encoding, which requests would undo.
                    for chunk in answer.raw.stream(_CHUNK, decode_content=False):
                        file.write(chunk)
                        done += len(chunk)
                        self._on_progress(done, total)
                except urllib3.exceptions.HTTPError as error:
                    raise _BrokeOff from error
        if done < total:
            raise _BrokeOff


class _WebPage(Exception):
    """A server sent a web page in place of the file."""


class _BrokeOff(Exception):
    """A connection ended before the file did."""


def _refusals() -> tuple[type[Exception], ...]:
    """Exceptions after which the next address is tried."""
    import requests

    return (requests.RequestException, ValueError, _WebPage, _BrokeOff)


def _reason(error: Exception) -> str:
    """Why an address did not give the file, in a few words."""
    import requests

    if isinstance(error, _WebPage):
        return "a web page came in place of the file"
    if isinstance(error, requests.HTTPError):
        return f"status {error.response.status_code}"
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    if isinstance(error, _BrokeOff):
        return "the connection broke off; the same command goes on from there"
    if isinstance(error, requests.exceptions.SSLError):
        return f"no secure connection ({shorten(str(error), 120)})"
    if isinstance(error, requests.ConnectionError):
        return "no connection"
    if isinstance(error, requests.RequestException):
        return shorten(str(error), 120)
    return "another file came, with another checksum"


def _part(target: Path) -> Path:
    """The file that holds the bytes of a download that is not finished."""
    return target.with_name(f"{target.name}.part")


def _size(path: Path) -> int:
    """The size of a file in bytes; 0 if there is none."""
    return path.stat().st_size if path.exists() else 0
