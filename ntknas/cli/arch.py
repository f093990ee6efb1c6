"""`ntknas arch`: facts about an architecture, with all of its names and a drawing."""

import argparse
import shlex
from dataclasses import replace
from typing import TYPE_CHECKING

from ntknas.cli.output import note, write
from ntknas.cli.parser import Commands
from ntknas.cli.source import add_truth_seed
from ntknas.cli.torch_code import check_torch_code, write_torch_code
from ntknas.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from ntknas.network import NetworkSpec
    from ntknas.runs import Precomputed, Run
    from ntknas.spaces import Label
    from ntknas.spaces.nasbench201 import Architecture
    from ntknas.truth import Truth

__all__ = ["add"]

_MOST = 20
_SHOWN = ("lambda_min", "cond", "cosine_lambda_min")

_ABOUT = """\
Examples:
  ntknas arch 9930
  ntknas arch code:333123 --truth NAS-RobBench-201_html.json
  ntknas arch '|nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|+|avg_pool_3x3~0|none~1|skip_connect~2|'
  ntknas arch '(4, 3, 3, 0, 0, 0)'
  ntknas arch 0,5,9930 --run runs/first
  ntknas arch 9930 --precomputed
  ntknas arch 9930 --svg cell_9930.svg --torch-code cell_9930.py

SPEC is an id in 0..15624, an architecture string of NAS-Bench-201 or NATS-Bench, code: and six op
codes, six op indices of NASLib in brackets, several of these separated by commas,
random:COUNT[:SEED], or @FILE with one architecture per line. At most 20 architectures are described
at a time. The six op codes belong to the edges 0->1, 0->2, 1->2, 0->3, 1->3, 2->3; they are 0 none,
1 skip_connect, 2 nor_conv_1x1, 3 nor_conv_3x3, 4 avg_pool_3x3. NASLib has the edges 0->1, 0->2,
0->3, 1->2, 1->3, 2->3 and 0 skip_connect, 1 none, 2 nor_conv_3x3, 3 nor_conv_1x1, 4 avg_pool_3x3.
With --run and a run of another search space, SPEC is all, or labels of the run separated by commas.
Dotted edges in the drawing are dead: they are on no path from input to output.
"""


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add(
        "arch", _run, summary="describe architectures: names, class, size, drawing", about=_ABOUT
    )
    parser.add_argument("spec", metavar="SPEC", help="architectures to describe, see below")
    parser.add_argument(
        "--run", dest="run_folder", metavar="DIR", help="also show the scores of this run"
    )
    parser.add_argument(
        "--precomputed",
        action="store_true",
        help="also show the scores of the table in the package, and their ranks among all",
    )
    parser.add_argument(
        "--all-scores",
        action="store_true",
        help="show every score of --run or --precomputed, not the headline scores alone",
    )
    parser.add_argument(
        "--truth",
        metavar="FILE",
        help="also show published accuracies of a file, or of robbench or jung",
    )
    add_truth_seed(parser)
    parser.add_argument(
        "--channels",
        metavar="N",
        type=int,
        help="number of channels of the first stage; default: that of the run, or else 16",
    )
    parser.add_argument(
        "--cells",
        metavar="N",
        type=int,
        help="number of cells per stage; default: that of the run, or else 5",
    )
    parser.add_argument(
        "--classes",
        metavar="N",
        type=int,
        help="number of classes; default: that of the run, or else 10",
    )
    parser.add_argument(
        "--svg", metavar="FILE", help="write a drawing of one architecture, ending in .svg"
    )
    parser.add_argument(
        "--torch-code",
        metavar="FILE",
        help="write the network of one architecture as PyTorch source that needs torch alone",
    )


