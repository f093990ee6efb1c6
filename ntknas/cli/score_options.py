"""The options of `ntknas score` that set a `ScoringSpec`, and the settings that they stand for."""

import argparse
from typing import TYPE_CHECKING, Any

from ntknas.attack.spec import ATTACKS
from ntknas.cli.parser import ArgumentParser, add_image_size, comma_list, fraction, one_of
from ntknas.errors import InputError

if TYPE_CHECKING:
    from ntknas.runs import ScoringSpec

__all__ = ["SETTINGS", "add_attack", "add_images", "add_kernels", "add_network", "spec_of"]

_OF_ATTACKS = ("rho", "beta", "attack", "steps", "step_size", "random_start", "attack_norm")
SETTINGS = (
    *("preset", "batch_size", "balance", "seeds", "norm", "init", "channels", "cells"),
    *(*_OF_ATTACKS, "kernels", "logits", "params", "parts", "zero_cost"),
)
"""Options that set something of a `ScoringSpec`."""
_NORMS = ("batch", "image", "frozen", "none")


def add_images(parser: ArgumentParser) -> None:
    """Add the options that choose the images.

    Args:
        parser: Parser of the command.
    """
    group = parser.add_argument_group("images")
    group.add_argument(
        "--dataset",
        choices=("cifar10", "cifar100", "imagenet16"),
        help="data set of the images; default: cifar10",
    )
    group.add_argument(
        "--data",
        metavar="PATH",
        help="images: official pickles (folder or .tar.gz), .npz, or a name that `ntknas data "
        "fetch` has brought (cifar10, cifar100); default: an embedded sample of 320 CIFAR-10 "
        "training images",
    )
    group.add_argument(
        "--split",
        choices=("train", "test"),
        default="train",
        help="part of the data set to draw images from; default: train",
    )
    add_image_size(group)
    group.add_argument(
        "--batch-size",
        type=int,
        metavar="N",
        help="number of images per kernel; default: that of the preset",
    )
    group.add_argument(
        "--balance",
        choices=("near", "exact"),
        help="balance of the classes: their counts differ by at most one (near, default), or are "
        "equal (exact)",
    )
    group.add_argument(
        "--seeds",
        metavar="N",
        type=int,
        help="number of draws, each with its own weights and images; scores are averaged over "
        "them; default: that of the preset",
    )


def add_network(parser: ArgumentParser) -> None:
    """Add the options of the network.

    Args:
        parser: Parser of the command.
    """
    group = parser.add_argument_group("network")
    group.add_argument(
        "--norm",
        choices=_NORMS,
        help="normalisation by statistics of the batch (published setting), of each image alone "
        "(cheaper), by frozen statistics (wrong at initialisation), or none; default: that of the "
        "preset",
    )
    group.add_argument(
        "--init",
        choices=("pytorch", "kaiming"),
        help="distribution of the weights at initialisation; default: pytorch",
    )
    group.add_argument(
        "--channels",
        metavar="N",
        type=int,
        help="number of channels of the first stage; default: 16",
    )
    group.add_argument(
        "--cells",
        metavar="N",
        type=int,
        help="number of cells per stage; default: that of the preset",
    )


def add_attack(parser: ArgumentParser) -> None:
    """Add the options of the attack.

    Args:
        parser: Parser of the command.
    """
    group = parser.add_argument_group("attack (radii and steps in pixel units of [0, 1])")
    group.add_argument(
        "--attack",
        choices=tuple(ATTACKS),
        help="algorithm (fab-t and autoattack are for trained networks); default: pgd",
    )
    group.add_argument(
        "--rho",
        type=comma_list(fraction),
        metavar="RHO,...",
        help="radii of the attack; default: 3/255,8/255",
    )
    group.add_argument(
        "--steps",
        metavar="N",
        type=int,
        help="number of gradient steps, or of queries of square; default: 20 for pgd, 100 for "
        "apgd, 5000 for square",
    )
    group.add_argument(
        "--step-size",
        metavar="SIZE",
        type=fraction,
        help="size of a PGD step; default: 2.5 rho / steps",
    )
    group.add_argument(
        "--random-start",
        action=argparse.BooleanOptionalAction,
        help="start pgd and apgd at a random point of the ball (default), or at the image",
    )
    group.add_argument(
        "--attack-norm",
        choices=_NORMS,
        help="normalisation of the attacked network; default: that of --norm",
    )


