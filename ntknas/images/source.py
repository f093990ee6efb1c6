"""`load_images`: an `ImageSet` from the embedded sample, official files or an .npz archive.

Nothing is downloaded here; `ntknas.data` does that, if it is asked to.
"""

import os
from importlib import resources

from ntknas.data import PUBLISHED, Kind, locate
from ntknas.errors import InputError
from ntknas.images.dataset import DatasetInfo, dataset_info
from ntknas.images.image_set import ImageSet
from ntknas.images.npz import read_npz
from ntknas.images.official import LAYOUTS, read_official

__all__ = ["load_images"]

_ARCHIVES = (".tar.gz", ".tgz", ".tar")


def load_images(
    dataset: str = "cifar10", path: str | os.PathLike[str] | None = None, *, split: str = "train"
) -> ImageSet:
    """The labelled images of one split of a dataset.

    Args:
        dataset: Name of the dataset: "cifar10", "cifar100" or "imagenet16".
        path: Folder of the official files (Python pickles, or .npz for ImageNet16), its parent
            folder, their .tar.gz, or an .npz archive (`ntknas.images.npz` describes its forms); or
            the name of a published file, "cifar10" or "cifar100" (`ntknas.data`). None means the
            embedded sample of CIFAR-10 training images.
        split: Part to load: "train" or "test" (ImageNet16's `val_data`). A single official .npz
            file of ImageNet16 is read as either.

    Returns:
        The images in the order of the source.

    Raises:
        InputError: If the images cannot be read; the message says what was expected and what was
            received.

    Example:
        >>> images = load_images()
        >>> images.pixels.shape, images.source
        ((320, 32, 32, 3), 'embedded sample')
    """
    info = dataset_info(dataset)
    if split not in ("train", "test"):
        raise InputError(f"unknown split {split!r}: expected train or test")
    if path is None:
        return _embedded_sample(info, split)
    file = locate(path, Kind.IMAGES)
    source = f"{file.resolve().name}, {split} split"
    if not file.exists():
        raise InputError(f"no such file or folder: {file}; expected {_expected(info)}")
    try:
        if file.is_dir() or file.name.endswith(_ARCHIVES):
            pixels, labels, indices = read_official(info, file, split=split)
        elif file.suffix == ".npz":
            pixels, labels, indices = read_npz(info, file, split=split, source=source)
        else:
            raise InputError(f"{file}: expected {_expected(info)}")
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error})") from error
    return ImageSet(dataset, pixels, labels, indices, source)


def _embedded_sample(info: DatasetInfo, split: str) -> ImageSet:
    """The sample that comes with the package; refuses other datasets and splits."""
    if info.name != "cifar10" or split != "train":
        raise InputError(
            f"no {info.name} {split} images are embedded (only cifar10 train): "
            f"give {_expected(info)}"
        )
    source = "embedded sample"
    with resources.as_file(resources.files("ntknas.images") / "cifar10_sample.npz") as file:
        pixels, labels, indices = read_npz(info, file, split=split, source=source)
    return ImageSet(info.name, pixels, labels, indices, source)


def _expected(info: DatasetInfo) -> str:
    """The files that can be read for a dataset, for error messages."""
    layout = LAYOUTS[info.name]
    names = ", ".join(name for files in layout.files.values() for name in files)
    either = " (or the same with .npz)" if layout.as_npz else ""
    official = ", or with data and labels" if layout.as_npz else ""
    named = f", or {info.name} after `ntknas data fetch {info.name}`"
    return (
        f"the {info.name} folder {layout.folder} (or its parent, or its .tar.gz) "
        f"holding {names}{either}, or an .npz with x_train and y_train{official}"
        f"{named if info.name in PUBLISHED else ''}"
    )
