"""Training of several networks, one after the other, into a folder."""

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ntknas.errors import InputError
from ntknas.images import ImageSet, scoring_batch
from ntknas.network import Network, NetworkSpec
from ntknas.spaces.nasbench201 import Architecture
from ntknas.training.accuracy import Evaluator, benchmark_trials
from ntknas.training.folder import TrainingFolder
from ntknas.training.loop import fit
from ntknas.training.recipe import Recipe
from ntknas.training.settings import TrainingSettings

__all__ = ["SAMPLE_PARTS", "split_images", "train_architectures"]

SAMPLE_PARTS = (240, 80)
"""Numbers of images of the embedded sample that networks are trained and tested on."""


def split_images(images: ImageSet, *counts: int) -> list[ImageSet]:
    """Class-balanced parts of an image set that have no image in common; always the same ones.

    Args:
        images: The image set.
        *counts: Number of images of each part.

    Returns:
        The parts, each in the order of the source.

    Raises:
        InputError: If a part is empty, or the parts need more images than there are.

    Example:
        >>> from ntknas.images import load_images
        >>> [len(part) for part in split_images(load_images(), *SAMPLE_PARTS)]
        [240, 80]
    """
    if min(counts) < 1 or sum(counts) > len(images):
        wanted = " + ".join(map(str, counts))
        raise InputError(f"expected 1 to {len(images)} images of {images.source}, got {wanted}")
    parts, rest = [], images
    for count in counts:
        drawn = scoring_batch(rest, count, seed=0).indices
        inside = np.isin(rest.indices, drawn)
        parts.append(rest.subset(inside))
        rest = rest.subset(~inside) if not inside.all() else rest
    return parts


def train_architectures(
    architectures: Sequence[Architecture],
    *,
    out: str | Path,
    recipe: Recipe,
    network: NetworkSpec,
    images: ImageSet,
    test: ImageSet,
    validation: ImageSet | None = None,
    seeds: Sequence[int] = (0,),
    test_radii: Sequence[float] | None = None,
    initial: Mapping[str, Any] | None = None,
    initial_sha256: str = "",
    on_progress: Callable[[str, int, int], None] = lambda what, done, total: None,
) -> pd.DataFrame:
    """Train and test networks; those whose training has ended are left as they are.

    Several processes may work on one folder: each takes the networks that no other has.

    Args:
        architectures: Cells of the networks.
        out: Folder of the trainings (`ntknas.training.TrainingFolder`).
        recipe: Settings of training.
        network: The network around the cells, with frozen normalisation.
        images: Training images.
        test: Test images, for the accuracies of `benchmark_trials` after the last epoch.
        validation: Images that decide which epoch was the best; None means the training loss.
        seeds: Seeds of the trainings of each cell.
        test_radii: Radii of the attacks on test images, in pixel units; None means that of the
            recipe.
        initial: Initial weights, for a single architecture; None means random ones.
        initial_sha256: SHA-256 of the file that they come from.
        on_progress: Called with a text that names network and phase, and with the number of
            finished and of all images.

    Returns:
        The accuracies of all networks in the folder (`TrainingFolder.results`).

    Raises:
        InputError: If the images do not fit the network, or the folder holds something else.
        Diverged: If the loss or a weight of a network is not finite.
    """
    if initial is not None and len(architectures) != 1:
        raise InputError(
            f"initial weights belong to one architecture, got {len(architectures)} architectures"
        )
    settings = TrainingSettings.of(
        recipe,
        network,
        images,
        test,
        validation,
        test_radii=test_radii,
        initial_sha256=initial_sha256,
    )
    folder = TrainingFolder.open(out, settings)
    for number, architecture in enumerate(architectures):
        evaluate = Evaluator(Network(network), architecture.ops)
        for seed in seeds:
            with folder.claim(architecture, seed) as place:
                if place is None:
                    continue
                name = f"{architecture.id} seed {seed} ({number + 1} of {len(architectures)})"
                start = time.monotonic()
                trained = fit(
                    architecture,
                    images,
                    recipe=recipe,
                    network=network,
                    seed=seed,
                    folder=place,
                    validation=validation,
                    initial=initial,
                    on_progress=partial(on_progress, f"training {name}"),
                    on_epoch=partial(folder.write_history, place),
                )
                accuracies = evaluate(
                    trained.variables,
                    test,
                    benchmark_trials(*settings.test_radii),
                    seed=seed,
                    on_progress=partial(on_progress, f"testing {name}"),
                )
                result = {
                    "architecture": architecture.id,
                    "dataset": images.dataset,
                    "seed": seed,
                    **accuracies,
                    "images": len(test),
                    "seconds": round(time.monotonic() - start, 1),
                }
                folder.finish(place, result)
    return folder.results()
