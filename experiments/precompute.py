"""Make the precomputed table again: every class of the space under the preset "standard".

    python -m experiments.precompute

Scores into a run folder, which resumes, and writes the table when all is there.
"""

import argparse
from pathlib import Path

import ntknas
from experiments.command import clear_errors
from ntknas.report import Progress
from ntknas.runs import PRECOMPUTED, write_precomputed

__all__ = ["run"]


def run(folder: Path, out: Path, *, archs: str = "all") -> None:
    """Score what is missing and write the table.

    Args:
        folder: Folder of the run.
        out: The Parquet file.
        archs: Which architectures, as `ntknas.architectures` takes them.
    """
    with Progress("architectures", first="compiling the network, once") as progress:
        scored = ntknas.score(
            archs, out=folder, spec=ntknas.PRESETS["standard"], on_progress=progress
        )
    write_precomputed(scored, out)


def main() -> None:
    """Parse the flags and run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, default=Path("runs/standard"), help="folder of the run")
    parser.add_argument("--out", type=Path, default=PRECOMPUTED, help="the Parquet file")
    flags = parser.parse_args()
    with clear_errors(parser.prog):
        run(flags.run, flags.out)
    print(f"{flags.out}: {flags.out.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
