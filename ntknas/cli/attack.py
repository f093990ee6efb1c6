"""`ntknas attack`: the accuracy of a trained network, clean, under attacks and corruptions."""

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ntknas.attack.spec import settings_of
from ntknas.cli.attack_options import (
    add_attacks,
    add_images,
    add_more,
    corruptions_of,
    specs_of,
)
from ntknas.cli.attack_result import Test, write_result
from ntknas.cli.device import check_device
from ntknas.cli.interruptible import Stopped, interruptible
from ntknas.cli.output import note
from ntknas.cli.parser import Commands, add_format
from ntknas.cli.trained import TrainedNetwork, add_trained, read_surrogate, read_trained
from ntknas.errors import InputError
from ntknas.report.progress import ProgressByName

if TYPE_CHECKING:
    import numpy as np

    from ntknas.attack import AttackSpec, Checklist, Evaluation
    from ntknas.images import ImageSet

__all__ = ["add"]

_EXAMPLES = 10

_ABOUT = """\
Examples:
  ntknas attack --checkpoint trainings/best/9930/seed_0 --attack fgsm,pgd --plot examples.png
  ntknas attack --torch-weights FILE --arch 2581 --attack autoattack --rho 8/255 \\
      --data cifar-10-batches-py --count 1000 --state autoattack.npz
  ntknas attack --torch-weights FILE --arch 2581 --corruptions all --severity 3 --per-class
  ntknas attack --torch-weights FILE --arch 2581 --checklist --json

A network is a checkpoint of `ntknas train`, or a PyTorch state_dict of NAS-Bench-201's network such
as NAS-RobBench-201's released checkpoints. Normalisation uses the running statistics, and attacks
work in pixel space. Accuracies have 95% binomial intervals (Wilson).

Attacks:
  fgsm        one step
  pgd         20 steps of 2.5 rho / 20 from a random start
  apgd-ce     100 steps whose lengths adapt, on the cross-entropy
  apgd-dlr    the same on the difference of logits ratio
  apgd-t      the same towards each of the nine strongest other classes
  fab-t       100 steps to the nearest boundary of each of the nine classes
  square      5000 queries without gradients
  autoattack  apgd-ce, apgd-t, fab-t and square, each on the images that still stand

The checklist says whether the network shows signs of masked gradients, by which attacks overrate
its robustness. --surrogate-checkpoint and --surrogate-weights add attacked images of another
network.
"""


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add(
        "attack",
        _run,
        summary="measure a trained network, clean, under attacks and corruptions",
        about=_ABOUT,
    )
    add_trained(parser.add_argument_group("network"))
    add_images(parser)
    add_attacks(parser)
    add_more(parser)
    parser.add_argument(
        "--per-class", action="store_true", help="also the accuracies on the images of each class"
    )
    parser.add_argument(
        "--plot",
        metavar="PICTURE",
        help="draw an image of each of ten classes, what each attack changes, and what the network "
        "says (.png, .svg or .pdf)",
    )
    parser.add_argument(
        "--state",
        metavar="FILE",
        help="file that keeps what the attacks have done; the same command goes on from it",
    )
    add_format(parser)
    parser.add_argument(
        "--json",
        dest="format",
        action="store_const",
        const="json",
        help="the same as --format json",
    )
    parser.add_argument(
        "--out", metavar="FILE", help="file to write the result to; default: standard output"
    )


