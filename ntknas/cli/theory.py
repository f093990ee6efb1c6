"""`ntknas theory`: kernels and bounds of a fully connected network, and its trained errors."""

import argparse
import json
from typing import TYPE_CHECKING

from ntknas.cli.device import check_device
from ntknas.cli.output import note, write, write_table
from ntknas.cli.parser import Commands, add_format, comma_list, fraction
from ntknas.errors import InputError

if TYPE_CHECKING:
    from ntknas.theory import TheoryResult

__all__ = ["add"]

_SHOWN = ("width", "kernel", "beta", "label_energy", "order", "lambda_min", "weyl_bound")

_COLUMNS = """\
label_energy     y^T K^-1 y / N: how hard the labels are for the kernel; lower is better
eigenvalue_form  1 / lambda_min, an upper bound of the label energy
order            L^1.5 sqrt(label_energy), the order of the bound; above 1 it says nothing
                 about the error by itself, but it can compare networks
weyl_bound       lower bound of lambda_min from the eigenvalues of the kernels that are mixed"""

_ABOUT = """\
Examples:
  ntknas theory
  ntknas theory --depth 5 --skips 1,0,1 --width 512 --beta 0:1:0.25 --rho 4/255
  ntknas theory --train --infinite --format json
  ntknas theory --task sphere --dimension 20 --train --seeds 10 --plot sphere.png

The network is f_1 = act(W_1 x), f_l = s act(W_l f_{l-1}) + alpha_{l-1} f_{l-1}, f = <w, f_{L-1}>,
with L layers of weights and inputs x of unit norm. The factor s is 1/L by default (--branch-scale).
The kernel K_all mixes clean and attacked Jacobians with weight beta. The kernel K~_all mixes
attacked and twice-attacked Jacobians with weight beta.

The bound on the clean error is of the order L^1.5 sqrt(y^T K_all^-1 y / N). The bound on the robust
error is the same with K~_all. Orders compare networks; they are not errors, and an order above 1
says nothing about the error.
"""


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add(
        "theory",
        _run,
        summary="show error bounds and trained errors of a fully connected network",
        about=_ABOUT,
    )
    network = parser.add_argument_group("network")
    network.add_argument(
        "--depth", metavar="L", type=int, default=4, help="number of layers of weights; default: 4"
    )
    network.add_argument(
        "--width", metavar="M", type=int, default=256, help="width of hidden layers; default: 256"
    )
    network.add_argument(
        "--skips",
        metavar="A,...",
        type=comma_list(fraction),
        help="weights alpha_1 .. alpha_{L-2} of the skip connections; default: all 1",
    )
    network.add_argument(
        "--activations",
        metavar="NAME,...",
        type=comma_list(),
        default=["relu"],
        help="one activation for all hidden layers, or a list of L-1, from relu, leaky_relu, tanh, "
        "sigmoid, swish; default: relu",
    )
    network.add_argument(
        "--branch-scale", metavar="S", type=fraction, help="factor s of the branches; default: 1/L"
    )
    network.add_argument(
        "--parametrisation",
        choices=("ntk", "standard"),
        default="ntk",
        help="parametrisation of the weights; default: ntk",
    )
    network.add_argument(
        "--variances",
        choices=("unit", "small"),
        default="unit",
        help="variances of W_1, W_l, w at initialisation: 2, 2/M, 1/M (unit, default) or 2/M, 2/M, "
        "1 (small)",
    )
    images = parser.add_argument_group("images")
    images.add_argument(
        "--task",
        choices=("two", "ten", "sphere"),
        default="two",
        help="inputs and labels: airplanes and automobiles of CIFAR-10 (two, default), all ten "
        "classes (ten), or points on a sphere (sphere)",
    )
    images.add_argument(
        "--data",
        metavar="PATH",
        help="files of CIFAR-10, or cifar10 after `ntknas data fetch`; default: the embedded "
        "sample",
    )
    images.add_argument(
        "--images", metavar="N", type=int, default=32, help="number of training images; default: 32"
    )
    images.add_argument(
        "--test-images",
        metavar="N",
        type=int,
        default=32,
        help="number of test images; default: 32",
    )
    images.add_argument(
        "--pooling",
        metavar="P",
        type=int,
        default=1,
        help="side of the squares of P x P pixels that are averaged; default: 1",
    )
    images.add_argument(
        "--dimension",
        metavar="D",
        type=int,
        default=20,
        help="dimension of the points on a sphere; default: 20",
    )
    robust = parser.add_argument_group("robust loss")
    robust.add_argument(
        "--rho",
        metavar="R",
        type=fraction,
        default=8 / 255,
        help="radius of the attack in pixel units of [0, 1]; default: 8/255",
    )
    robust.add_argument(
        "--beta",
        metavar="GRID",
        default="0,0.5,1",
        help="weights of the robust loss, as a list or START:STOP:STEP; default: 0,0.5,1",
    )
    robust.add_argument(
        "--steps", metavar="N", type=int, default=20, help="number of PGD steps; default: 20"
    )
    more = parser.add_argument_group("more")
    more.add_argument(
        "--train", action="store_true", help="also train at every beta and measure errors"
    )
    more.add_argument(
        "--training-steps",
        metavar="N",
        type=int,
        default=200,
        help="number of SGD steps; default: 200",
    )
    more.add_argument(
        "--learning-rate",
        metavar="R",
        type=fraction,
        default=0.5,
        help="learning rate of SGD; default: 0.5",
    )
    more.add_argument(
        "--infinite",
        action="store_true",
        help="also compute kernels and errors at infinite width",
    )
    more.add_argument(
        "--seed", metavar="N", type=int, default=0, help="seed of all random draws; default: 0"
    )
    more.add_argument(
        "--seeds",
        metavar="N",
        type=int,
        default=1,
        help="number of draws of images and weights, with the seeds --seed, --seed + 1, ...; the "
        "table and the picture show means with 95%% intervals, csv and json each draw; default: 1",
    )
    more.add_argument(
        "--plot",
        metavar="FILE",
        help="also draw orders and errors against beta (.png, .svg or .pdf)",
    )
    add_format(parser)


