"""`ntknas train`: train networks and test them; the same command resumes."""

import argparse
import hashlib
import os
import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ntknas.cli.device import check_device
from ntknas.cli.interruptible import Stopped, interruptible
from ntknas.cli.output import note, write, write_table
from ntknas.cli.parser import ArgumentParser, Commands, add_image_size, comma_list, fraction
from ntknas.errors import InputError
from ntknas.report.progress import ProgressByName

if TYPE_CHECKING:
    import pandas as pd

    from ntknas.images import ImageSet
    from ntknas.network import NetworkSpec
    from ntknas.spaces import Architecture
    from ntknas.training import Recipe, TrainingFolder

__all__ = ["add"]

_ABOUT = """\
SPEC names architectures as in `ntknas score --help`: ids, random:COUNT, strings, @FILE, ...

The defaults are the recipe of NAS-RobBench-201: adversarial training with PGD-7 at 8/255 for 50
epochs. Networks are trained one after the other. After the last epoch, the accuracy on test images
is measured clean, under FGSM and under PGD-20.

Examples:
  ntknas train --archs 9930 --data cifar-10-batches-py --out trainings/best
  ntknas train --archs 9930 --data cifar-10-batches-py --beta 0 --out trainings/standard
  ntknas train --archs random:48 --data cifar10.npz --channels 8 --cells 1 --epochs 8 \\
    --steps 3 --step-size 4/255 --out trainings/small --truth-out small.csv
  ntknas correlate runs/first --truth small.csv

DIR/ID/seed_N has checkpoints, metrics.csv, metrics.png and result.json. Stop the command with
Ctrl-C; the same command goes on from the last checkpoint, to the same weights. Several processes
may work on one DIR: each takes the networks that no other has.
"""


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add(
        "train",
        _run,
        summary="train networks, with or without attacks",
        about=_ABOUT,
    )
    parser.add_argument(
        "--archs", "--arch", metavar="SPEC", required=True, help="architectures to train, see below"
    )
    parser.add_argument("--out", metavar="DIR", required=True, help="folder of the trainings")
    parser.add_argument(
        "--seeds", metavar="N", type=int, default=1, help="trainings per architecture; default: 1"
    )
    parser.add_argument(
        "--truth-out",
        metavar="FILE",
        help="CSV table of the accuracies of all trainings in DIR, for `ntknas correlate --truth`; "
        "the recipe is written beside it; a table with equal settings is extended",
    )
    parser.add_argument(
        "--export-torch",
        metavar="FILE",
        help="PyTorch state_dict of Sequential(normaliser, network) with the names of the package "
        "xautodl, for one architecture and seed",
    )
    parser.add_argument(
        "--json", action="store_true", help="write the accuracies as JSON with every digit"
    )
    _add_images(parser)
    _add_network(parser)
    _add_recipe(parser)


def _add_images(parser: ArgumentParser) -> None:
    """Add the options that choose the images."""
    group = parser.add_argument_group("images")
    group.add_argument(
        "--dataset",
        choices=("cifar10", "cifar100", "imagenet16"),
        default="cifar10",
        help="data set of the images; default: cifar10",
    )
    group.add_argument(
        "--data",
        metavar="PATH",
        help="images: official pickles (folder or .tar.gz), .npz, or a name that `ntknas data "
        "fetch` has brought (cifar10, cifar100); default: an embedded sample of CIFAR-10, 240 "
        "images to train and 80 to test, enough to try the command",
    )
    add_image_size(group)
    for name, what, default in (
        ("train", "training images to use", "all"),
        ("validation", "training images to hold out; they decide which epoch was the best", "0"),
        ("test", "test images to use", "all"),
    ):
        group.add_argument(
            f"--{name}-images",
            metavar="N",
            type=int,
            help=f"number of {what}, balanced over the classes; default: {default}",
        )
    group.add_argument(
        "--test-rho",
        metavar="X[,X...]",
        type=comma_list(fraction),
        help="radii of FGSM and PGD-20 on test images; default: the radius of training",
    )


def _add_network(parser: ArgumentParser) -> None:
    """Add the options of the network."""
    group = parser.add_argument_group("network")
    group.add_argument(
        "--channels", metavar="N", type=int, help="channels of the first stage; default: 16"
    )
    group.add_argument("--cells", metavar="N", type=int, help="cells per stage; default: 5")
    group.add_argument(
        "--init-torch",
        metavar="FILE",
        help="PyTorch checkpoint to begin with, which sets channels and cells; default: random "
        "weights",
    )


