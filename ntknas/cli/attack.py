"""`ntknas attack`: the accuracy of a trained network, clean, under attacks and corruptions."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ntknas.attack.spec import ATTACKS, BALLS, settings_of
from ntknas.cli.device import check_device
from ntknas.cli.output import note, write
from ntknas.cli.parser import ArgumentParser, Commands, add_format, comma_list, fraction
from ntknas.errors import InputError
from ntknas.report.progress import Progress

if TYPE_CHECKING:
    import numpy as np

    from ntknas.attack import Accuracy, AttackSpec, Checklist
    from ntknas.images import ImageSet
    from ntknas.spaces.nasbench201 import Architecture

__all__ = ["add"]

_SEVERITIES = (1, 2, 3, 4, 5)
_DATASETS = ("cifar10", "cifar100", "imagenet16")
_ABOUT = """\
Examples:
  ntknas attack --torch-weights FILE --arch 2581 --attack fgsm,pgd,apgd-ce
  ntknas attack --torch-weights FILE --arch 2581 --attack autoattack --rho 8/255 \\
      --data cifar-10-batches-py --count 1000
  ntknas attack --torch-weights FILE --arch 2581 --corruptions all --severity 3
  ntknas attack --torch-weights FILE --arch 2581 --checklist

The weights are a PyTorch state_dict of NAS-Bench-201's network, such as NAS-RobBench-201's released
checkpoints. Normalisation uses the running statistics, and attacks work in pixel space. Accuracies
have 95% binomial intervals (Wilson).

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
its robustness. --surrogate-weights adds attacked images of another network.
"""


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add(
        "attack",
        _run,
        summary="measure a trained network, clean, under attacks and corruptions",
        about=_ABOUT,
    )
    network = parser.add_argument_group("network")
    network.add_argument(
        "--torch-weights", metavar="FILE", required=True, help="PyTorch checkpoint of the network"
    )
    network.add_argument(
        "--arch",
        metavar="SPEC",
        required=True,
        help="architecture of the checkpoint: an id, an architecture string, or code:421211",
    )
    network.add_argument(
        "--checkpoint-seed", metavar="S", help="seed to read from a checkpoint with several"
    )
    _add_images(parser)
    _add_attacks(parser)
    _add_more(parser)
    add_format(parser)
    parser.add_argument(
        "--out", metavar="FILE", help="file to write the result to; default: standard output"
    )


def _add_images(parser: ArgumentParser) -> None:
    """Add the options that choose the images."""
    group = parser.add_argument_group("images")
    group.add_argument(
        "--dataset",
        choices=_DATASETS,
        help="data set of the images; default: that with the checkpoint's number of classes",
    )
    group.add_argument(
        "--data",
        metavar="PATH",
        help="file of the images: official pickles (folder or .tar.gz) or .npz; default: an "
        "embedded sample of 320 CIFAR-10 training images",
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


def _add_attacks(parser: ArgumentParser) -> None:
    """Add the options of the attacks."""
    group = parser.add_argument_group("attacks (radii and steps in pixel units of [0, 1])")
    group.add_argument(
        "--attack",
        metavar="NAME,...",
        type=comma_list(),
        help="attacks, see below; default: pgd, or none with --corruptions or --checklist",
    )
    group.add_argument(
        "--rho", metavar="RHO", type=fraction, default=8 / 255, help="radius; default: 8/255"
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


def _add_more(parser: ArgumentParser) -> None:
    """Add the options of corruptions and of the checklist."""
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
        help="folder of CIFAR-10-C (labels.npy and one file per corruption) to read corrupted "
        "images from; default: corrupt the images here",
    )
    more = parser.add_argument_group("masked gradients")
    more.add_argument(
        "--checklist",
        action="store_true",
        help="look for signs of masked gradients, with 20 steps and 1000 queries unless --steps "
        "and --queries say otherwise",
    )
    more.add_argument(
        "--surrogate-weights",
        metavar="FILE",
        help="checkpoint of another network, whose attacked images are tried on this one",
    )
    more.add_argument("--surrogate-arch", metavar="SPEC", help="architecture of that checkpoint")


class _Network(NamedTuple):
    """A trained network."""

    architecture: "Architecture"
    normaliser: str
    classes: int
    apply_fn: Any
    variables: Any


def _run(args: argparse.Namespace) -> None:
    from ntknas.attack import checklist, evaluate
    from ntknas.report import check_output

    specs = _specs(args)
    severities, corruptions = _corruptions(args)
    if (args.surrogate_weights is None) != (args.surrogate_arch is None):
        raise InputError("expected --surrogate-weights and --surrogate-arch together")
    if args.surrogate_weights is not None and not args.checklist:
        raise InputError("--surrogate-weights belongs to --checklist")
    if args.out is not None:
        check_output(args.out)
    network = _network(args.torch_weights, args.arch, args.checkpoint_seed)
    surrogate = None
    if args.surrogate_weights is not None:
        other = _network(args.surrogate_weights, args.surrogate_arch, None)
        if other.classes != network.classes:
            raise InputError(
                f"expected another network of {network.classes} classes, got {other.classes}"
            )
        surrogate = (other.apply_fn, other.variables)
    images = _images(args, network)
    if args.batch_size < 1:
        raise InputError(f"--batch-size must be at least 1, got {args.batch_size}")
    if args.corrupted_data is not None:
        for name in corruptions:  # before anything is computed
            _read_corrupted(args, images.dataset, name, severities[0])
    pixels, labels = _floats(images.pixels), images.labels
    check_device()
    note(
        f"{network.architecture} of {args.torch_weights}; mean and std {_normaliser(network)}\n"
        f"{len(labels)} {images.dataset} images ({images.source})"
    )
    shared = {"batch_size": args.batch_size, "seed": args.seed}
    with _Steps() as steps:
        found = evaluate(
            network.apply_fn,
            network.variables,
            pixels,
            labels,
            attacks=specs,
            rho=args.rho,
            on_progress=steps,
            **shared,
        )
        rows = [_row("clean", found.accuracy)]
        for spec, result in zip(specs, found.results, strict=True):
            row = _row(spec.name, result.accuracy, rho=args.rho)
            rows.append(row | {"broken": result.broken, "spec": _settings(spec)})
        if len(specs) > 1:
            rows.append(_row("every attack", found.worst_case, rho=args.rho))
        for name in corruptions:
            for severity in severities:
                accuracy = _corrupted(args, network, images, name, severity)
                rows.append(_row(name, accuracy, severity=severity))
                steps(name, severities.index(severity) + 1, len(severities))
        checked = None
        if args.checklist:
            chosen = {"steps": args.steps, "queries": args.queries}
            checked = checklist(
                network.apply_fn,
                network.variables,
                pixels,
                labels,
                rho=args.rho,
                surrogate=surrogate,
                on_progress=steps,
                **{name: value for name, value in chosen.items() if value is not None},
                **shared,
            )
    _report(args, network, images, rows, checked)


def _specs(args: argparse.Namespace) -> "list[AttackSpec]":
    """The attacks that the options stand for."""
    from ntknas.attack import AttackSpec, check_radius

    names = args.attack
    if names is None:
        names = [] if args.corruptions or args.checklist else ["pgd"]
    elif not names:
        raise InputError(f"expected some of {','.join(ATTACKS)} as attacks, got none")
    check_radius(args.rho, ball=args.ball)
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
    for name in names:
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
        raise InputError(f"{option} is a setting of none of the attacks: {','.join(names)}")
    return specs


def _corruptions(args: argparse.Namespace) -> tuple[list[int], list[str]]:
    """The severities and corruptions that the options stand for."""
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
    for name in names:
        CORRUPTIONS.check(name)
    for severity in severities:
        if severity not in _SEVERITIES:
            raise InputError(f"expected severities from 1 to 5, got {severity}")
    return severities, names


def _network(weights: str, arch: str, seed: str | None) -> _Network:
    """The network of a checkpoint."""
    from ntknas.network import Network, load_torch_weights
    from ntknas.spaces.nasbench201 import architectures

    chosen = architectures(arch)
    if len(chosen) != 1:
        raise InputError(f"expected one architecture, got {len(chosen)}")
    loaded = load_torch_weights(weights, chosen[0], seed=seed)
    network, ops = Network(loaded.spec), chosen[0].ops

    def apply_fn(variables: Any, images: Any) -> Any:
        return network.apply(variables, images, ops)

    return _Network(chosen[0], loaded.normaliser, loaded.spec.classes, apply_fn, loaded.variables)


def _normaliser(network: _Network) -> str:
    """Where mean and std come from, in words."""
    known = network.normaliser == "of the checkpoint"
    return network.normaliser if known else f"of {network.normaliser}"


def _images(args: argparse.Namespace, network: _Network) -> "ImageSet":
    """The images, after a check that their labels fit the network."""
    from ntknas.images import DATASETS, ImageSet, load_images

    fitting = [name for name in DATASETS if DATASETS[name].classes == network.classes]
    dataset = args.dataset or (fitting[0] if fitting else None)
    if dataset is None or DATASETS[dataset].classes != network.classes:
        got = f"{dataset} of {DATASETS[dataset].classes}" if dataset else "none of this number"
        raise InputError(
            f"expected a data set of the checkpoint's {network.classes} classes, got {got}"
        )
    split = args.split or ("train" if args.data is None else "test")
    images = load_images(dataset, args.data, split=split)
    if args.count is None:
        return images
    if not 1 <= args.count <= len(images):
        raise InputError(f"expected --count from 1 to {len(images)}, got {args.count}")
    first = slice(args.count)
    parts = (images.pixels[first], images.labels[first], images.indices[first])
    return ImageSet(images.dataset, *parts, images.source)


def _floats(pixels: "np.ndarray") -> "np.ndarray":
    """Pixels in [0, 1]."""
    import numpy as np

    return (pixels / 255).astype(np.float32) if pixels.dtype == np.uint8 else pixels


def _corrupted(
    args: argparse.Namespace, network: _Network, images: "ImageSet", name: str, severity: int
) -> "Accuracy":
    """The accuracy on corrupted images."""
    import numpy as np

    from ntknas.attack import Accuracy, predictions
    from ntknas.images import corrupt

    if args.corrupted_data is None:
        pixels, labels = images.pixels, images.labels
        if pixels.dtype != np.uint8:
            pixels = np.rint(255 * pixels).astype(np.uint8)
        pixels = corrupt(pixels, name, severity, seed=args.seed)
    else:
        read = _read_corrupted(args, images.dataset, name, severity)
        pixels, labels = read.pixels[: args.count], read.labels[: args.count]
    logits = predictions(
        network.apply_fn, network.variables, _floats(pixels), batch_size=args.batch_size
    )
    return Accuracy(int((logits.argmax(1) == labels).sum()), len(labels))


def _read_corrupted(args: argparse.Namespace, dataset: str, name: str, severity: int) -> "ImageSet":
    """Corrupted images of files."""
    from ntknas.images import load_corrupted

    read = load_corrupted(args.corrupted_data, name, severity, dataset=dataset)
    if args.count is not None and args.count > len(read):
        raise InputError(
            f"expected --count from 1 to the {len(read)} images of {read.source}, got {args.count}"
        )
    return read


def _row(name: str, accuracy: "Accuracy", **where: Any) -> dict[str, Any]:
    """One line of the result."""
    low, high = accuracy.interval()
    return {
        "test": name,
        "rho": where.get("rho"),
        "severity": where.get("severity"),
        "accuracy": accuracy.value,
        "low": low,
        "high": high,
        "correct": accuracy.correct,
        "n": accuracy.count,
    }


def _settings(spec: "AttackSpec") -> dict[str, Any]:
    """The settings of an attack that it reads."""
    read = ("name", "ball", *settings_of(spec.name).names)
    return {name: getattr(spec, name) for name in read}


class _Steps:
    """The progress of one attack after the other."""

    def __init__(self) -> None:
        self._name = ""
        self._progress: Progress | None = None

    def __enter__(self) -> "_Steps":
        return self

    def __exit__(self, *error: Any) -> None:
        if self._progress is not None:
            self._progress.__exit__(*error)
            self._progress = None

    def __call__(self, name: str, done: int, total: int) -> None:
        """Show that `done` of `total` items are done."""
        if name != self._name or self._progress is None:
            self.__exit__(None, None, None)
            self._name = name
            self._progress = Progress(f"done, {name}", first=f"{name}").__enter__()
        self._progress(done, total)


def _report(
    args: argparse.Namespace,
    network: _Network,
    images: "ImageSet",
    rows: list[dict[str, Any]],
    checked: "Checklist | None",
) -> None:
    """Write the result in the chosen format."""
    from ntknas.report import attack_report, output_file

    if args.format == "json":
        text = _json(args, network, images, rows, checked)
    else:
        text = attack_report(rows, checked, format=args.format)
    if args.out is None:
        write(text)
        return
    with output_file(args.out) as temporary:
        temporary.write_text(f"{text}\n", encoding="utf-8")
    write(f"result: {Path(args.out)}")


def _json(args, network: _Network, images, rows, checked: "Checklist | None") -> str:
    """The result as one JSON object."""
    from dataclasses import asdict

    result = {
        "architecture": network.architecture.string,
        "weights": args.torch_weights,
        "normaliser": network.normaliser,
        "images": {
            "dataset": images.dataset,
            "source": images.source,
            "sha256": images.sha256,
            "n": len(images),
        },
        "ball": args.ball,
        "seed": args.seed,
        "confidence": 0.95,
        "results": rows,
    }
    if checked is not None:
        result["checklist"] = asdict(checked) | {"passed": checked.passed}
    return json.dumps(result, indent=1)