def _run(args: argparse.Namespace) -> None:
    from dataclasses import replace

    from ntknas.attack import AttackSpec
    from ntknas.evaluation import beta_grid
    from ntknas.theory import FullyConnectedSpec, TheorySpec, theory_experiment

    activations = args.activations[0] if len(args.activations) == 1 else tuple(args.activations)
    # Made before the images are read, so that errors in the network are reported at once.
    network = FullyConnectedSpec(
        depth=args.depth,
        width=args.width,
        skips=(1.0,) * (args.depth - 2) if args.skips is None else tuple(args.skips),
        activations=activations,
        branch_scale=args.branch_scale,
        parametrisation=args.parametrisation,
        variances=args.variances,
    )
    if args.task == "sphere" and (args.data is not None or args.pooling != 1):
        raise InputError("--data and --pooling are for images, not for --task sphere")
    spec = TheorySpec(
        network=network,
        task=args.task,
        data=args.data,
        num_train=args.images,
        num_test=args.test_images,
        pooling=args.pooling,
        dimension=args.dimension,
        rho=args.rho,
        betas=tuple(beta_grid(args.beta)),
        attack=AttackSpec(steps=args.steps),
        train=args.train,
        training_steps=args.training_steps,
        learning_rate=args.learning_rate,
        infinite=args.infinite,
        seed=args.seed,
    )
    if args.seeds < 1:
        raise InputError(f"--seeds must be at least 1, got {args.seeds}")
    if args.plot is not None:
        from ntknas.report import check_picture

        check_picture(args.plot)
    check_device()
    results = []
    for seed in range(spec.seed, spec.seed + args.seeds):
        of_seed = f", seed {seed}" if args.seeds > 1 else ""

        def on_trained(beta: float, of_seed: str = of_seed) -> None:
            note(f"trained at beta {beta:g}{of_seed}")

        results.append(theory_experiment(replace(spec, seed=seed), on_trained=on_trained))
    _report(args, results)


def _report(args: argparse.Namespace, results: "list[TheoryResult]") -> None:
    """Write the results in the chosen format, and draw them."""
    from dataclasses import asdict

    import pandas as pd

    from ntknas.report import format_table, theory_picture, with_interval
    from ntknas.scores import format_fraction
    from ntknas.theory import summarise_theory

    spec, task = results[0].network, results[0].task
    rows, errors = (
        [
            ({"seed": args.seed + number} if len(results) > 1 else {}) | row
            for number, result in enumerate(results)
            for row in getattr(result, name)
        ]
        for name in ("kernels", "errors")
    )
    kernels, mean_errors = summarise_theory(results)
    draws = f"{len(results)} draws of images and weights" if len(results) > 1 else "one draw"
    if args.plot is not None:
        intervals = "; bars: 95% intervals" if len(results) > 1 else ""
        title = f"depth {spec.depth}, N = {len(task.train_labels)}, rho "
        title += f"{format_fraction(args.rho)}; {draws}{intervals}"
        theory_picture(kernels, mean_errors, args.plot, title=title)
        note(f"picture: {args.plot}")
    if args.format == "json":
        content = {
            "network": asdict(spec),
            "images": {"source": task.source, "N": len(task.train_labels)},
            "rho": args.rho,
            "attack_steps": args.steps,
            "seed": args.seed,
            "kernels": rows,
            "errors": errors,
        }
        write(json.dumps(content, indent=1))
        return
    if args.format == "csv":
        write_table(pd.DataFrame(rows), format="csv")
        if errors:
            note("note: csv holds the kernels; --format json holds the trained errors too")
        return
    skips = ",".join(f"{skip:g}" for skip in spec.alphas) or "none"
    write(
        f"depth {spec.depth}, width {spec.width}, skips {skips}, "
        f"branches times {spec.hidden_scale:.3g}, {spec.parametrisation} parametrisation, "
        f"variances {spec.variances}"
    )
    write(
        f"{len(task.train_labels)} training images of {task.source}; "
        f"pgd, {args.steps} steps at rho {format_fraction(args.rho)}\n"
    )
    if len(results) > 1:
        write(f"Means of {draws}, with 95% intervals.\n")
        kernels, mean_errors = (
            pd.DataFrame(
                {
                    name: with_interval(frame, name, "{:.3g}".format)
                    if f"{name}_low" in frame
                    else frame[name]
                    for name in map(str, frame)
                    if not name.endswith(("_low", "_high"))
                }
            )
            for frame in (kernels, mean_errors)
        )
        write_table(kernels[[name for name in _SHOWN if name in kernels]], format="table")
    else:
        write_table(pd.DataFrame(rows).drop(columns="eigenvalue_order"), format="table")
        mean_errors = pd.DataFrame(errors)
    write(f"\n{_COLUMNS}")
    if errors:
        write(f"\n0-1 errors on {len(task.test_labels)} test images:")
        write(format_table(mean_errors, format="table"))
