"""`ntknas score`: score architectures into a run folder; the same command resumes a run."""

import argparse
import os
import re
import shlex
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ntknas.attack.spec import ATTACKS
from ntknas.cli.device import check_device
from ntknas.cli.interruptible import Stopped, interruptible
from ntknas.cli.output import note, write
from ntknas.cli.parser import (
    ArgumentParser,
    Commands,
    add_image_size,
    comma_list,
    fraction,
    one_of,
)
from ntknas.errors import InputError
from ntknas.report.progress import Progress

if TYPE_CHECKING:
    from ntknas.runs import ScoringSpec

__all__ = ["add"]

_OF_ATTACKS = ("rho", "beta", "attack", "steps", "step_size", "random_start", "attack_norm")
_SETTINGS = (
    *("preset", "batch_size", "balance", "seeds", "norm", "init", "channels", "cells"),
    *(*_OF_ATTACKS, "kernels", "logits", "params", "parts", "zero_cost"),
)
_NORMS = ("batch", "image", "frozen", "none")

_ABOUT = """\
SPEC names architectures of NAS-Bench-201. It is one of
  all                  all 6,466 distinct architectures (15,625 cells, duplicates merged)
  every                all 15,625 cells
  random:COUNT[:SEED]  a random draw of COUNT of the 6,466; SEED is 0 if left out
  0,5,9930             ids
  STRING               an architecture string, as `ntknas arch 9930` shows it
  code:421211          six op codes
  @FILE                a text file of ids, strings or codes, separated by commas or white space

Examples:
  ntknas score --archs random:100 --preset fast --out runs/first
  ntknas score --archs all --out runs/space
  ntknas score --archs random:200 --kernels clean,robust --rho 8/255 --out runs/robust
  ntknas score --archs random:50 --preset published --out runs/published
  ntknas score --archs all --out runs/space --cluster tcp://head:8786

Attacks take most of the time. The time grows with --steps and with the number of radii.

A preset sets the number of images, the normalisation, the cells, the draws, the parts and the
kernels. Options that are given together with a preset override it:
  fast       norm image, 2 cells per stage, 8 images; clean
  standard   norm image, 1 cell per stage, 16 images, 3 draws, groups of layers; clean
  published  norm batch, 5 cells per stage, 32 images; clean, robust, twice
The defaults of the attack, radii, logits and params are those of the published setting. Options of
attacks need --kernels with robust or twice, or --preset published.

Stop the command with Ctrl-C; the same command resumes the run. More architectures may be scored
into the same DIR, but only with the same settings: without options of network, attack and kernels,
a run in DIR goes on with its own. Images of your own (--data) have to be named again.
"""


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add(
        "score",
        _run,
        summary="score architectures into a run folder, or resume a run",
        about=_ABOUT,
    )
    parser.add_argument(
        "--archs", metavar="SPEC", required=True, help="architectures to score, see below"
    )
    parser.add_argument("--out", metavar="DIR", required=True, help="folder of the run")
    parser.add_argument(
        "--shard",
        metavar="I/N",
        type=_shard,
        help="score only every N-th architecture, from the I-th on, for machines that share "
        "nothing; ntknas merge joins the runs",
    )
    parser.add_argument(
        "--preset",
        choices=("fast", "standard", "published"),
        help="settings to start from, see below; default: those of a run in DIR, or else standard",
    )
    parser.add_argument(
        "--program",
        choices=("branches", "bundles"),
        help="program that computes kernels: branches (fast on CPUs), or bundles of architectures "
        "in one launch (fast on accelerators); default: the fast one; results agree up to rounding",
    )
    parser.add_argument(
        "--cluster",
        metavar="WHERE",
        help="processes of Dask that compute, while this one writes the run: local, local:WORKERS "
        "on this machine, or tcp://HOST:PORT of a scheduler; default: the threads of this process",
    )
    _add_images(parser)
    _add_network(parser)
    _add_attack(parser)
    _add_kernels(parser)


def _add_images(parser: ArgumentParser) -> None:
    """Add the options that choose the images."""
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


def _add_network(parser: ArgumentParser) -> None:
    """Add the options of the network."""
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


def _add_attack(parser: ArgumentParser) -> None:
    """Add the options of the attack."""
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


def _add_kernels(parser: ArgumentParser) -> None:
    """Add the options of the kernels."""
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


def _shard(text: str) -> tuple[int, int]:
    """The part and the number of parts of I/N, for `type=`."""
    match = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", text)
    part, parts = (int(match[1]), int(match[2])) if match else (0, 0)
    if not 1 <= part <= parts:
        raise argparse.ArgumentTypeError(f"expected I/N with 1 <= I <= N, got {text!r}")
    return part, parts


