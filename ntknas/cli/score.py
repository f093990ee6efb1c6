"""`ntknas score`: score architectures into a run folder; the same command resumes."""

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ntknas.cli.interruptible import Stopped, interruptible
from ntknas.cli.output import note, write
from ntknas.cli.parser import ArgumentParser, Commands, comma_list, fraction, one_of
from ntknas.errors import InputError
from ntknas.report.progress import Progress

if TYPE_CHECKING:
    from ntknas.runs import ScoringSpec

__all__ = ["add"]

_OF_ATTACKS = ("rho", "beta", "attack", "steps", "step_size", "random_start", "attack_norm")
_NORMS = ("batch", "image", "frozen", "none")

_ABOUT = """\
SPEC: all (the 6,466 classes), every (all 15,625), random:COUNT[:SEED], ids such as 0,5,9930, an
architecture string, code:421211, or @FILE with one per line.

Examples:
  ntknas score --archs random:100 --preset fast --out runs/first
  ntknas score --archs all --out runs/space
  ntknas score --archs random:200 --kernels clean,robust --rho 8/255 --out runs/robust
  ntknas score --archs random:50 --preset published --out runs/published

Attacks cost most of the time, which grows with --steps and with the number of radii.

Presets set N, the normalisation, the cells and the kernels; options beside one go before it:
  fast       norm image, 2 cells per stage, 8 images; clean
  standard   norm image, 5 cells per stage, 16 images; clean
  published  norm batch, 5 cells per stage, 32 images; clean, robust, twice
Attack, radii, logits and params are those of the published setting unless told otherwise. Options
of attacks need --kernels with robust or twice, or --preset published.

Stop it with Ctrl-C; the same command resumes. More architectures may be scored into the same DIR,
but never with other settings.
"""


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add(
        "score", _run, summary="score architectures into a run folder, or resume", about=_ABOUT
    )
    parser.add_argument(
        "--archs", metavar="SPEC", required=True, help="which architectures, see below"
    )
    parser.add_argument("--out", metavar="DIR", required=True, help="folder of the run")
    parser.add_argument(
        "--preset",
        choices=("fast", "standard", "published"),
        default="standard",
        help="settings to start from, see below; default: standard",
    )
    _add_images(parser)
    _add_network(parser)
    _add_attack(parser)
    _add_kernels(parser)


