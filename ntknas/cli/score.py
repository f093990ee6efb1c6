"""`ntknas score`: score architectures into a run folder; the same command resumes a run."""

import argparse
import os
import re
import shlex
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from ntknas.cli.device import check_device
from ntknas.cli.interruptible import Stopped, interruptible
from ntknas.cli.output import note, write
from ntknas.cli.parser import Commands
from ntknas.cli.score_options import (
    SETTINGS,
    add_attack,
    add_images,
    add_kernels,
    add_network,
    spec_of,
)
from ntknas.errors import InputError
from ntknas.report.progress import Progress

if TYPE_CHECKING:
    from ntknas.runs import ScoringSpec

__all__ = ["add"]

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
    add_images(parser)
    add_network(parser)
    add_attack(parser)
    add_kernels(parser)


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
    spec = fit_spec(stored or spec_of(args), images)
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

    if any(getattr(args, option) is not None for option in SETTINGS):
        return None
    try:
        run = Run(args.out)
    except InputError:  # none yet, or one that stopped before it began
        return None
    return run.spec if run.space == NASBENCH201.name else None


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