def _run(args: argparse.Namespace) -> None:
    specs, rho = specs_of(args)
    severities, corruptions = corruptions_of(args)
    _check_outputs(args, specs)
    if not args.checklist:
        for option in ("surrogate_checkpoint", "surrogate_weights", "surrogate_arch"):
            if getattr(args, option) is not None:
                raise InputError(f"--{option.replace('_', '-')} belongs to --checklist")
    network = read_trained(args)
    surrogate = read_surrogate(args)
    if surrogate is not None and surrogate.classes != network.classes:
        raise InputError(
            f"expected another network of {network.classes} classes, got {surrogate.classes}"
        )
    whole = _images(args, network)
    images = _fitting(whole, network)
    if args.batch_size < 1:
        raise InputError(f"--batch-size must be at least 1, got {args.batch_size}")
    if args.corrupted_data is not None:
        for name in corruptions:  # before anything is computed
            _read_corrupted(args, images.dataset, name, severities[0])
    check_device()
    note(
        f"{network.architecture} of {network.source}; mean and std {network.normaliser}\n"
        f"{len(images)} {images.dataset} images ({images.source})"
    )
    if args.data is None:
        note("note: the sample is of training images; --data FILE tests on others")

    def work() -> "tuple[list[Test], Checklist | None]":
        with ProgressByName("done, {name}") as steps:
            found = _evaluate(args, network, images, specs, rho, steps)
            tests = _attack_tests(found, images, specs, rho)
            for name in corruptions:
                for done, severity in enumerate(severities, 1):
                    right, labels = _corrupted(args, network, whole, name, severity)
                    tests.append(Test(name, right, labels, {"severity": severity}))
                    steps(name, done, len(severities))
            checked = None
            if args.checklist:
                checked = _checklist(args, network, surrogate, images, rho, steps)
        if args.plot is not None:
            _plot(args, network, images, found)
        return tests, checked

    try:
        tests, checked = interruptible(work)
    except Stopped as stop:
        kept = f"; the same command goes on from {args.state}" if args.state else ""
        note(f"ntknas: stopped{kept}")
        sys.stdout.flush()
        os._exit(stop.status)  # threads inside XLA cannot be stopped
    write_result(args, network, images, tests, checked)


def _check_outputs(args: argparse.Namespace, specs: "Sequence[AttackSpec]") -> None:
    """Raise InputError for files that cannot be written, or would be empty."""
    from ntknas.report import check_output, check_picture

    for option in ("plot", "state"):
        if getattr(args, option) is not None and not specs:
            raise InputError(f"--{option} belongs to attacks, got none: add --attack NAME,...")
    for path in (args.out, args.state):
        if path is not None:
            check_output(path)
    if args.plot is not None:
        check_picture(args.plot)


def _evaluate(
    args: argparse.Namespace,
    network: TrainedNetwork,
    images: "ImageSet",
    specs: "Sequence[AttackSpec]",
    rho: float,
    steps: Any,
) -> "Evaluation":
    """What the attacks do."""
    from ntknas.attack import evaluate

    return evaluate(
        network.apply_fn,
        network.variables,
        _floats(images.pixels),
        images.labels,
        attacks=specs,
        rho=rho,
        batch_size=args.batch_size,
        seed=args.seed,
        state=args.state,
        on_progress=steps,
    )


def _checklist(
    args: argparse.Namespace,
    network: TrainedNetwork,
    surrogate: TrainedNetwork | None,
    images: "ImageSet",
    rho: float,
    steps: Any,
) -> "Checklist":
    """The verdicts on masked gradients."""
    from ntknas.attack import checklist

    chosen = {"steps": args.steps, "queries": args.queries}
    return checklist(
        network.apply_fn,
        network.variables,
        _floats(images.pixels),
        images.labels,
        rho=rho,
        surrogate=None if surrogate is None else (surrogate.apply_fn, surrogate.variables),
        batch_size=args.batch_size,
        seed=args.seed,
        on_progress=steps,
        **{name: value for name, value in chosen.items() if value is not None},
    )


def _attack_tests(
    found: "Evaluation", images: "ImageSet", specs: "Sequence[AttackSpec]", rho: float
) -> list[Test]:
    """Clean images, every attack, and all of them together."""
    tests = [Test("clean", found.clean, images.labels, {})]
    for spec, result in zip(specs, found.results, strict=True):
        read = ("name", "ball", *settings_of(spec.name).names)
        settings = {name: getattr(spec, name) for name in read}
        where = {"rho": rho, "broken": result.broken, "spec": settings}
        tests.append(Test(spec.name, result.standing, images.labels, where))
    if len(specs) > 1:
        tests.append(Test("every attack", found.standing, images.labels, {"rho": rho}))
    return tests


