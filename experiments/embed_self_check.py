"""Compute the kernels that `ntknas doctor` compares with, in float64.

JAX_ENABLE_X64=1 python -m experiments.embed_self_check --out ntknas/engine/self_check.json
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import jax

import ntknas
from experiments.command import clear_errors

__all__ = ["EmbedSelfCheckConfig", "run"]


@dataclass(frozen=True)
class EmbedSelfCheckConfig:
    """What to write.

    Attributes:
        out: The JSON file to write.
    """

    out: Path


def run(config: EmbedSelfCheckConfig) -> int:
    """Write the kernels.

    Args:
        config: What to write.

    Returns:
        The number of kernels.

    Raises:
        InputError: If JAX computes in float32.
    """
    if not jax.config.read("jax_enable_x64"):
        raise ntknas.InputError("expected JAX_ENABLE_X64=1, got float32")
    kernels = ntknas.engine.self_check_kernels("branches")
    content = {"version": ntknas.__version__, "kernels": kernels.tolist()}
    config.out.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return len(kernels)


def main() -> None:
    """Parse the flags and run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    flags = parser.parse_args()
    with clear_errors(parser.prog):
        count = run(EmbedSelfCheckConfig(flags.out))
        print(f"{count} kernels written to {flags.out}")


if __name__ == "__main__":
    main()