def add_kernels(parser: ArgumentParser) -> None:
    """Add the options of the kernels.

    Args:
        parser: Parser of the command.
    """
    group = parser.add_argument_group("kernels")
    group.add_argument(
        "--kernels",
        type=comma_list(one_of("clean", "robust", "twice")),
        metavar="KERNEL,...",
        help="kernels to compute, some of clean,robust,twice (clean alone needs no attack); "
        "default: those of the preset",
    )
    group.add_argument(
        "--beta",
        type=comma_list(fraction),
        metavar="BETA,...",
        help="weights of the robust loss in mixed kernels; ntknas sweep can compute other weights "
        "later, from the stored kernels; default: 0,0.5,1",
    )
    group.add_argument(
        "--logits",
        choices=("sum", "trace"),
        help="gradients of the sum of the logits (default), or the mean kernel of a single logit",
    )
    group.add_argument(
        "--params",
        choices=("all", "weights"),
        help="parameters of the gradients: all (default), or weights without biases",
    )
    group.add_argument(
        "--parts",
        choices=("none", "groups", "layers"),
        help="parts of every kernel to keep and score besides the whole: groups of layers (stem, "
        "stage_1, reduction_1, stage_2, reduction_2, stage_3, head), or each of the 23 layers; "
        "scores are then named like lambda_min@clean.stage_1; default: those of the preset",
    )
    group.add_argument(
        "--zero-cost",
        nargs="?",
        const=True,
        type=comma_list(),
        metavar="PROXY,...",
        help="also compute the usual zero-cost proxies, which need no kernel, on the same batch: "
        "all of them, or only those named, such as naswot,synflow (ntknas scores lists them)",
    )


def spec_of(args: argparse.Namespace) -> "ScoringSpec":
    """The settings that the options stand for.

    Args:
        args: Options of the command.

    Raises:
        InputError: For values that do not fit each other.
    """
    from ntknas.attack import AttackSpec, check_read
    from ntknas.kernel import Batch, KernelName, Logits
    from ntknas.layers import Norm
    from ntknas.network import Init, NetworkSpec
    from ntknas.runs import PRESETS, ScoringSpec

    def or_default(value: Any, default: Any) -> Any:
        """The value of an option, or the default if the option was not given."""
        return default if value is None else value

    preset, published = PRESETS[args.preset or "standard"], ScoringSpec()
    batches = preset.batches
    if args.kernels is not None:
        batches = tuple(KernelName(name).batches[0] for name in args.kernels)
    if set(batches) == {Batch.CLEAN}:
        for option in _OF_ATTACKS:
            if getattr(args, option) is not None:
                raise InputError(
                    f"--{option.replace('_', '-')} needs attacked kernels, got only the clean one: "
                    "add --kernels clean,robust,twice"
                )
    proxies = args.zero_cost  # True, a list, or None
    name = or_default(args.attack, published.attack.name)
    check_read(name, {key: getattr(args, key) for key in ("steps", "step_size", "random_start")})
    return ScoringSpec(
        batch_size=or_default(args.batch_size, preset.batch_size),
        balance=or_default(args.balance, published.balance),
        seeds=or_default(args.seeds, preset.seeds),
        network=NetworkSpec(
            channels=or_default(args.channels, published.cell_network.channels),
            cells=or_default(args.cells, preset.cell_network.cells),
            norm=Norm(or_default(args.norm, preset.cell_network.norm)),
            init=Init(or_default(args.init, published.cell_network.init)),
        ),
        attack=AttackSpec(
            name=name,
            steps=args.steps,
            step_size=args.step_size,
            random_start=or_default(args.random_start, published.attack.random_start),
        ),
        attack_norm=None if args.attack_norm is None else Norm(args.attack_norm),
        batches=batches,
        rhos=tuple(or_default(args.rho, published.rhos)),
        betas=tuple(or_default(args.beta, published.betas)),
        logits=Logits(or_default(args.logits, published.logits)),
        parameters=or_default(args.params, published.parameters),
        parts=or_default(args.parts, preset.parts),
        zero_cost=tuple(proxies) if isinstance(proxies, list) else bool(proxies),
    )