def _plot(
    args: argparse.Namespace, network: TrainedNetwork, images: "ImageSet", found: "Evaluation"
) -> None:
    """Draw the first image of each class that the network classifies correctly."""
    import numpy as np

    from ntknas.attack import predictions
    from ntknas.images import dataset_info
    from ntknas.report import Examples, attack_examples

    right = np.flatnonzero(found.clean)
    _, first = np.unique(images.labels[right], return_index=True)
    chosen = right[first][:_EXAMPLES]
    if not len(chosen):
        note("no picture: the network classifies no image correctly")
        return

    def examples(title: str, pixels: "np.ndarray") -> Examples:
        logits = predictions(
            network.apply_fn, network.variables, pixels[chosen], batch_size=args.batch_size
        )
        return Examples(title, pixels[chosen], logits.argmax(1))

    attack_examples(
        examples("image", _floats(images.pixels)),
        [examples(result.spec.name, result.images) for result in found.results],
        images.labels[chosen],
        args.plot,
        class_name=dataset_info(images.dataset).class_name,
    )
    note(f"picture: {args.plot}")


def _images(args: argparse.Namespace, network: TrainedNetwork) -> "ImageSet":
    """The images, after a check that their labels fit the network."""
    from ntknas.images import DATASETS, load_images

    fitting = [name for name in DATASETS if DATASETS[name].classes == network.classes]
    dataset = args.dataset or (fitting[0] if fitting else None)
    if dataset is None or DATASETS[dataset].classes != network.classes:
        got = f"{dataset} of {DATASETS[dataset].classes}" if dataset else "none of this number"
        raise InputError(
            f"expected a data set of the checkpoint's {network.classes} classes, got {got}"
        )
    split = args.split or ("train" if args.data is None else "test")
    images = load_images(dataset, args.data, split=split)
    if args.data is None and args.checkpoint is not None:
        from ntknas.training import SAMPLE_PARTS, split_images

        images = split_images(images, *SAMPLE_PARTS)[1]
    if args.count is None:
        return images
    if not 1 <= args.count <= len(images):
        raise InputError(f"expected --count from 1 to {len(images)}, got {args.count}")
    return images.subset(slice(args.count))


def _fitting(images: "ImageSet", network: TrainedNetwork) -> "ImageSet":
    """The images at the size that the network was trained on."""
    return images if network.image_size is None else images.shrunk(network.image_size)


def _floats(pixels: "np.ndarray") -> "np.ndarray":
    """Pixels in [0, 1]."""
    import numpy as np

    return (pixels / 255).astype(np.float32) if pixels.dtype == np.uint8 else pixels


def _corrupted(
    args: argparse.Namespace, network: TrainedNetwork, images: "ImageSet", name: str, severity: int
) -> "tuple[np.ndarray, np.ndarray]":
    """Whether each corrupted image is classified correctly, and the labels."""
    import numpy as np

    from ntknas.attack import predictions
    from ntknas.images import corrupt

    if args.corrupted_data is None:
        pixels = images.pixels
        if pixels.dtype != np.uint8:
            pixels = np.rint(255 * pixels).astype(np.uint8)
        read = replace(images, pixels=corrupt(pixels, name, severity, seed=args.seed))
    else:
        read = _read_corrupted(args, images.dataset, name, severity).subset(slice(args.count))
    pixels = _floats(_fitting(read, network).pixels)
    logits = predictions(network.apply_fn, network.variables, pixels, batch_size=args.batch_size)
    return logits.argmax(1) == read.labels, read.labels


def _read_corrupted(args: argparse.Namespace, dataset: str, name: str, severity: int) -> "ImageSet":
    """Corrupted images of files."""
    from ntknas.images import load_corrupted

    read = load_corrupted(args.corrupted_data, name, severity, dataset=dataset)
    if args.count is not None and args.count > len(read):
        raise InputError(
            f"expected --count from 1 to the {len(read)} images of {read.source}, got {args.count}"
        )
    return read
