"""The argument parser of every command: errors in one line, help with examples, shared options."""

import argparse
import functools
import sys
from collections.abc import Callable
from typing import Any, NoReturn

from absl.flags import argparse_flags

__all__ = [
    "ArgumentParser",
    "Command",
    "Commands",
    "add_format",
    "add_resamples",
    "comma_list",
    "fraction",
    "one_of",
]

Command = Callable[[argparse.Namespace], None]


class _HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Descriptions and examples as they are written; options in two columns."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=26)


class ArgumentParser(argparse_flags.ArgumentParser):
    """A parser whose errors are one line on stderr, with exit status 2.

    Args:
        **kwargs: of `argparse.ArgumentParser`.

    Example:
        >>> parser = ArgumentParser(prog="ntknas demo", inherited_absl_flags=None)
        >>> _ = parser.add_argument("--rho", type=comma_list(fraction))
        >>> parser.parse_args(["--rho", "0,1/4"]).rho
        [0.0, 0.25]
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            add_help=False, allow_abbrev=False, formatter_class=_HelpFormatter, **kwargs
        )
        self.add_argument("-h", "--help", action="help", help="show this help and exit")

    def error(self, message: str) -> NoReturn:
        """Say what is wrong in one line and exit with status 2."""
        sys.stderr.write(f"ntknas: error: {' '.join(message.split())} (see {self.prog} --help)\n")
        sys.exit(2)


class Commands:
    """The place where commands add themselves.

    Args:
        parser: of the program.
    """

    def __init__(self, parser: ArgumentParser):
        # The program's parser takes absl's own flags; once is enough.
        inherit_nothing = functools.partial(ArgumentParser, inherited_absl_flags=None)
        self._subparsers = parser.add_subparsers(
            title="commands", dest="command", metavar="COMMAND", parser_class=inherit_nothing
        )

    def add(self, name: str, run: Command, *, summary: str, about: str = "") -> ArgumentParser:
        """The parser of a new command.

        Args:
            name: as typed.
            run: what the command does with the parsed arguments.
            summary: one line for the list of commands.
            about: examples and explanations below the command's options.
        """
        parser: ArgumentParser = self._subparsers.add_parser(
            name, help=summary, description=summary, epilog=about
        )
        parser.set_defaults(run=run)
        return parser


def add_format(parser: ArgumentParser) -> None:
    """The option --format, for commands that print a table."""
    parser.add_argument(
        "--format",
        choices=("table", "csv", "json"),
        default="table",
        help="table to read (default); csv and json hold every digit and every column",
    )


def add_resamples(parser: ArgumentParser) -> None:
    """The options --resamples and --seed, for commands that give bootstrap intervals."""
    parser.add_argument(
        "--resamples",
        metavar="N",
        type=int,
        help="of the intervals; default: 1000, or 200 beyond 1000 architectures; 0: none",
    )
    parser.add_argument(
        "--seed", metavar="N", type=int, default=0, help="of the resamples; default: 0"
    )


def fraction(text: str) -> float:
    """A number such as 0.03 or 8/255, for `type=`."""
    from ntknas.errors import InputError
    from ntknas.scores import parse_fraction

    try:
        return parse_fraction(text)
    except InputError as error:  # argparse would hide the message of a ValueError
        raise argparse.ArgumentTypeError(str(error)) from None


def comma_list(item: Callable[[str], Any] = str) -> Callable[[str], list[Any]]:
    """A comma-separated list, for `type=`.

    Args:
        item: what makes one entry of its text.
    """

    def parse(text: str) -> list[Any]:
        return [item(part.strip()) for part in text.split(",") if part.strip()]

    return parse


def one_of(*choices: str) -> Callable[[str], str]:
    """One of some words, for the entries of a `comma_list`."""

    def parse(text: str) -> str:
        if text not in choices:
            raise argparse.ArgumentTypeError(f"expected some of {','.join(choices)}, got {text!r}")
        return text

    return parse
