"""The options of `ntknas attack`: images, attacks, corruptions, and what they stand for."""

import argparse
from typing import TYPE_CHECKING

from ntknas.attack.spec import ATTACKS, BALLS, settings_of
from ntknas.cli.parser import ArgumentParser, comma_list, fraction
from ntknas.cli.trained import add_surrogate
from ntknas.errors import InputError

if TYPE_CHECKING:
    from ntknas.attack import AttackSpec

__all__ = ["add_attacks", "add_images", "add_more", "corruptions_of", "specs_of"]

_SEVERITIES = (1, 2, 3, 4, 5)
_RADII = {"linf": 8 / 255, "l2": 128 / 255}  # usual for CIFAR-10
_DATASETS = ("cifar10", "cifar100", "imagenet16")


def add_images(parser: ArgumentParser) -> None:
    """Add the options that choose the images.

    Args:
        parser: Parser of the command.
    """
    group = parser.add_argument_group("images")
    group.add_argument(
        "--dataset",
        choices=_DATASETS,
        help="data set of the images; default: that with the checkpoint's number of classes",
    )
    group.add_argument(
        "--data",
        metavar="PATH",
        help="images: official pickles (folder or .tar.gz), .npz, or a name that `ntknas data "
        "fetch` has brought (cifar10, cifar100); default: an embedded sample of 320 CIFAR-10 "
        "training images, of which --checkpoint takes the 80 that `ntknas train` does not train on",
    )
    group.add_argument(
        "--split",
        choices=("train", "test"),
        help="part of the data set; default: test, or train for the embedded sample",
    )
    group.add_argument(
        "--count", metavar="N", type=int, help="number of images, the first ones; default: all"
    )
    group.add_argument(
        "--batch-size",
        metavar="N",
        type=int,
        default=100,
        help="number of images per batch; default: 100",
    )


def add_attacks(parser: ArgumentParser) -> None:
    """Add the options of the attacks.

    Args:
        parser: Parser of the command.
    """
    group = parser.add_argument_group("attacks (radii and steps in pixel units of [0, 1])")
    group.add_argument(
        "--attack",
        metavar="NAME,...",
        type=comma_list(),
        help="attacks, see below; default: pgd, or none with --corruptions or --checklist",
    )
    group.add_argument(
        "--rho", metavar="RHO", type=fraction, help="radius; default: 8/255, or 128/255 for l2"
    )
    group.add_argument(
        "--ball",
        choices=BALLS,
        default="linf",
        help="norm of the ball: every pixel changes by up to rho (linf, default), or rho is the "
        "Euclidean length of the change (l2)",
    )
    group.add_argument(
        "--steps", metavar="N", type=int, help="number of gradient steps; default: see below"
    )
    group.add_argument(
        "--queries", metavar="N", type=int, help="number of queries of square; default: 5000"
    )
    group.add_argument(
        "--step-size",
        metavar="SIZE",
        type=fraction,
        help="size of a step of pgd; default: 2.5 rho / steps",
    )
    group.add_argument(
        "--restarts",
        metavar="N",
        type=int,
        help="number of runs of pgd, apgd and fab from starts of their own; default: 1",
    )
    group.add_argument(
        "--seed", metavar="N", type=int, default=0, help="seed of all random draws; default: 0"
    )


def add_more(parser: ArgumentParser) -> None:
    """Add the options of corruptions and of the checklist.

    Args:
        parser: Parser of the command.
    """
    group = parser.add_argument_group("corruptions")
    group.add_argument(
        "--corruptions",
        metavar="NAME,...",
        type=comma_list(),
        help="corruptions of CIFAR-10-C, or all: gaussian_noise, shot_noise, impulse_noise, "
        "defocus_blur, glass_blur, motion_blur, zoom_blur, snow, frost, fog, brightness, "
        "contrast, elastic_transform, pixelate, jpeg_compression",
    )
    group.add_argument(
        "--severity",
        metavar="S,...",
        type=comma_list(int),
        help="severities from 1 to 5; default: all",
    )
    group.add_argument(
        "--corrupted-data",
        metavar="DIR",
        help="folder of CIFAR-10-C (labels.npy and one file per corruption), its .tar, or "
        "cifar10c after `ntknas data fetch`, to read corrupted images from; default: corrupt the "
        "images here",
    )
    more = parser.add_argument_group("masked gradients")
    more.add_argument(
        "--checklist",
        action="store_true",
        help="look for signs of masked gradients, with 20 steps and 1000 queries unless --steps "
        "and --queries say otherwise",
    )
    add_surrogate(more)


def specs_of(args: argparse.Namespace) -> "tuple[list[AttackSpec], float]":
    """The attacks that the options stand for, and their radius.

    Args:
        args: Options of the command.

    Raises:
        InputError: If a setting is outside its range, or belongs to none of the attacks.
    """
    from ntknas.attack import AttackSpec, check_radius

    names = args.attack
    if names is None:
        names = [] if args.corruptions or args.checklist else ["pgd"]
    elif not names:
        raise InputError(f"expected some of {','.join(ATTACKS)} as attacks, got none")
    rho = _RADII[args.ball] if args.rho is None else args.rho
    check_radius(rho, ball=args.ball)
    given = {
        "steps": args.steps,
        "step_size": args.step_size,
        "restarts": args.restarts,
        "queries": args.queries,
    }
    unread = {name for name, value in given.items() if value is not None}
    if args.checklist:
        unread -= {"steps", "queries"}
        if args.ball != "linf":
            raise InputError("the checklist has the ball linf only, got l2")
    specs = []
    for name in dict.fromkeys(names):
        read = set(settings_of(ATTACKS.check(name)).names)
        if name == "square":
            read = (read - {"steps"}) | {"queries"}
        unread -= read
        settings = {key: given[key] for key in read & set(given) if given[key] is not None}
        if "queries" in settings:
            settings["steps"] = settings.pop("queries")
        specs.append(AttackSpec(name, ball=args.ball, **settings))
    if unread:
        option = f"--{min(unread).replace('_', '-')}"
        if not names:
            raise InputError(f"{option} belongs to attacks, got none: add --attack NAME,...")
        raise InputError(f"{option} is a setting of none of the attacks: {','.join(names)}")
    return specs, rho


def corruptions_of(args: argparse.Namespace) -> tuple[list[int], list[str]]:
    """The severities and corruptions that the options stand for.

    Args:
        args: Options of the command.

    Raises:
        InputError: For an unknown corruption or severity, or options without --corruptions.
    """
    from ntknas.images import CORRUPTIONS

    if args.corruptions is None:
        for option in ("severity", "corrupted_data"):
            if getattr(args, option) is not None:
                raise InputError(f"--{option.replace('_', '-')} belongs to --corruptions")
        return [], []
    if not args.corruptions:
        raise InputError(f"expected all, or some of {','.join(CORRUPTIONS)}, got none")
    names = list(CORRUPTIONS) if args.corruptions == ["all"] else args.corruptions
    severities = list(_SEVERITIES) if args.severity is None else args.severity
    if not severities:
        raise InputError("expected severities from 1 to 5, got none")
    for name in names:
        CORRUPTIONS.check(name)
    for severity in severities:
        if severity not in _SEVERITIES:
            raise InputError(f"expected severities from 1 to 5, got {severity}")
    return list(dict.fromkeys(severities)), list(dict.fromkeys(names))