def _run(args: argparse.Namespace) -> None:
    from ntknas.spaces.nasbench201 import NASBENCH201, architectures

    if args.truth is None and args.truth_seed is not None:
        raise InputError("--truth-seed belongs to --truth FILE, which is missing")
    if args.all_scores and args.run_folder is None and not args.precomputed:
        raise InputError("--all-scores belongs to --run DIR or --precomputed, got neither")
    from ntknas.runs import Run

    if args.run_folder is not None:
        of_run = Run(args.run_folder)
        if of_run.space != NASBENCH201.name:
            for option in ("torch_code", "svg", "precomputed"):
                if getattr(args, option):
                    raise InputError(
                        f"--{option.replace('_', '-')} belongs to NAS-Bench-201, got a run of "
                        f"{of_run.space}"
                    )
            _describe_others(of_run, args)
            return
    chosen = architectures(args.spec)
    if len(chosen) > _MOST:
        raise InputError(f"expected at most {_MOST} architectures to describe, got {len(chosen)}")
    if args.torch_code is not None:
        if len(chosen) > 1:
            raise InputError(f"--torch-code belongs to one architecture, got {len(chosen)}")
        check_torch_code(args.torch_code)
    if args.svg is not None:
        from ntknas.report import check_output

        if len(chosen) > 1:
            raise InputError(f"--svg belongs to one architecture, got {len(chosen)}")
        if check_output(args.svg).suffix != ".svg":
            raise InputError(f"expected the name of a drawing ending in .svg, got {args.svg!r}")
    run = scores = truth = None
    sources: list[Run | Precomputed] = []
    if args.run_folder is not None:
        run = Run(args.run_folder)
        if args.all_scores:
            sources.append(run)
        else:
            scores = run.table()
    if args.precomputed:
        from ntknas.runs import load_precomputed

        sources.append(load_precomputed())
    ranked = [_ranked_scores(source, every=args.all_scores) for source in sources]
    if args.truth is not None:
        from ntknas.truth import load_truth

        truth = load_truth(args.truth, seed=args.truth_seed)
    network = _network(args, run)
    for position, architecture in enumerate(chosen):
        if position:
            write("")
        write(_describe(architecture, network))
        if truth is not None:
            write(f"\n{_accuracies(architecture.id, truth)}")
        if run is not None and scores is not None:
            write(f"\n{_scores(architecture, run, scores)}")
        for source, table in zip(sources, ranked, strict=True):
            same = architecture.representative.id
            write(f"\n{_of_one(architecture.id, source.name, table, same=same)}")
    if args.svg is not None:
        from ntknas.report import output_file
        from ntknas.spaces.nasbench201 import cell_svg

        with output_file(args.svg) as temporary:
            # What takes the colour of a page's text is black in a file.
            drawing = cell_svg(chosen[0]).replace("currentColor", "black")
            temporary.write_text(drawing + "\n", encoding="utf-8")
        note(f"drawing: {args.svg}")
    if args.torch_code is not None:
        write_torch_code(args.torch_code, chosen[0], network)


def _network(args: argparse.Namespace, run: "Run | None") -> "NetworkSpec":
    """The network of the run, or else of the benchmark, with the sizes that options give."""
    from ntknas.network import NetworkSpec

    network = NetworkSpec() if run is None else run.spec.cell_network
    sizes = {name: getattr(args, name) for name in ("channels", "cells", "classes")}
    return replace(network, **{name: size for name, size in sizes.items() if size is not None})


def _ranked_scores(source: "Run | Precomputed", *, every: bool) -> "pd.DataFrame":
    """Values and ranks, one row per architecture and columns (score, value or rank)."""
    import pandas as pd

    from ntknas.evaluation import headline_names, score_table, turned

    table = score_table(source)
    names = list(map(str, table.frame)) if every else [*headline_names(table), "params"]
    ranks = (-turned(table, names)).rank(method="min").set_axis(names, axis=1).astype(int)
    return pd.concat({"value": table.frame[names], "rank": ranks}, axis=1)


def _of_one(
    label: "Label", name: str, table: "pd.DataFrame", *, same: "Label | None" = None
) -> str:
    """The scores of one architecture with their ranks, or a remark that there are none.

    Args:
        label: Label of the architecture.
        name: Name of the source of the scores.
        table: Values and ranks of all architectures (`_ranked_scores`).
        same: Label of its representative, which is shown if the table lacks the architecture.
    """
    import pandas as pd

    from ntknas.report import format_table

    held = label if label in table.index else same
    if held not in table.index:
        return f"not in {name}"
    row = table.loc[held]
    shown = pd.DataFrame({"value": row["value"], "rank": row["rank"].astype(int)})
    shown = shown.rename_axis("score").reset_index()
    of = f"Scores of {name} (ranks among {len(table):,}, 1 is best"
    of += f"; those of {held}, its representative):" if held != label else "):"
    return f"{of}\n{format_table(shown, format='table')}"


