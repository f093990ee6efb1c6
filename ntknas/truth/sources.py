"""Download addresses of the published accuracies, and checksums of unaltered files."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from ntknas.data import PUBLISHED
from ntknas.truth.names import JUNG, ROBBENCH

__all__ = ["SOURCES", "Source", "published_name", "truth_sources"]


@dataclass(frozen=True)
class Source:
    """One published table.

    Attributes:
        benchmark: Name of the benchmark that published the table.
        file: Name of the published file.
        content: Description of what the file holds.
        where: Address of the file.
        size: Size of the file in bytes; None means unknown.
        sha256: SHA-256 of the file, in hex; None means unknown.
        name: Name under which `ntknas data fetch` gets the file; None means that it cannot.
    """

    benchmark: str
    file: str
    content: str
    where: str
    size: int | None = None
    sha256: str | None = None
    name: str | None = None


def _fetched(name: str, benchmark: str, content: str) -> Source:
    """The source of a table that can be fetched by its name."""
    published = PUBLISHED[name]
    where = f"{published.addresses[0]} (also in the repository TT2408/nasrobbench201hp)"
    sha256 = published.checksum.removeprefix("sha256:")
    return Source(benchmark, published.file, content, where, published.size, sha256, name)


SOURCES: tuple[Source, ...] = (
    _fetched("robbench", ROBBENCH, "means of three seeds; 18 columns; enough for every ranking"),
    Source(
        ROBBENCH,
        "NAS-RobBench-201_all.json",
        "every seed; put meta.json beside it",
        "Google Drive, linked from https://tt2408.github.io/nasrobbench201hp and from "
        "https://github.com/TT2408/nasrobbench201",
    ),
    _fetched(
        "jung",
        JUNG,
        "standard training, attacks at 1/255, corruptions; 17 columns, three decimal places",
    ),
    Source(
        JUNG,
        "a folder with meta.json, cifar10/, cifar100/, ImageNet16-120/",
        "every radius and severity; unpack meta.zip and cifar10.zip and so on into one folder",
        "http://data.robustness.vision; its own reader: "
        "https://github.com/steffen-jung/robustness-dataset",
    ),
)


def published_name(path: Path) -> str | None:
    """The name of the published file that equals the file at `path` byte for byte, by its SHA-256.

    Args:
        path: Path of a file that exists.

    Returns:
        The published name, or None if the file equals no published file.
    """
    size = path.stat().st_size
    for source in SOURCES:
        if source.size == size and hashlib.sha256(path.read_bytes()).hexdigest() == source.sha256:
            return source.file
    return None


def truth_sources() -> str:
    """The download address of every published table that `load_truth` reads, as lines of text.

    Example:
        >>> print(truth_sources().splitlines()[0])
        NAS-RobBench-201: NAS-RobBench-201_html.json
    """
    lines = []
    for source in SOURCES:
        lines += [
            f"{source.benchmark}: {source.file}",
            f"  holds   {source.content}",
            f"  from    {source.where}",
        ]
        if source.size is not None:
            lines += [f"  bytes   {source.size}", f"  sha256  {source.sha256}"]
        if source.name is not None:
            lines += [f"  fetch   ntknas data fetch {source.name}"]
    return "\n".join(lines)
