"""Cut the sample of CIFAR-10 that ships with the package out of a larger .npz.

    python -m experiments.embed_sample --source cifar10_subset.npz --out cifar10_sample.npz

The source has x_train, y_train and idx_train. Kept are the first images of each class in the
source's order, so the sample is a sub-sequence of the source.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import ntknas
from experiments.command import clear_errors

__all__ = ["EmbedConfig", "run"]


@dataclass(frozen=True)
class EmbedConfig:
    """What to cut.

    Attributes:
        source: The CIFAR-10 .npz to cut from.
        out: The .npz to write.
        per_class: Number of images of each class.
    """

    source: Path
    out: Path
    per_class: int = 32


def run(config: EmbedConfig) -> int:
    """Write the sample.

    Args:
        config: What to cut.

    Returns:
        The number of images written.

    Raises:
        InputError: If the source cannot be read, or a class has too few images.
    """
    images = ntknas.load_images("cifar10", config.source)
    counts = np.bincount(images.labels, minlength=10)
    if counts.min() < config.per_class:
        raise ntknas.InputError(
            f"{config.source}: {config.per_class} images of each class are wanted, "
            f"class {counts.argmin()} has {counts.min()}"
        )
    kept = np.sort(
        np.concatenate(
            [np.flatnonzero(images.labels == label)[: config.per_class] for label in range(10)]
        )
    )
    np.savez_compressed(
        config.out,
        x_train=images.pixels[kept],
        y_train=images.labels[kept].astype(np.uint8),
        idx_train=images.indices[kept].astype(np.int32),
    )
    return len(kept)


def main() -> None:
    """Parse the flags and run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", type=Path, required=True, help="CIFAR-10 .npz to cut from")
    parser.add_argument("--out", type=Path, required=True, help=".npz to write")
    flags = parser.parse_args()
    with clear_errors(parser.prog):
        count = run(EmbedConfig(flags.source, flags.out))
        print(f"{count} images written to {flags.out}")


if __name__ == "__main__":
    main()
