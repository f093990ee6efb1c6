"""`ntknas report`: runs, searches and trainings as one web page, and figures for papers."""

import argparse
from pathlib import Path

from ntknas.cli.output import note
from ntknas.cli.parser import Commands, add_resamples, comma_list
from ntknas.cli.source import add_truth_seed
from ntknas.errors import InputError
from ntknas.report.progress import Progress

__all__ = ["add"]

_ABOUT = """\
Examples:
  ntknas report runs/first -o first.html
  ntknas report runs/robust --truth NAS-RobBench-201_html.json -o robust.html
  ntknas report runs/robust --truth FILE --metric clean,pgd_8 --archs 9930,5721 --top 100
  ntknas report --precomputed searches/first trainings/five --truth FILE --static figures

RUN is the folder of a run (ntknas score), of a search (ntknas search --out) or of trainings (ntknas
train), or a file of scores of another tool (.csv, .json). The page holds what was run, the ranking
with drawn cells and the ranks of every draw, scores against accuracies, correlations with
intervals, spectra, curves over beta and rho, and the histories of searches and trainings. It is one
file, which needs no network. Pages need the package vl-convert-python: pip install 'ntknas[report]'

--static writes each picture for print as SVG and PDF, 7 inches wide (a page), and pictures of one
panel also 3.5 inches wide (a column). Without -o, it writes no page.
"""


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add(
        "report", _run, summary="show runs, searches and trainings as one web page", about=_ABOUT
    )
    parser.add_argument("places", metavar="RUN", nargs="*", help="what to report on, see below")
    parser.add_argument(
        "--precomputed", action="store_true", help="also report on the table in the package"
    )
    parser.add_argument(
        "--truth",
        metavar="FILE",
        help="file of published accuracies (ntknas truth --where says where to get one)",
    )
    add_truth_seed(parser)
    parser.add_argument(
        "--dataset", help="data set of the accuracies; default: that of each run or file"
    )
    parser.add_argument(
        "--metric",
        metavar="M",
        nargs="+",
        action="extend",
        type=comma_list(),
        help="metrics of the accuracies, such as clean pgd_8; default: all metrics of the file",
    )
    parser.add_argument(
        "--score",
        metavar="NAME",
        default="default",
        help="score, or sum of scores, to rank by (ntknas rank); default: default",
    )
    parser.add_argument(
        "--archs",
        metavar="IDS",
        help="architectures whose spectra are shown, with commas between them; default: the best, "
        "the median and the worst of the ranking",
    )
    parser.add_argument(
        "--top", metavar="N", type=int, default=30, help="architectures to list; default: 30"
    )
    parser.add_argument("--title", default="", help="title of the page")
    parser.add_argument(
        "-o",
        "--out",
        metavar="PAGE",
        help="file to write, ending in .html; default: report.html, or none with --static",
    )
    parser.add_argument("--static", metavar="DIR", help="folder for pictures as SVG and PDF")
    add_resamples(parser)


def _run(args: argparse.Namespace) -> None:
    from ntknas.report import check_output
    from ntknas.report.page import Options, gather, write_figures, write_page
    from ntknas.truth import load_truth

    if args.truth is None and (args.metric or args.dataset or args.truth_seed is not None):
        raise InputError(
            "--metric, --dataset and --truth-seed belong to --truth FILE, which is missing"
        )
    out = args.out or (None if args.static is not None else "report.html")
    if out is not None:
        check_output(out)
    if args.static is not None and Path(args.static).exists() and not Path(args.static).is_dir():
        raise InputError(f"expected a folder to write to, got the file {args.static}")
    truth = None if args.truth is None else load_truth(args.truth, seed=args.truth_seed)
    metrics = [name for names in args.metric or [] for name in names]
    progress = Progress("correlations", lines=False)
    options = Options(
        score=args.score,
        dataset=args.dataset,
        metrics=tuple(dict.fromkeys(metrics)) or None,
        architectures=args.archs,
        top=args.top,
        resamples=args.resamples,
        seed=args.seed,
        on_pair=progress,
    )
    material = gather(args.places, truth=truth, options=options, precomputed=args.precomputed)
    with progress:
        path = None if out is None else write_page(material, out, title=args.title)
        written = [] if args.static is None else write_figures(material, args.static)
    if path is not None:
        note(f"page: {path} ({path.stat().st_size / 1e6:.1f} MB)")
    if args.static is not None:
        note(f"{len(written)} pictures: {args.static}")