def _add_images(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("images")
    group.add_argument(
        "--dataset",
        choices=("cifar10", "cifar100", "imagenet16"),
        default="cifar10",
        help="default: cifar10",
    )
    group.add_argument(
        "--data",
        metavar="PATH",
        help="official pickles (folder or .tar.gz) or .npz; default: an embedded sample of 320 "
        "CIFAR-10 training images",
    )
    group.add_argument("--split", choices=("train", "test"), default="train", help="default: train")
    group.add_argument(
        "--batch-size", type=int, metavar="N", help="images per kernel; default: the preset's"
    )
    group.add_argument(
        "--balance",
        choices=("near", "exact"),
        default="near",
        help="class counts differ by at most one (default), or not at all",
    )
    group.add_argument(
        "--seeds",
        metavar="N",
        type=int,
        default=1,
        help="initialisations, each with its own batch; scores are averaged; default: 1",
    )


def _add_network(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("network")
    group.add_argument(
        "--norm",
        choices=_NORMS,
        help="normalise by statistics of the batch (published), of each image alone (cheaper), "
        "frozen ones (wrong at initialisation), or not at all; default: the preset's",
    )
    group.add_argument(
        "--init", choices=("pytorch", "kaiming"), default="pytorch", help="default: pytorch"
    )
    group.add_argument(
        "--channels", metavar="N", type=int, default=16, help="of the first stage; default: 16"
    )
    group.add_argument(
        "--cells", metavar="N", type=int, help="cells per stage; default: the preset's"
    )


def _add_attack(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("attack (radii and steps in pixel units of [0, 1])")
    group.add_argument("--attack", choices=("pgd", "fgsm"), help="default: pgd")
    group.add_argument(
        "--rho",
        type=comma_list(fraction),
        metavar="RHO,...",
        help="radii; default: 3/255,8/255",
    )
    group.add_argument("--steps", metavar="N", type=int, help="of PGD; default: 20")
    group.add_argument(
        "--step-size", metavar="SIZE", type=fraction, help="default: 2.5 rho / steps"
    )
    group.add_argument(
        "--random-start",
        action=argparse.BooleanOptionalAction,
        help="start PGD at a random point of the ball (default)",
    )
    group.add_argument(
        "--attack-norm", choices=_NORMS, help="of the attacked network; default: as --norm"
    )


def _add_kernels(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("kernels")
    group.add_argument(
        "--kernels",
        type=comma_list(one_of("clean", "robust", "twice")),
        metavar="KERNEL,...",
        help="of clean,robust,twice; default: the preset's; clean alone pays nothing for attacks",
    )
    group.add_argument(
        "--beta",
        type=comma_list(fraction),
        metavar="BETA,...",
        help="weights of the robust loss in mixed kernels; default: 0,0.5,1 (ntknas sweep gives "
        "any other later, at no cost)",
    )
    group.add_argument(
        "--logits",
        choices=("sum", "trace"),
        default="sum",
        help="gradients of the sum of the logits (default), or the mean kernel of a single logit",
    )
    group.add_argument(
        "--params", choices=("all", "weights"), default="all", help="parameters; default: all"
    )
    group.add_argument(
        "--zero-cost",
        action="store_true",
        help="also the usual proxies without a kernel (ntknas scores lists them) on the same batch",
    )


def _run(args: argparse.Namespace) -> None:
    from ntknas.engine import fit_spec, score
    from ntknas.images import load_images
    from ntknas.runs import Run
    from ntknas.spaces.nasbench201 import architectures

    chosen = architectures(args.archs)
    images = load_images(args.dataset, args.data, split=args.split)
    spec = fit_spec(_spec(args), images)

    progress = Progress("architectures", first="compiling the network, once")
    begun = False

    def on_progress(done: int, total: int) -> None:
        nonlocal begun
        if not begun:
            begun = True
            note(_summary(spec, images.source))
            note(f"{total} architectures into {args.out}; {done} there already")
        progress(done, total)

    def work() -> None:
        score(chosen, out=args.out, spec=spec, images=images, on_progress=on_progress)

    try:
        with progress:
            interruptible(work)
    except Stopped as stop:
        note(f"ntknas: stopped; what is finished is in {args.out}, the same command resumes")
        sys.stdout.flush()
        # Threads inside XLA cannot be stopped, and the store survives the end of the process.
        os._exit(stop.status)
    folder = Path(args.out)
    write(f"run: {folder} ({len(Run(folder).ids)} architectures)")
    note(
        f"next: ntknas rank {folder}\n      ntknas correlate {folder} --truth FILE"
        "    (ntknas truth --where: where to get one)"
    )


def _spec(args: argparse.Namespace) -> "ScoringSpec":
    from ntknas.attack import AttackSpec
    from ntknas.kernel import Batch, KernelName, Logits
    from ntknas.layers import Norm
    from ntknas.network import Init, NetworkSpec
    from ntknas.runs import PRESETS, ScoringSpec

    def given(value: Any, otherwise: Any) -> Any:
        return otherwise if value is None else value

    preset, published = PRESETS[args.preset], ScoringSpec()
    batches = preset.batches
    if args.kernels is not None:
        batches = tuple(KernelName(name).batches[0] for name in args.kernels)
    if set(batches) == {Batch.CLEAN}:
        for option in _OF_ATTACKS:
            if getattr(args, option) is not None:
                raise InputError(
                    f"--{option.replace('_', '-')} is of attacked kernels, got clean ones alone: "
                    "add --kernels clean,robust,twice"
                )
    return ScoringSpec(
        batch_size=given(args.batch_size, preset.batch_size),
        balance=args.balance,
        seeds=args.seeds,
        network=NetworkSpec(
            channels=args.channels,
            cells=given(args.cells, preset.network.cells),
            norm=Norm(given(args.norm, preset.network.norm)),
            init=Init(args.init),
        ),
        attack=AttackSpec(
            name=given(args.attack, published.attack.name),
            steps=given(args.steps, published.attack.steps),
            step_size=args.step_size,
            random_start=given(args.random_start, published.attack.random_start),
        ),
        attack_norm=None if args.attack_norm is None else Norm(args.attack_norm),
        batches=batches,
        rhos=tuple(given(args.rho, published.rhos)),
        betas=tuple(given(args.beta, published.betas)),
        logits=Logits(args.logits),
        parameters=args.params,
        zero_cost=args.zero_cost,
    )


def _summary(spec: "ScoringSpec", source: str) -> str:
    from ntknas.scores import format_fraction

    network = spec.network
    seeds = f", {spec.seeds} seeds" if spec.seeds > 1 else ""
    lines = [
        f"{spec.batch_size} {spec.dataset} images ({source}){seeds}; network of {network.channels} "
        f"channels, {network.cells} cell{'s' * (network.cells > 1)} per stage, "
        f"norm {network.norm}, init {network.init}",
        f"kernels {', '.join(batch.kernel for batch in spec.batches)}",
    ]
    if spec.rhos:
        attack = spec.attack
        steps = f", {attack.steps} steps" if attack.name == "pgd" else ""
        radii = ", ".join(map(format_fraction, spec.rhos))
        betas = ", ".join(f"{beta:g}" for beta in spec.betas)
        lines[1] += f"; attack {attack.name}{steps} at rho {radii}"
        lines[1] += f"; beta {betas}" if betas else ""
    lines[1] += "; zero-cost proxies" * spec.zero_cost
    return "\n".join(lines)