def _add_recipe(parser: ArgumentParser) -> None:
    """Add the options of the recipe."""
    group = parser.add_argument_group("recipe (radii and steps in pixel units of [0, 1])")
    for name, kind, text in (
        ("epochs", int, "passes through the training images; default: 50"),
        ("batch-size", int, "images per step; default: 256"),
        ("learning-rate", float, "peak of the one-cycle schedule; default: 0.1"),
        ("momentum", float, "momentum of SGD; default: 0.9"),
        ("weight-decay", float, "weight decay, on all parameters; default: 0.0005"),
        (
            "beta",
            fraction,
            "weight of the robust loss; 0 trains without attacks; default: 1",
        ),
        ("rho", fraction, "radius of the attacks; default: 8/255"),
        ("steps", int, "PGD steps in training; default: 7"),
        ("step-size", fraction, "size of a PGD step in training; default: 2/255"),
    ):
        metavar = {int: "N", float: "X", fraction: "X"}[kind]
        group.add_argument(f"--{name}", metavar=metavar, type=kind, help=text)
    group.add_argument(
        "--random-start",
        action=argparse.BooleanOptionalAction,
        help="start PGD at a random point of the ball (default), or at the image",
    )
    group.add_argument(
        "--augment",
        action=argparse.BooleanOptionalAction,
        help="crop and mirror images at random (default), or not",
    )


def _recipe(args: argparse.Namespace) -> "Recipe":
    """The recipe that the options stand for."""
    from ntknas.training import Recipe

    names = ("epochs", "batch_size", "learning_rate", "momentum", "weight_decay", "beta", "rho")
    given = {name: getattr(args, name) for name in (*names, "augment")}
    of_attack = {name: getattr(args, name) for name in ("steps", "step_size", "random_start")}
    given, of_attack = (
        {name: value for name, value in values.items() if value is not None}
        for values in (given, of_attack)
    )
    if given.get("beta") == 0 and of_attack:
        option = next(iter(of_attack)).replace("_", "-")
        raise InputError(f"--{option} belongs to training with attacks, got --beta 0")
    default = Recipe()
    return replace(default, **given, attack=replace(default.attack, **of_attack))


def _images(args: argparse.Namespace) -> "tuple[ImageSet, ImageSet | None, ImageSet]":
    """Images to train, to validate (or None) and to test with."""
    from ntknas.images import load_images
    from ntknas.training import SAMPLE_PARTS, split_images

    images = load_images(args.dataset, args.data, split="train")
    if args.data is None:
        images, test = split_images(images, *SAMPLE_PARTS)
    else:
        test = load_images(args.dataset, args.data, split="test")
    held_out = args.validation_images or 0
    if held_out < 0 or held_out >= len(images):
        raise InputError(f"--validation-images must be 0 to {len(images) - 1}, got {held_out}")
    count = len(images) - held_out if args.train_images is None else args.train_images
    images, *validation = split_images(images, count, *([held_out] if held_out else []))
    if args.test_images is not None:
        (test,) = split_images(test, args.test_images)
    if args.image_size is not None:
        images, test, *validation = (s.shrunk(args.image_size) for s in (images, test, *validation))
    return images, validation[0] if validation else None, test


def _network(
    args: argparse.Namespace, chosen: "list[Architecture]", test: "ImageSet"
) -> "tuple[NetworkSpec, Any, str]":
    """The network, its initial variables or None, and the SHA-256 of their file."""
    from ntknas.images import dataset_info
    from ntknas.layers import Norm
    from ntknas.network import NetworkSpec, load_torch_weights

    info, side = dataset_info(args.dataset), test.pixels.shape[1]
    sizes = {
        name: getattr(args, name)
        for name in ("channels", "cells")
        if getattr(args, name) is not None
    }
    if args.init_torch is None:
        network = NetworkSpec(
            classes=info.classes,
            image_size=side,
            norm=Norm.FROZEN,
            mean=info.mean,
            std=info.std,
        )
        return replace(network, **sizes), None, ""
    if len(chosen) > 1:
        raise InputError(f"--init-torch belongs to one architecture, got {len(chosen)}")
    loaded = load_torch_weights(args.init_torch, chosen[0])
    for name, value in sizes.items():
        held = getattr(loaded.spec, name)
        if held != value:
            raise InputError(f"--{name} {value} does not fit {args.init_torch}, which has {held}")
    if loaded.spec.classes != info.classes:
        raise InputError(
            f"{args.dataset} has {info.classes} classes, but the network in {args.init_torch} has "
            f"{loaded.spec.classes}"
        )
    sha256 = hashlib.sha256(Path(args.init_torch).read_bytes()).hexdigest()
    return replace(loaded.spec, image_size=side), loaded.variables, sha256


