"""The program `ntknas`: find the command, run it, turn errors into one line and an exit status.

The exit status is 0 for success, 1 for a failure of the program or the machine, 2 for input that
cannot be used, 130 after Ctrl-C and 143 after SIGTERM. If a reader closes the pipe (`| head`), this
is not a failure.

Libraries are imported by the command that needs them: `ntknas --help` loads neither JAX nor pandas.
"""

import argparse
import contextlib
import functools
import io
import logging
import os
import sys
import warnings
from collections.abc import Sequence
from typing import TextIO

from absl import app

import ntknas
from ntknas.cli import (
    analyse,
    arch,
    attack,
    completion,
    correlate,
    data,
    doctor,
    export,
    merge,
    predict,
    rank,
    report,
    score,
    scores,
    search,
    sweep,
    theory,
    train,
    truth,
)
from ntknas.cli.output import note
from ntknas.cli.parser import ArgumentParser, Commands
from ntknas.data.places import cache_folder
from ntknas.errors import InputError, Remark, shorten

__all__ = ["main", "parse", "run"]

_ABOUT = """\
First steps:
  ntknas rank --precomputed
  ntknas score --archs random:100 --preset fast --out runs/first
  ntknas rank runs/first
  ntknas data fetch robbench
  ntknas correlate runs/first --truth robbench

`ntknas COMMAND --help` explains a command, with examples.
"""


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """The parsed command line.

    Args:
        argv: Words of the command line, with the name of the program first, as in `sys.argv`.

    Raises:
        SystemExit: If --help or --version was given, or, with status 2, if the command line is not
            valid.

    Example:
        >>> parse(["ntknas", "rank", "runs/first"]).top
        10
    """
    parser = ArgumentParser(
        prog="ntknas",
        description="Training-free robust scores of NAS-Bench-201 architectures, "
        "from neural tangent kernels.",
        epilog=_ABOUT,
    )
    parser.add_argument(
        "-V",
        "--version",
        action="version",
        version=f"ntknas {ntknas.__version__}",
        help="show the version and exit",
    )
    commands = Commands(parser)
    running = (score, merge, rank, correlate, sweep, search, analyse, predict, train, attack)
    modules = (*running, report, export, arch, scores, truth, data, theory, doctor, completion)
    for module in modules:
        module.add(commands)
    completion.complete(parser)
    args: argparse.Namespace = parser.parse_args(argv[1:])
    if args.command is None:
        names = ", ".join(module.__name__.rpartition(".")[2] for module in modules)
        parser.error(f"expected a command: {names}")
    return args


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line in this process.

    Args:
        argv: Words of the command line without the name of the program; None means those of the
            process.

    Returns:
        The exit status.

    Example:
        >>> main(["arch", "banana"])
        2
    """
    _prepare()
    try:
        args = parse(["ntknas", *(sys.argv[1:] if argv is None else argv)])
    except SystemExit as stop:
        return int(stop.code or 0)
    return _execute(args)


def run() -> None:
    """Run the command line of the process; the entry point of the installed program."""
    _prepare()
    app.run(_execute, flags_parser=parse)


def _prepare() -> None:
    """Set what JAX reads when it is first imported; parsing an option may import it."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # names of files may not fit the encoding
            stream.reconfigure(errors="backslashreplace")
    warnings.showwarning = _show_remark
    # Users of a command need no remarks of XLA, nor those of JAX on missing accelerators.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    for talkative in ("jax", "fontTools"):
        logging.getLogger(talkative).setLevel(logging.ERROR)
    # Compiled programs are kept for the next start.
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(cache_folder()))


def _execute(args: argparse.Namespace) -> int:
    """Run the chosen command and return the exit status."""
    if sys.stdout is None:
        note("ntknas: error: standard output is closed")
        return 1
    try:
        status: int = args.run(args) or 0
        sys.stdout.flush()
    except InputError as error:
        note(f"ntknas: error: {shorten(' '.join(str(error).split()), 1000)}")
        return 2
    except PermissionError as error:
        note(f"ntknas: error: {error.filename or error}: permission denied")
        return 2
    except BrokenPipeError:
        _drop_output()
    except KeyboardInterrupt:
        note("ntknas: interrupted")
        return 130
    except Exception as error:
        if os.environ.get("NTKNAS_TRACEBACK"):
            raise
        note(f"ntknas: error: {_failure(error)}")
        _drop_output()
        return 1
    else:
        return status
    return 0


def _failure(error: Exception) -> str:
    """A failure of the program or the machine as one line."""
    text = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    if isinstance(error, OSError):
        return text
    kind = type(error).__name__
    return f"{kind}: {shorten(text, 300)} (NTKNAS_TRACEBACK=1 shows where)"


def _drop_output() -> None:
    """Send what the interpreter flushes last to the null device: its reader may be gone."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


_python_shows = warnings.showwarning


@functools.cache
def _show_once(text: str) -> None:
    """Show a remark, if it was not shown before."""
    note(f"note: {text}")


def _show_remark(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Show a remark as one line on stderr, and other warnings as Python does."""
    if issubclass(category, Remark):
        _show_once(str(message))
    else:
        _python_shows(message, category, filename, lineno, file, line)


if __name__ == "__main__":
    run()
