"""The argument parser of all commands: one-line errors, help with examples, shared options."""

import argparse
import functools
import sys
from collections.abc import Callable
from typing import Any, NoReturn

from absl.flags import argparse_flags

from ntknas.cli.output import note

__all__ = [
    "ArgumentParser",
    "Command",
    "Commands",
    "add_format",
    "add_image_size",
    "add_resamples",
    "comma_list",
    "fraction",
    "one_of",
]

Command = Callable[[argparse.Namespace], int | None]


class _HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """A formatter that keeps the lines of descriptions and shows options in two columns."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=26)


class ArgumentParser(argparse_flags.ArgumentParser):
    """A parser whose errors are one line on stderr, with exit status 2.

    Args:
        **kwargs: Keyword arguments of `argparse.ArgumentParser`.

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
        """Write one line that says what is wrong, and exit with status 2."""
        note(f"ntknas: error: {' '.join(message.split())} (see {self.prog} --help)")
        sys.exit(2)


class Commands:
    """The commands of the program; each command module adds its own.

    Args:
        parser: Parser of the program, or of a command that has commands of its own.
        dest: Name of the parsed argument that tells which command was chosen.
    """

    def __init__(self, parser: ArgumentParser, *, dest: str = "command"):
        # The parser of the program accepts the flags of absl; the commands need not accept them.
        inherit_nothing = functools.partial(ArgumentParser, inherited_absl_flags=None)
        self._subparsers = parser.add_subparsers(
            title="commands", dest=dest, metavar="COMMAND", parser_class=inherit_nothing
        )

    def add(self, name: str, run: Command, *, summary: str, about: str = "") -> ArgumentParser:
        """Add a command and return its parser.

        Args:
            name: Name of the command as the user types it.
            run: Function that runs the command with the parsed arguments. It may return an exit
                status.
            summary: One line about the command, for the list of commands.
            about: Examples and explanations, which are shown below the options of the command.
        """
        parser: ArgumentParser = self._subparsers.add_parser(
            name, help=summary, description=summary, epilog=about
        )
        parser.set_defaults(run=run)
        return parser


def add_format(parser: ArgumentParser, *, paper: bool = False) -> None:
    """Add the option --format, for commands that print a table.

    Args:
        parser: Parser of the command.
        paper: Whether the table can also be had for a paper, as Markdown or LaTeX.
    """
    more = ", markdown or latex the same table for a page or a paper" if paper else ""
    parser.add_argument(
        "--format",
        choices=("table", *(("markdown", "latex") if paper else ()), "csv", "json"),
        default="table",
        help=f"format of the output: a table to read (default){more}, or csv or json with every "
        "digit and every column",
    )


def add_image_size(group: Any) -> None:
    """Add the option --image-size, for commands that can shrink images (`ImageSet.shrunk`)."""
    group.add_argument(
        "--image-size",
        metavar="N",
        type=int,
        help="shrink images to N x N pixels, by means of squares; a divisor of the size, which is "
        "the default",
    )


def add_resamples(parser: ArgumentParser) -> None:
    """Add the options --resamples and --seed, for commands that compute bootstrap intervals."""
    parser.add_argument(
        "--resamples",
        metavar="N",
        type=int,
        help="number of resamples of each bootstrap interval; 0 means no intervals; default: 1000, "
        "or 200 for more than 1000 architectures",
    )
    parser.add_argument(
        "--seed", metavar="N", type=int, default=0, help="seed of the resamples; default: 0"
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
    """A parser of comma-separated lists, for `type=`.

    Args:
        item: Function from the text of one entry to its value.
    """

    def parse(text: str) -> list[Any]:
        return [item(part.strip()) for part in text.split(",") if part.strip()]

    return parse


def one_of(*choices: str) -> Callable[[str], str]:
    """A parser that accepts some words only, for the entries of a `comma_list`."""

    def parse(text: str) -> str:
        if text not in choices:
            raise argparse.ArgumentTypeError(f"expected some of {','.join(choices)}, got {text!r}")
        return text

    return parse
