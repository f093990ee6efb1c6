"""`ntknas scores`: the list of all scores, and how scores of a run are named."""

import argparse

from ntknas.cli.output import write, write_table
from ntknas.cli.parser import Commands, add_format

__all__ = ["add"]

_NAMES = """\
K is the kernel matrix of n images, l_1 <= ... <= l_n are its eigenvalues, y their labels. L is the
batch's mean cross-entropy, w the weights of convolutions and classifier, x the images.

A score of a run is named SCORE@KERNEL[:RHO[:BETA]]; the zero-cost proxies (grad_norm to
robust_zcp_minus, of runs made with --zero-cost), counts of the graph (live_params to pool_paths),
params and flops have no kernel:
  cond@clean                     of the clean kernel
  lambda_min@robust:8/255        of the kernel on images attacked at radius 8/255 (or 0.0313725)
  lambda_min@twice:8/255         on images attacked twice
  cond@mixed_clean:8/255:0.5     (1 - beta) clean + beta attacked, beta = 0.5
  cond@mixed_robust:8/255:0.5    (1 - beta) attacked + beta attacked twice
Joined with +, the ranks are summed: cond@clean+params (with -, a score is turned round)"""


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add(
        "scores",
        _run,
        summary="list every score with formula, direction and source, and explain their names",
    )
    add_format(parser)


def _run(args: argparse.Namespace) -> None:
    from ntknas.scores import SCORES

    if args.format != "table":
        import pandas as pd

        fields = ("name", "formula", "direction", "source")
        rows = [{field: getattr(score, field) for field in fields} for score in SCORES.values()]
        write_table(pd.DataFrame(rows), format=args.format)
        return
    for score in SCORES.values():
        better = "higher is better" if score.direction > 0 else "lower is better"
        write(f"{score.name:<18} {better:<18}{score.formula}\n{'':<37}{score.source}")
    write(f"\n{_NAMES}")
