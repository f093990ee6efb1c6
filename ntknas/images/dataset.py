"""The three image sets of NAS-Bench-201: number of classes, image size, mean and deviation.

The means and standard deviations per channel are those that NAS-Bench-201 (Dong and Yang 2020)
trains with, in [0, 1] pixel units. CIFAR: Krizhevsky 2009. ImageNet16-120: the first 120 classes of
downsampled ImageNet (Chrabaszcz et al. 2017) at 16 x 16.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ntknas.errors import InputError

__all__ = ["DATASETS", "DatasetInfo", "dataset_info"]

Channels = tuple[float, float, float]


@dataclass(frozen=True)
class DatasetInfo:
    """Properties that all images of a dataset share.

    Attributes:
        name: Key of the dataset in `DATASETS`.
        classes: Number of classes; labels are 0 .. classes - 1.
        image_size: Height and width of an image in pixels.
        mean: Mean per channel (RGB), in [0, 1] pixel units.
        std: Standard deviation per channel (RGB), in [0, 1] pixel units.
        class_names: Names of the classes by label; empty where they are only numbered here.
    """

    name: str
    classes: int
    image_size: int
    mean: Channels
    std: Channels
    class_names: tuple[str, ...] = ()

    def class_name(self, label: int) -> str:
        """The name of a class, such as "ship" or "class 8".

        Args:
            label: Number of the class.
        """
        return self.class_names[label] if self.class_names else f"class {label}"


_CIFAR10 = (
    *("airplane", "automobile", "bird", "cat", "deer"),
    *("dog", "frog", "horse", "ship", "truck"),
)


def _over_255(red: float, green: float, blue: float) -> Channels:
    """Values per channel, from 0..255 to [0, 1] pixel units."""
    return (red / 255, green / 255, blue / 255)


DATASETS: Mapping[str, DatasetInfo] = MappingProxyType(
    {
        info.name: info
        for info in (
            DatasetInfo(
                "cifar10",
                10,
                32,
                _over_255(125.3, 123.0, 113.9),
                _over_255(63.0, 62.1, 66.7),
                _CIFAR10,
            ),
            DatasetInfo(
                "cifar100", 100, 32, _over_255(129.3, 124.1, 112.4), _over_255(68.2, 65.4, 70.4)
            ),
            DatasetInfo(
                "imagenet16",
                120,
                16,
                _over_255(122.68, 116.66, 104.01),
                _over_255(63.22, 61.26, 65.09),
            ),
        )
    }
)


def dataset_info(name: str) -> DatasetInfo:
    """The entry of `DATASETS` with this name.

    Args:
        name: Name of the dataset: "cifar10", "cifar100" or "imagenet16".

    Returns:
        The number of classes, image size, mean and standard deviation of the dataset.

    Raises:
        InputError: If the name is unknown.

    Example:
        >>> dataset_info("imagenet16").classes
        120
    """
    if name not in DATASETS:
        raise InputError(f"unknown dataset {name!r}: expected one of {', '.join(DATASETS)}")
    return DATASETS[name]