def _describe_others(run: "Run", args: argparse.Namespace) -> None:
    """Describe architectures of a run of another space, from the facts that the run stores."""
    labels = {str(label): label for label in run.ids}
    wanted = list(labels) if args.spec == "all" else [s.strip() for s in args.spec.split(",")]
    for name in wanted:
        if name not in labels:
            some = ", ".join(list(labels)[:3])
            raise InputError(f"expected a label of the run in {run.folder} ({some}), got {name!r}")
    if len(wanted) > _MOST:
        raise InputError(f"expected at most {_MOST} architectures to describe, got {len(wanted)}")
    table, strings = run.table(), run.strings
    ranked = _ranked_scores(run, every=True) if args.all_scores else None
    truth = None
    if args.truth is not None:
        from ntknas.truth import load_truth

        truth = load_truth(args.truth, seed=args.truth_seed)
    for position, name in enumerate(wanted):
        label = labels[name]
        rows = table[table["id"] == label]
        facts = {"id": label, "architecture": strings[label], "space": run.space}
        if "params" in rows:
            facts["parameters"] = f"{rows['params'].iloc[0]:,.0f}"
        if position:
            write("")
        write("\n".join(f"{key:<16}{value}" for key, value in facts.items()))
        if truth is not None:
            write(f"\n{_accuracies(label, truth)}")
        scores = _score_table(rows, run) if ranked is None else _of_one(label, run.name, ranked)
        write(f"\n{scores}")


def _describe(architecture: "Architecture", network: "NetworkSpec") -> str:
    """The facts about an architecture of NAS-Bench-201, and its drawing."""
    from ntknas.spaces.nasbench201 import depth, draw, flops, num_parameters

    sizes = {name: getattr(network, name) for name in ("channels", "cells", "classes")}
    parameters = num_parameters(architecture, **sizes)
    operations = flops(architecture, image_size=network.image_size, **sizes)
    image = f"{network.image_size} x {network.image_size} image"
    size = architecture.class_size
    standing = "itself" if architecture.is_representative else architecture.representative.string
    skeleton = "{channels} channels, {cells} cells per stage, {classes} classes".format(**sizes)
    longest = f"{depth(architecture)} convolutions on the longest path"
    if architecture.is_constant:
        longest = "none: the output does not depend on the input"
    facts = {
        "id": architecture.id,
        "string": architecture.string,
        "op codes": f"code:{architecture.code}",
        "NASLib": architecture.naslib,
        "class": "1 architecture" if size == 1 else f"{size} architectures that compute the same",
        "represented by": f"{architecture.representative.id} ({standing})",
        "parameters": f"{parameters:,} ({skeleton})",
        "FLOPs": f"{operations:,} multiply-accumulates ({image})",
        "depth": longest,
    }
    lines = [f"{name:<16}{value}" for name, value in facts.items()]
    drawing = draw(architecture).splitlines()[2:]  # the first two lines repeat the facts above
    return "\n".join([*lines, "", *drawing])


def _accuracies(label: "Label", truth: "Truth") -> str:
    """The published accuracies of an architecture, as a table with one row per data set."""
    import pandas as pd

    from ntknas.report import format_table

    representative = truth.representative_of.get(label)
    if representative is None:
        return f"not in {truth.path}"
    rows = [
        {"dataset": dataset} | truth.wide(dataset).reindex([representative]).iloc[0].to_dict()
        for dataset in truth.datasets
    ]
    return f"Accuracies, {truth.benchmark}:\n{format_table(pd.DataFrame(rows), format='table')}"


def _scores(architecture: "Architecture", run: "Run", scores: "pd.DataFrame") -> str:
    """The headline scores of an architecture, or a remark that the run does not hold it."""
    rows = scores[scores["id"] == architecture.id]
    if rows.empty:
        other = architecture.representative.id
        held = f"; it holds {other}, its representative" if (scores["id"] == other).any() else ""
        return f"not in the run in {run.folder}{held}"
    return _score_table(rows, run)


def _score_table(rows: "pd.DataFrame", run: "Run") -> str:
    """The headline scores of an architecture, one line per whole kernel and seed."""
    from ntknas.report import format_table
    from ntknas.scores import format_fraction

    if "part" in rows:
        rows = rows[rows["part"] == ""]
    rows = rows.assign(rho=[format_fraction(v) if v == v else "" for v in rows["rho"]])
    table = format_table(rows[["kernel", "rho", "beta", "seed", "status", *_SHOWN]], format="table")
    export = f"ntknas export {shlex.quote(str(run.folder))}"
    return f"Scores of {run.folder} ({export} gives all):\n{table}"
