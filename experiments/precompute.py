"""Make the precomputed table again: every class of the space under the preset "standard".

    python -m experiments.precompute --proxies runs/proxies

Scores into two run folders, which resume, and writes the table when all is there. The kernels have
the three draws of the preset. The zero-cost proxies cost about as much as 25 draws of these
and have one draw; without `--proxies` the table has none. With `--keep-kernels` the kernels are
those of the table in the package, and only proxies are scored.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import ntknas
from experiments.command import clear_errors
from ntknas.report import Progress
from ntknas.runs import PRECOMPUTED, write_precomputed

__all__ = ["run"]


def run(folder: Path | None, out: Path, *, archs: str = "all", proxies: Path | None = None) -> None:
    """Score what is missing and write the table.

    Args:
        folder: Folder of the run; None means that kernels are those of the table in the package.
        out: The Parquet file.
        archs: Which architectures, as `ntknas.architectures` takes them.
        proxies: Folder of the run of the proxies; None means that the table has none.
    """
    spec = ntknas.PRESETS["standard"]
    scored = ntknas.load_precomputed() if folder is None else _scored(archs, folder, spec)
    if proxies is None:
        write_precomputed(scored, out)
    else:
        alone = replace(spec, seeds=1, parts="none", zero_cost=True)
        write_precomputed(scored, out, proxies=_scored(archs, proxies, alone))


def _scored(archs: str, folder: Path, spec: ntknas.ScoringSpec) -> ntknas.Run:
    """The run, after what was missing in it."""
    with Progress("architectures", first="compiling the network, once") as progress:
        return ntknas.score(archs, out=folder, spec=spec, on_progress=progress)


def main() -> None:
    """Parse the flags and run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, default=Path("runs/standard"), help="folder of the run")
    parser.add_argument(
        "--keep-kernels", action="store_true", help="take kernels from the table in the package"
    )
    parser.add_argument("--out", type=Path, default=PRECOMPUTED, help="the Parquet file")
    parser.add_argument("--proxies", type=Path, help="folder of the run of the proxies")
    flags = parser.parse_args()
    with clear_errors(parser.prog):
        run(None if flags.keep_kernels else flags.run, flags.out, proxies=flags.proxies)
    print(f"{flags.out}: {flags.out.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