def _run(args: argparse.Namespace) -> None:
    from absl import logging

    from ntknas.network.torch_export import check_torch
    from ntknas.report import check_output
    from ntknas.spaces.nasbench201 import architectures
    from ntknas.training import (
        TrainingFolder,
        TrainingSettings,
        check_truth_table,
        train_architectures,
        write_truth_table,
    )

    logging.set_verbosity(logging.ERROR)  # Orbax tells of every step of every checkpoint
    recipe, chosen = _recipe(args), architectures(args.archs)
    if args.seeds < 1:
        raise InputError(f"--seeds must be at least 1, got {args.seeds}")
    if args.export_torch is not None:
        if len(chosen) * args.seeds > 1:
            raise InputError(
                "--export-torch belongs to one architecture and seed, got "
                f"{len(chosen)} architectures and {args.seeds} seeds"
            )
        check_torch()
        check_output(args.export_torch)
    images, validation, test = _images(args)
    network, initial, sha256 = _network(args, chosen, test)
    settings = TrainingSettings.of(
        recipe,
        network,
        images,
        test,
        validation,
        test_radii=args.test_rho,
        initial_sha256=sha256,
    )
    if args.truth_out is not None:
        check_truth_table(args.truth_out, settings)
    TrainingFolder.open(args.out, settings)
    check_device()
    progress = ProgressByName("images")

    def work() -> "pd.DataFrame":
        return train_architectures(
            chosen,
            out=args.out,
            recipe=recipe,
            network=network,
            images=images,
            test=test,
            validation=validation,
            seeds=range(args.seeds),
            test_radii=args.test_rho,
            initial=initial,
            initial_sha256=sha256,
            on_progress=progress,
        )

    note(
        f"{recipe}; {len(images)} images of {images.source}; {network.channels} channels, "
        f"{network.cells} cell{'s' * (network.cells > 1)} per stage"
    )
    try:
        with progress:
            results = interruptible(work)
    except Stopped as stop:
        note(f"ntknas: stopped; checkpoints are in {args.out}, the same command goes on from them")
        sys.stdout.flush()
        # Threads inside XLA cannot be stopped, and checkpoints survive the end of the process.
        os._exit(stop.status)
    folder = TrainingFolder(args.out)
    _draw(folder)
    if args.truth_out is not None:
        table = write_truth_table(args.truth_out, folder)
        note(f"truth table: {args.truth_out} ({table['architecture'].nunique()} architectures)")
    if args.export_torch is not None:
        _export(args.export_torch, folder, chosen[0])
    _show(args, folder, chosen, results)


def _draw(folder: "TrainingFolder") -> None:
    """Draw the metrics of the trainings that have no picture yet."""
    import pandas as pd

    from ntknas.report import training_curves

    for file in sorted(folder.path.glob("*/seed_*/metrics.csv")):
        picture = file.with_suffix(".png")
        if not picture.exists() or picture.stat().st_mtime < file.stat().st_mtime:
            architecture, seed = file.parts[-3], file.parts[-2].removeprefix("seed_")
            title = f"architecture {architecture}, seed {seed}"
            training_curves(pd.read_csv(file), picture, title=title)


def _export(path: str, folder: "TrainingFolder", architecture: "Architecture") -> None:
    """Write the network's weights for PyTorch."""
    from ntknas.network import save_torch_weights
    from ntknas.training import load_checkpoint

    trained = load_checkpoint(folder.place(architecture, 0), architecture)
    save_torch_weights(path, trained.variables, trained.spec, architecture, normaliser=True)
    note(f"PyTorch weights: {path}")


def _show(
    args: argparse.Namespace,
    folder: "TrainingFolder",
    chosen: "list[Architecture]",
    results: "pd.DataFrame",
) -> None:
    """Write the accuracies of the networks that were asked for."""
    ids = {architecture.id for architecture in chosen}
    shown = results[results["architecture"].isin(ids) & (results["seed"] < args.seeds)]
    missing = len(ids) * args.seeds - len(shown)
    if missing:
        note(f"{missing} network{'s' * (missing > 1)} of this command left to other processes")
    if args.json:
        write(shown.to_json(orient="records"))
    else:
        write_table(shown, format="table")
        note(
            f"accuracy on {folder.settings.test_images} test images; checkpoints and metrics: "
            f"{shlex.quote(str(folder.path))}"
        )