def _run(args: argparse.Namespace) -> None:
    from ntknas.engine import (
        WorkersLost,
        WorkFailed,
        fit_spec,
        open_cluster,
        parse_cluster,
        score,
    )
    from ntknas.images import load_images
    from ntknas.runs import Run
    from ntknas.spaces.nasbench201 import architectures

    if args.cluster is not None:
        parse_cluster(args.cluster)
    chosen = architectures(args.archs)
    if args.shard is not None:
        part, parts = args.shard
        if parts > len(chosen):
            raise InputError(f"--shard {part}/{parts} of {len(chosen)} architectures leaves none")
        chosen = chosen[part - 1 :: parts]
    stored = _stored(args)
    dataset = args.dataset or (stored.dataset if stored else "cifar10")
    images = load_images(dataset, args.data, split=args.split)
    side = args.image_size
    if side is None and stored is not None and stored.dataset == dataset:
        side = stored.cell_network.image_size
    if side is not None:
        images = images.shrunk(side)
    spec = fit_spec(stored or _spec(args), images)
    if args.cluster is None:
        check_device()
    where = "" if args.cluster is None else f" on each worker of {args.cluster}"
    progress = Progress("architectures", first=f"compiling the network, once{where}")
    begun = False

    def on_progress(done: int, total: int) -> None:
        nonlocal begun
        if not begun:
            begun = True
            if stored is not None:
                note(f"settings of the run in {args.out}:")
            note(_summary(spec, images.source))
            note(f"{total} architectures into {args.out}; {done} there already")
        progress(done, total)

    def work() -> None:
        with nullcontext() if args.cluster is None else open_cluster(args.cluster) as workers:
            score(
                chosen,
                out=args.out,
                spec=spec,
                images=images,
                program=args.program,
                executor=workers,
                on_progress=on_progress,
            )

    try:
        with progress:
            interruptible(work)
    except Stopped as stop:
        note(f"ntknas: stopped; what is finished is in {args.out}, the same command resumes")
        sys.stdout.flush()
        # Threads inside XLA cannot be stopped, and the store survives the end of the process.
        os._exit(stop.status)
    except (WorkersLost, WorkFailed) as error:
        where = f"what is finished is in {args.out}, the same command resumes"
        raise OSError(f"{error}; {where}") from None
    folder = Path(args.out)
    write(f"run: {folder} ({len(Run(folder).ids)} architectures)")
    quoted = shlex.quote(str(folder))
    note(
        f"next: ntknas rank {quoted}\n      ntknas correlate {quoted} --truth FILE"
        "    (ntknas data fetch robbench gets one)"
    )


def _stored(args: argparse.Namespace) -> "ScoringSpec | None":
    """The settings of the run in the folder, if there is one and no option sets any."""
    from ntknas.runs import Run
    from ntknas.spaces.nasbench201 import NASBENCH201

    if any(getattr(args, option) is not None for option in _SETTINGS):
        return None
    try:
        run = Run(args.out)
    except InputError:  # none yet, or one that stopped before it began
        return None
    return run.spec if run.space == NASBENCH201.name else None


def _spec(args: argparse.Namespace) -> "ScoringSpec":
    """The settings that the options stand for."""
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


def _summary(spec: "ScoringSpec", source: str) -> str:
    """The settings of the run as two lines of text."""
    from ntknas.scores import format_fraction

    network = spec.cell_network
    seeds = f", {spec.seeds} seeds" if spec.seeds > 1 else ""
    lines = [
        f"{spec.batch_size} {spec.dataset} images ({source}){seeds}; network of {network.channels} "
        f"channels, {network.cells} cell{'s' * (network.cells > 1)} per stage, "
        f"norm {network.norm}, init {network.init}",
        f"kernels {', '.join(batch.kernel for batch in spec.batches)}",
    ]
    if spec.rhos:
        attack = spec.attack
        steps = "" if attack.name == "fgsm" else f", {attack.steps} steps"
        radii = ", ".join(map(format_fraction, spec.rhos))
        betas = ", ".join(f"{beta:g}" for beta in spec.betas)
        lines[1] += f"; attack {attack.name}{steps} at rho {radii}"
        lines[1] += f"; beta {betas}" if betas else ""
    lines[1] += f"; parts: {spec.parts}" * (spec.parts != "none")
    if spec.zero_cost:
        some = "" if spec.zero_cost is True else f" {', '.join(spec.proxies)}"
        lines[1] += f"; zero-cost proxies{some}"
    return "\n".join(lines)
